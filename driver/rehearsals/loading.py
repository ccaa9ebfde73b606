"""Load Mistral's engine into this process."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driver.rehearsals.engine import VirtualMistral


def open_mistral(database: Path) -> "VirtualMistral":
    """Return an engine with an empty database; loading Mistral takes seconds.

    :param database: path of the SQLite file to make.
    """
    with _without_eventlet():
        importlib.import_module("mistral.cmd")  # says to libraries that Mistral runs on threads
        engine = importlib.import_module("driver.rehearsals.engine")
    mistral: VirtualMistral = engine.VirtualMistral(database)
    return mistral


@contextlib.contextmanager
def _without_eventlet() -> Iterator[None]:
    """Keep libraries from loading it merely because it is installed.

    It would then warn at every fork of this process.
    """
    modules: dict[str, Any] = sys.modules
    before = {name: modules[name] for name in ("eventlet",) if name in modules}
    modules["eventlet"] = None
    try:
        yield
    finally:
        del modules["eventlet"]
        modules.update(before)
