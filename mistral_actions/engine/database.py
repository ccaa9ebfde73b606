"""Mistral's database. Only the functions of this package read it, in Mistral's engine."""

from typing import Any


def api() -> Any:
    """Return Mistral's own access to its database; the caller is in a transaction of the engine."""
    from mistral.db.v2 import api as found  # only the engine has it; drivers import the pack, too

    return found
