"""Load Mistral's engine into this process."""

import contextlib
import importlib
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from driver.errors import DriverError

if TYPE_CHECKING:
    from driver.rehearsals.engine import VirtualMistral


class ExtraMissingError(DriverError):
    """Mistral is not installed here."""


def open_mistral() -> "VirtualMistral":
    """Return an engine with an empty database; loading Mistral takes seconds.

    :raises ExtraMissingError: it is not installed.
    """
    try:
        with _without_eventlet():
            importlib.import_module("mistral.cmd")  # tells libraries that Mistral runs on threads
            engine = importlib.import_module("driver.rehearsals.engine")
    except ModuleNotFoundError as error:
        raise ExtraMissingError(
            "rehearsals run on Mistral's own engine, which is not installed here:"
            " pip install 'mistral-recovery[rehearse]'"
        ) from error
    mistral: VirtualMistral = engine.VirtualMistral()
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


@contextlib.contextmanager
def quietly(debug: bool = False) -> Iterator[None]:
    """Keep to itself what Mistral and its libraries log and warn about.

    :param debug: let them speak.
    """
    if debug:
        yield
        return
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
