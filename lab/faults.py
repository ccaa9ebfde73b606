"""What was injected: delays and failures of hypervisors, and a cell of Nova that is down."""

from collections.abc import Mapping

from lab import cell_down
from lab.errors import LabError

NOVA = "nova"  # the key of what meets the API of Nova; all others are hosts and servers
OPERATIONS = (
    "spawn", "destroy", "power_on", "power_off", "reboot",
    "migrate_disk_and_power_off", "finish_migration", "finish_revert_migration",
    "check_can_live_migrate_destination", "pre_live_migration", "live_migration",
    "live_migration_abort",
    "instance_on_disk",  # {"value": false}: no shared storage
)
KEYS = ("delay", "fail", "value")

_injected: Mapping[str, Mapping[str, Mapping]] = {}
_cell: cell_down.Fault | None = None


def find(operation: str, host: str, server: str) -> dict:
    """Return what was injected for an operation; the server wins over its host, that over "*"."""
    found: dict = {}
    for key in ("*", host, server):
        found |= _injected.get(key, {}).get(operation, {})
    return found


def of_cell() -> cell_down.Fault | None:
    """Return which requests of Nova's API meet a cell that is down."""
    return _cell


def current() -> Mapping[str, Mapping[str, Mapping]]:
    return _injected


def replace(faults: Mapping[str, Mapping[str, Mapping]]) -> None:
    """Put other faults in the place of all that were injected before.

    :param faults: ``{host | server uuid | "*": {operation: {"delay": seconds, "fail": text}}}``,
        and ``{"nova": {...}}`` as ``lab.cell_down.Fault`` takes it.
    :raises LabError: they have another form; a misspelled fault would be none at all.
    """
    global _injected, _cell
    cell = cell_down.Fault(_mapping(faults[NOVA], NOVA)) if NOVA in faults else None
    for target, operations in faults.items():
        if target != NOVA:
            _check(target, operations)
    _injected, _cell = faults, cell


def _check(target, operations):
    for operation, fault in _mapping(operations, target).items():
        if operation not in OPERATIONS:
            raise LabError(f"unknown operation {operation!r}; known are "
                           f"{', '.join(OPERATIONS)}")
        for key in _mapping(fault, operation):
            if key not in KEYS:
                raise LabError(f"unknown key {key!r} of {operation}; known are "
                               f"{', '.join(KEYS)}")
        delay = fault.get("delay", 0)
        if not isinstance(delay, int | float) or delay < 0:
            raise LabError(f"the delay of {operation} is {delay!r}, must be seconds")


def _mapping(value, name):
    if not isinstance(value, Mapping):
        raise LabError(f"{name!r} is {value!r}, must be an object")
    return value
