"""What ``schema.json`` cannot say of the types of actions.

They are Watcher's, plus `start` and `evacuate`. Each is a workflow ``recovery.action.<type>``.
"""

from collections.abc import Mapping

#: The type of the action that undoes one; nothing undoes the types that are not here.
INVERSES: Mapping[str, str] = {
    "migrate": "migrate",
    "resize": "resize",
    "stop": "start",
    "start": "stop",
    "change_nova_service_state": "change_nova_service_state",
    "change_node_power_state": "change_node_power_state",
    "volume_migrate": "volume_migrate",
}
#: What changes nothing, so that there is nothing to undo.
IDLE_TYPES = ("sleep", "nop")
