"""The types of actions that a plan can have, and their parameters.

They are Watcher's, plus `start` and `evacuate`. Each is a workflow ``recovery.action.<type>``.
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from driver.text.messages import listed, nearest, shown

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of a type of action.

    :param kind: ``uuid``, ``text`` or ``seconds``.
    :param is_required: otherwise it may be missing or null.
    :param choices: the only texts that it can be.
    """

    kind: str = "text"
    is_required: bool = False
    choices: tuple[str, ...] = ()

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, as the end of a sentence; None if nothing is."""
        if value is None:
            return "is null, and it is required" if self.is_required else None
        if self.choices:
            if value in self.choices and isinstance(value, str):
                return None
            hint = nearest(value, self.choices) if isinstance(value, str) else ""
            return f"is {shown(value)}; it can be {listed(self.choices)}{hint}"
        if self.kind == "seconds":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and math.isfinite(value) and value >= 0:
                return None
            return f"is {shown(value)}, not a number of seconds from 0"
        if not isinstance(value, str) or (self.is_required and not value):
            return f"is {shown(value)}, not a text"
        if self.kind == "uuid" and not UUID.fullmatch(value):
            return f"is {shown(value)}, not a UUID"
        return None


@dataclasses.dataclass(frozen=True)
class ActionType:
    """A type of action.

    :param parameters: by name.
    :param inverse: the type of the action that undoes it; None: nothing does.
    """

    parameters: Mapping[str, Parameter]
    inverse: str | None


_TEXT = Parameter()
_SERVER = {"resource_id": Parameter("uuid", is_required=True), "resource_name": _TEXT}
_RESOURCE = {"resource_id": Parameter(is_required=True), "resource_name": _TEXT}


def _one_of(*choices: str) -> Parameter:
    return Parameter(is_required=True, choices=choices)


ACTION_TYPES: Mapping[str, ActionType] = {
    "migrate": ActionType(
        {
            **_SERVER,
            "migration_type": _one_of("live", "cold"),
            "source_node": Parameter(is_required=True),
            "destination_node": _TEXT,
        },
        inverse="migrate",
    ),
    "resize": ActionType({**_SERVER, "flavor": Parameter(is_required=True)}, inverse="resize"),
    "stop": ActionType(_SERVER, inverse="start"),
    "start": ActionType(_SERVER, inverse="stop"),
    "evacuate": ActionType(
        {**_SERVER, "source_node": _TEXT, "destination_node": _TEXT}, inverse=None
    ),
    "change_nova_service_state": ActionType(
        {
            **_RESOURCE,
            # Watcher has called them up and down, and online and offline
            "state": _one_of("enabled", "disabled", "up", "down", "online", "offline"),
            "disabled_reason": _TEXT,
        },
        inverse="change_nova_service_state",
    ),
    "change_node_power_state": ActionType(
        {**_RESOURCE, "state": _one_of("on", "off")}, inverse="change_node_power_state"
    ),
    "volume_migrate": ActionType(
        {
            **_SERVER,
            "migration_type": _one_of("swap", "retype", "migrate"),
            "destination_node": _TEXT,
            "destination_type": _TEXT,
        },
        inverse="volume_migrate",
    ),
    "sleep": ActionType({"duration": Parameter("seconds", is_required=True)}, inverse=None),
    "nop": ActionType({"message": _TEXT}, inverse=None),
}
#: What changes nothing, so that there is nothing to undo.
IDLE_TYPES = ("sleep", "nop")
