"""Names and values of a file in the sentences that people read."""

import difflib
import re
from collections.abc import Iterable

# A name in a chain becomes part of a workbook: nothing that YAML or an expression could see in it
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
NAME_RULE = "letters, digits, _ . and -, at most 64, beginning with a letter or _"
_LONGEST = 60


def legible(text: str, longest: int = _LONGEST) -> str:
    """Return a text as one short line without control characters.

    :param text: any text.
    :param longest: characters after which it is cut.
    """
    text = text if len(text) <= longest else f"{text[:longest]}..."
    return text if text.isprintable() else ascii(text)[1:-1]


def shown(value: object) -> str:
    """Return a value as it is put into a sentence: in quotes if it is text, and never long."""
    if isinstance(value, str):
        return f"'{legible(value)}'"
    kinds = {bool: str(value).lower(), type(None): "null", dict: "a mapping", list: "a list"}
    return kinds.get(type(value)) or legible(repr(value))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names what was probably meant; nothing if unclear.

    :param name: what was given.
    :param known: what there is.
    """
    close = difflib.get_close_matches(name[:_LONGEST], sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def listed(names: Iterable[str]) -> str:
    """Return names as a list in a sentence."""
    return ", ".join(names)
