"""One normaliser for everything that people and programs give to a workflow.

The `mistral` client and Senlin send JSON types. Horizon sends each field as a string, and a
default as the JSON text of its repr: `true` arrives as `"True"` with the quotes, `null` as
`"None"`, an empty field as null. What cannot be parsed is refused, never guessed.

Words and numbers are those of oslo, which OpenStack's services read with. A name that exists as it
stands is meant as it stands: a server may be called None, 123 or "web", with the quotes.
"""

import contextlib
import datetime
import difflib
import json
import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from oslo_utils import strutils

from mistral_actions.errors import BadInput

Parse = Callable[[Any], Any]

_QUOTES = "\"'"
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST_WORD = 60  # comparing takes long with more
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,255}\Z")  # of a host


def bare(value: Any) -> Any:
    """Return the value without the quotes and blanks of forms; None if it says nothing."""
    if isinstance(value, str):
        value = value.strip()
        while len(value) >= 2 and value[0] == value[-1] and value[0] in _QUOTES:
            value = value[1:-1].strip()
        if value in ("", "None", "null"):
            return None
    return value


def readings(value: Any) -> list[str]:
    """Return what may be meant by the name of a thing: as it stands, then as a form means it.

    :param value: a text, or a number for a name of digits; nothing is meant by anything else, and
        by quotes and blanks alone.
    """
    whole = _written(value)
    if not isinstance(whole, str) or not whole.strip(_QUOTES + string.whitespace):
        return []
    return list(dict.fromkeys(filter(None, (whole.strip(), bare(whole)))))


def shortest(value: Any) -> str | None:
    """Return a name without quotes and blanks: who means the same thing gave the same of it."""
    return next(reversed(readings(value)), None)


def _written(value: Any) -> Any:
    """Return a whole number as it was typed where a text was meant; anything else as it is."""
    return str(value) if type(value) is int else value


def boolean(value: Any) -> bool:
    """Parse true, t, yes, y, on, 1 and their opposites, in any case: what oslo takes."""
    try:
        return bool(strutils.bool_from_string(value, strict=True))
    except ValueError:
        raise ValueError("true or false") from None


def whole_number(low: int, high: int) -> Parse:
    """Return a parser of whole numbers from low to high, in each notation that oslo.config takes.

    For JSON 5.0 is a whole number as well; as a text it is none, here as there.
    """

    def parse(value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        with contextlib.suppress(ValueError):
            if type(value) in (int, str) and low <= (number := int(value)) <= high:
                return number
        raise ValueError(f"a whole number from {low} to {high}")

    return parse


def text(value: Any) -> str:
    """Parse a line of text of at most 255 characters; of those that Nova takes in a name."""
    if isinstance(value, str) and len(value) <= 255 and all(map(_is_printable, value)):
        return value
    raise ValueError("a line of text of at most 255 characters")


def reason(value: Any) -> str:
    """Parse why something was done: what Nova takes for a reason, several lines too."""
    if isinstance(value, str) and len(value) <= 255:
        return value
    raise ValueError("a text of at most 255 characters")


def _is_printable(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"  # spaces of all kinds


def host_name(value: Any) -> str:
    """Parse the name of a host, as the Nova compute service calls it."""
    value = _written(value)
    if isinstance(value, str) and _NAME.match(value):
        return value
    raise ValueError("the name of one host, as `openstack compute service list` shows it")


def identifier(value: Any) -> str:
    """Parse the id of a server, a volume or an image: it becomes part of a path."""
    if isinstance(value, str) and UUID.fullmatch(value):
        return value.lower()
    raise ValueError("an id, such as `openstack server list` shows it, and not a name")


def host_names(value: Any) -> list[str]:
    """Parse host names, comma separated (or a list); each once, in their order."""
    value = _written(value)
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError("names of hosts, comma separated")
    names = [bare(part) for part in parts]
    return list(dict.fromkeys(host_name(name) for name in names if name is not None))


def mapping(value: Any) -> dict[str, Any]:
    """Parse an object, or the JSON text of one: a form has nothing but texts."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict):
        return value
    raise ValueError('a JSON object, as {"resource_id": "..."}')


def choice(*allowed: str) -> Parse:
    """Return a parser of one word out of those allowed, in any case; it returns the one allowed."""
    known = {word.lower(): word for word in allowed}

    def parse(value: Any) -> str:
        if isinstance(value, str) and (word := known.get(value.lower())):
            return word
        raise ValueError("one of " + ", ".join(allowed) + nearest(value, allowed))

    return parse


def full_stop(text: str) -> str:
    """Return a text with a full stop, unless it ends with a question."""
    return text if text.endswith("?") else f"{text}."


def nearest(word: Any, known: Iterable[str], likeness: float = 0.6) -> str:
    """Return the end of a sentence that names what was probably meant; nothing if unclear.

    Upper and lower case count as one, and the first part of a name with dots stands for it, as the
    short name of a host does, unless it is the first part of several.

    :param word: what was given.
    :param known: what there is.
    :param likeness: from 0 to 1: how much it must be alike.
    """
    given, names = str(word).lower(), {name.lower(): name for name in sorted(known, reverse=True)}
    first = given.partition(".")[0]
    meant = [name for name in names if name == first or name.partition(".")[0] == given]
    if given in names:
        meant = [given]
    elif len(meant) != 1:
        meant = difflib.get_close_matches(given[:_LONGEST_WORD], names, 1, likeness)
    return f"; did you mean {names[meant[0]]!r}?" if meant else ""


@dataclass(frozen=True)
class Option:
    """An input that may also be set in the Mistral environment `recovery`."""

    parse: Parse
    default: Any


RESET_STUCK = {"reset_stuck": Option(boolean, False)}  # so is this
DRY_RUN = {"dry_run": Option(boolean, False)}  # said each time, never a setting


def required(given: Any, name: str, parse: Parse) -> Any:
    """Return an input that has no default.

    :raises BadInput: it is missing or cannot be parsed.
    """
    value = bare(given)
    if value is None:
        raise BadInput(f"Input {name!r} is missing: it must be {_expected(parse)}.")
    return parsed(value, parse, f"Input {name!r}")


def names(given: Any, name: str, parse: Parse) -> list[str]:
    """Return the readings of an input that names a thing.

    :raises BadInput: it is missing or cannot be parsed.
    """
    found = readings(given)
    if not found:
        return [required(given, name, parse)]  # says what is wrong
    return [parsed(one, parse, f"Input {name!r}") for one in found]


def merge(
    options: Mapping[str, Option], given: Mapping[str, Any], environment: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a value for each option: as given, else from the environment, else its default.

    :raises BadInput: a value cannot be parsed; the sentence says where it came from.
    """
    merged = {}
    for name, option in options.items():
        merged[name] = option.default
        for value, place in (
            (given.get(name), f"Input {name!r}"),
            (environment.get(name), f"{name!r} in the Mistral environment 'recovery'"),
        ):
            if (value := bare(value)) is not None:
                merged[name] = parsed(value, option.parse, place)
                break
    return merged


def parsed(value: Any, parse: Parse, place: str) -> Any:
    """Return what a parser makes of a value.

    :param place: where it stands, as the sentence begins.
    :raises BadInput: it cannot be parsed.
    """
    try:
        return parse(value)
    except ValueError as error:
        text = f"{place} is {str(value)[:80]!r}: it must be {error}"
        raise BadInput(full_stop(text)) from None


def _expected(parse: Parse) -> str:
    try:
        parse(object())
    except ValueError as error:
        return str(error)
    return "given"  # pragma: no cover - every parser refuses a bare object


def time(value: str) -> datetime.datetime:
    """Return a time of the Nova API (ISO 8601, UTC) as an aware datetime."""
    parsed = datetime.datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)
