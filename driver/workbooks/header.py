"""The head of the compiled workbook of recovery methods: it says what it was compiled from."""

import pathlib

from driver.text.messages import legible

METHODS_WORKBOOK = "recovery.methods"
_COMPILED = "# Compiled by `openstack recovery methods` from "
_DEFAULTS = "the defaults"


def methods_header(source: str | None) -> str:
    """Return the comment at the head of the workbook, without a line break at the end.

    :param source: the operator's file; None: the defaults.
    """
    if source is None:
        remedy = "# To have it otherwise write a file: see docs/recovery-methods.md."
        return f"{_COMPILED}{_DEFAULTS}, those of Masakari.\n{remedy}"
    name = legible(pathlib.Path(source).name)
    return f"{_COMPILED}the file {name}.\n# Change that file and not this, which is overwritten."


def is_operators(text: str) -> bool:
    """Say whether a workbook was compiled from a file of an operator."""
    first = text.partition("\n")[0]
    return first.startswith(_COMPILED) and not first.startswith(_COMPILED + _DEFAULTS)
