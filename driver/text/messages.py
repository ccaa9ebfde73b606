"""Names and values of a file in the sentences that people read."""

from collections.abc import Iterable

from mistral_actions.inputs import full_stop, nearest

__all__ = ["full_stop", "legible", "listed", "nearest", "shown"]

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
    if value in ({}, []):
        return "an empty mapping" if isinstance(value, dict) else "an empty list"
    kinds = {bool: str(value).lower(), type(None): "null", dict: "a mapping", list: "a list"}
    return kinds.get(type(value)) or legible(repr(value))


def listed(names: Iterable[str]) -> str:
    """Return names as a list in a sentence."""
    return ", ".join(names)
