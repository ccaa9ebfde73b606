"""What a JSON schema (draft 7) finds wrong with a value, in the sentences that people read.

A ``title`` in the schema says what a value must be, for instance "a UUID"; without one the
sentence is made of the schema's own words. Beside a ``not`` the title is the whole sentence.
``otherwise``, a keyword of ours, says what another value would mean.
"""

import functools
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from driver.text.messages import legible, listed, nearest, shown
from driver.text.problems import Problem
from driver.text.strict_yaml import YamlNode

_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a mapping",
    "string": "a text",
}

Path = tuple[str | int, ...]


@functools.cache
def schema_beside(module: str) -> Mapping[str, Any]:
    """Return the schema of the file ``schema.json`` beside a module, given by its ``__file__``."""
    text = pathlib.Path(module).with_name("schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def problems_of(schema: Mapping[str, Any], node: YamlNode) -> Iterator[Problem]:
    """Yield what is wrong with a value in a file, with its place."""
    for path, message in mistakes(schema, node.plain()):
        if node.at(path).is_valid:  # else it is reported already
            yield Problem(node.place_of(path), message)


def mistakes(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[Path, str]]:
    """Yield all that is wrong with a value: the way to it, and a sentence; the same one once.

    :param schema: of draft 7. A whole number is an integer; 1.0 is none.
    """
    found = (one for error in _validator()(schema).iter_errors(value) for one in _sentences(error))
    yield from dict.fromkeys(found)


def dotted(path: Iterable[str | int]) -> str:
    """Return the way to a value as text, for instance ``actions[2].parameters.flavor``."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{legible(step)}" for step in path)
    return "".join(parts).removeprefix(".")


@functools.cache
def _validator() -> Any:
    # imported here: every `openstack` command, whoever's it is, imports ours
    from jsonschema import Draft7Validator, validators

    types = Draft7Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    return validators.extend(Draft7Validator, type_checker=types)


def _sentences(error: Any) -> Iterator[tuple[Path, str]]:
    schema, value, path = error.schema, error.instance, tuple(error.absolute_path)
    if "propertyNames" in error.relative_schema_path:
        path = (*path, value)
    within = f" in {schema['title']}" if "title" in schema else ""
    is_void = error.validator == "type" and value is None
    if error.validator == "additionalProperties":
        known = schema.get("properties", {})
        for key in value:
            if key not in known:
                hint = nearest(key, known) or _there_are(known)
                yield (*path, key), f"unknown key {shown(key)}{within}{hint}"
    elif error.validator == "required" or (is_void and "required" in schema):
        for key in schema["required"]:
            if key not in (value or {}):
                yield path, f"{shown(key)} is missing{within}"
    elif error.validator == "not":
        yield path, schema["title"]
    else:
        hint = _choices(schema, value) if "enum" in schema else ""
        why = f": {schema['otherwise']}" if "otherwise" in schema else ""
        yield path, f"expected {_wanted(schema)}, not {shown(value)}{hint}{why}"


def _there_are(names: Iterable[str]) -> str:
    return f"; there are {listed(names)}" if names else "; there are none"


def _choices(schema: Mapping[str, Any], value: object) -> str:
    """Return the end of a sentence: what was probably meant, or all that there is."""
    choices = [choice for choice in schema["enum"] if isinstance(choice, str)]
    text = value if isinstance(value, str) else ""
    return nearest(text, choices) or (_there_are(choices) if "title" in schema else "")


def _wanted(schema: Mapping[str, Any]) -> str:
    """Return what a value must be."""
    if "title" in schema:
        return str(schema["title"])
    if "enum" in schema:
        return f"one of {listed(choice for choice in schema['enum'] if choice)}"
    types = schema.get("type", "object")
    names = [_TYPES[name] for name in ([types] if isinstance(types, str) else types)]
    span = f" from {schema['minimum']}" if "minimum" in schema else ""
    span += f" to {schema['maximum']}" if "maximum" in schema else ""
    least = " that is not empty" if schema.keys() & {"minItems", "minLength"} else ""
    return f"{' or '.join(names)}{span}{least}"
