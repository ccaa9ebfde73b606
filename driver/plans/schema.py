"""The JSON schema of the pack's own format of action plans: what ``schema.json`` holds.

Made from the types of actions, so that it cannot say something else than the reader does. To write
the file anew: ``python -m driver.plans.schema``.
"""

import json
import pathlib
from typing import Any

from driver.plans.model import RULES
from driver.plans.types import ACTION_TYPES, UUID, ActionType, Parameter

PATH = pathlib.Path(__file__).with_name("schema.json")
_UUID = {"type": "string", "pattern": f"^{UUID.pattern}$"}
_NAME = {"type": ["string", "null"], "minLength": 1}


def schema() -> dict[str, Any]:
    """Return the schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Action plan",
        "description": "Actions that are carried out in the order of a graph without cycles.",
        "type": "object",
        "required": ["uuid", "actions"],
        "additionalProperties": False,
        "properties": {
            "uuid": {**_UUID, "description": "Of the plan; a plan is started once."},
            "strategy": {**_NAME, "description": "What made the plan; it may decide the rule."},
            "rule": {
                "enum": [*RULES, None],
                "description": "ALWAYS: an action runs when its parents have ended. ANY: it is an"
                " alternative to its parents, and runs only if none of them has succeeded.",
            },
            "actions": {"type": "array", "items": _action()},
        },
    }


def _action() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["uuid", "type"],
        "additionalProperties": False,
        "properties": {
            "uuid": {**_UUID, "description": "Of the action; none twice."},
            "type": {"enum": list(ACTION_TYPES)},
            "parameters": {"type": ["object", "null"]},
            "parents": {
                "type": ["array", "null"],
                "items": _UUID,
                "description": "uuids of the actions that must end before it.",
            },
            "name": {**_NAME, "description": "What people call it; its resource if left out."},
            "state": {
                "enum": ["PENDING", "SKIPPED", None],
                "description": "SKIPPED: an administrator has taken it out of the plan.",
            },
        },
        "allOf": [_parameters_of(name, type_) for name, type_ in ACTION_TYPES.items()],
    }


def _parameters_of(name: str, type_: ActionType) -> dict[str, Any]:
    required = [key for key, parameter in type_.parameters.items() if parameter.is_required]
    parameters: dict[str, Any] = {
        "additionalProperties": False,
        "properties": {key: _parameter(one) for key, one in type_.parameters.items()},
    }
    then: dict[str, Any] = {"properties": {"parameters": parameters}}
    if required:
        parameters |= {"type": "object", "required": required}
        then["required"] = ["parameters"]
    return {"if": {"properties": {"type": {"const": name}}}, "then": then}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    if parameter.choices:
        return {"enum": list(parameter.choices)}
    if parameter.kind == "seconds":
        return {"type": "number", "minimum": 0}
    if parameter.kind == "uuid":
        return dict(_UUID)
    return (
        {"type": "string", "minLength": 1}
        if parameter.is_required
        else {"type": ["string", "null"]}
    )


def text() -> str:
    """Return the text of the file."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
