"""What the properties of the policy may say, and all that is wrong with them, as sentences.

What Senlin reads as a number, true, false or a text counts here: "60", yes, 200 for a text. What it
would cut or turn into another text is refused: 2.5 for a whole number, true for a text.
"""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from driver.senlin import model
from driver.text import json_schemas
from driver.text.messages import listed, shown
from mistral_actions import inputs

# by the type that a schema wants
_WORDS: dict[str, inputs.Parse] = {
    "boolean": inputs.boolean,
    "integer": inputs.whole_number(-sys.maxsize, sys.maxsize),
    "string": lambda value: str(value) if type(value) is int else value,
}
_LONGEST_TIMEOUT = 7 * 24 * 3600


def _keys(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    whole = {"properties": properties, "required": required, "additionalProperties": False}
    return {"type": "object", **whole, **more}


def _whole(most: int, unit: str = "") -> dict[str, Any]:
    words = f"a whole number{unit} from 1 to {most}"
    return {"type": "integer", "minimum": 1, "maximum": most, "title": words}


def _some(items: dict[str, Any]) -> dict[str, Any]:
    return {"title": "a list of at least one", "type": "array", "minItems": 1, "items": items}


def _if(key: str, value: str, then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"required": [key], "properties": {key: {"const": value}}}, "then": then}


def _params(name: str, properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """Return what the ``params`` of an action may hold; only required ones make them so."""
    params = _keys(properties, *required, title=f"the params of {name}")
    params |= {} if required else {"type": ["object", "null"]}
    title = f"{name}, which needs {listed(required)} there"
    needs = {"title": title, "required": ["params"]} if required else {}
    return _if("name", name, {"properties": {"params": params}, **needs})


_TEXT = {"type": "string"}
_NAME = {"title": "a name", "type": "string", "pattern": r"\S"}
_URL = {"title": "a URL", "type": "string", "minLength": 1}
_FLAG = {"type": "boolean"}
_SECONDS = _whole(_LONGEST_TIMEOUT, " of seconds")
_POLL_OPTIONS = {
    "poll_url": _TEXT,
    "poll_url_ssl_verify": _FLAG,
    "poll_url_conn_error_as_unhealthy": _FLAG,
    "poll_url_healthy_response": _TEXT,
    "poll_url_retry_limit": _whole(1000),
    "poll_url_retry_interval": _SECONDS,
}
_HAS_URL = {
    "required": ["options"],
    "properties": {"options": {"required": ["poll_url"], "properties": {"poll_url": _URL}}},
}
_MODE = _keys(
    {
        "type": {"enum": [model.POLLING, model.POLL_URL, model.HYPERVISOR]},
        "options": _keys(_POLL_OPTIONS),
    },
    "type",
    allOf=[_if("type", model.POLL_URL, _HAS_URL)],
)
_ACTION = _keys(
    {"name": {"enum": model.NAMES}, "params": {}},
    "name",
    allOf=[
        _params(model.REBOOT, {"type": {"enum": ["SOFT", "HARD"]}}),
        _params(model.REBUILD, {}),
        _params(model.RECREATE, {}),
        _params(
            model.WORKFLOW,
            {
                "workflow_name": _NAME,
                "workflow_namespace": _TEXT,
                "inputs": {"title": "a mapping of names to values", "type": "object"},
                "timeout": _SECONDS,
                "on_error": {"enum": [model.STOP, model.CONTINUE]},
                "on_paused": {"enum": [model.WAIT, model.FAIL]},
            },
            "workflow_name",
        ),
    ],
)
_DETECTION = _keys(
    {
        "interval": _SECONDS,
        "node_update_timeout": _SECONDS,
        "recovery_conditional": {"enum": ["ANY_FAILED", "ALL_FAILED"]},
        "detection_modes": _some(_MODE),
    },
    "detection_modes",
)
_RECOVERY = _keys(
    {
        "actions": _some(_ACTION),
        "fencing": _some({"enum": ["COMPUTE"]}),
        "node_delete_timeout": _SECONDS,
        "node_force_recreate": _FLAG,
        "strict": _FLAG,
        "attempts": _whole(1000),
        "backoff": _whole(model.LONGEST_BACKOFF, " of seconds"),
    },
    "actions",
)
_PROPERTIES = _keys({"detection": _DETECTION, "recovery": _RECOVERY}, "detection", "recovery")


def mistakes(properties: object) -> list[str]:
    """Return all that is wrong with the properties of a policy, one clause each.

    :param properties: what stands under ``properties``, as the request gave it.
    """
    properties = _read(_PROPERTIES, properties)
    found = json_schemas.mistakes(_PROPERTIES, properties)
    told = [f"{json_schemas.dotted(path) or 'properties'}: {text}" for path, text in found]
    return [*told, *_modes_given_twice(properties)]


def _read(schema: Mapping[str, Any], value: Any) -> Any:
    """Return a value with each word that means a number, true, false or a text as what it means."""
    if isinstance(value, Mapping):
        known = _keys_of(schema, value)
        return {key: _read(known.get(key) or {}, one) for key, one in value.items()}
    if isinstance(value, list):
        return [_read(schema.get("items") or {}, one) for one in value]
    if isinstance(value, str | int | float) and (parse := _WORDS.get(str(schema.get("type")))):
        with contextlib.suppress(ValueError):
            return parse(value)
    return value


def _keys_of(schema: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas of the keys; those of params depend on the name of the action."""
    found = dict(schema.get("properties") or {})
    for rule in schema.get("allOf") or ():
        if all(value.get(key) == one["const"] for key, one in rule["if"]["properties"].items()):
            found |= {k: one for k, one in rule["then"]["properties"].items() if not found.get(k)}
    return found


def _modes_given_twice(properties: object) -> Iterator[str]:
    detection = properties.get("detection") if isinstance(properties, Mapping) else None
    modes = detection.get("detection_modes") if isinstance(detection, Mapping) else None
    found = modes if isinstance(modes, list) else []
    types = [mode.get("type") if isinstance(mode, Mapping) else None for mode in found]
    for number, kind in enumerate(types):
        if isinstance(kind, str) and kind in types[:number]:
            place = f"detection.detection_modes[{number}].type"
            yield f"{place}: {shown(kind)} stands there twice"


def recovery(properties: Mapping[str, Any]) -> model.RecoveryChain:
    """Return what properties without mistakes say about recovering."""
    properties = _read(_PROPERTIES, properties)
    detection, said = properties["detection"], properties["recovery"]
    numbers = {name: said[name] for name in ("strict", "attempts", "backoff") if name in said}
    return model.RecoveryChain(
        steps=tuple(
            _step(action, "COMPUTE" in said.get("fencing", ())) for action in said["actions"]
        ),
        detection=tuple(mode["type"] for mode in detection["detection_modes"]),
        all_failed=detection.get("recovery_conditional") == "ALL_FAILED",
        period=detection.get("interval", 60) + detection.get("node_update_timeout", 300),
        **numbers,
    )


def _step(action: Mapping[str, Any], fenced: bool) -> model.ChainStep:
    name, params = action["name"], action.get("params") or {}
    if name == model.RECREATE:
        return model.ChainStep(name, params={"fence_compute": True} if fenced else {})
    if name != model.WORKFLOW:
        return model.ChainStep(name, params=params)
    ours = {"workflow_name": "workflow", "workflow_namespace": "namespace"}
    return model.ChainStep(name, **{ours.get(key, key): value for key, value in params.items()})
