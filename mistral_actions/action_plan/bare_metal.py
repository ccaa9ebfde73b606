"""Action of a plan about bare metal nodes: power on and off."""

import re
from typing import Any

from mistral_actions import inputs
from mistral_actions.action_plan.checks import ActionCheck
from mistral_actions.errors import Conflict, NotFound, Refused
from mistral_actions.services.bare_metal import bare_metal_of
from mistral_actions.steps import PolledStep, Todo

POWER = {"on": "power on", "off": "power off"}


class PowerTodo(Todo):
    """A change of power; `fault_before` is the fault that Ironic showed before it."""

    target: str
    fault_before: str | None


class CheckNodePower(ActionCheck):
    """See whether a bare metal node is to be powered on or off; writes nothing.

    Parameters: `resource_id` (id or name of the node), `state` (on or off). Undo: the opposite.
    Nova: nothing; Ironic: looks up the node.
    """

    _type = "change_node_power_state"

    def _look(self, context: Any) -> PowerTodo | dict[str, Any]:
        node_id = self._parameter("resource_id", _node)
        state = self._parameter("state", inputs.choice(*POWER))
        try:
            node = bare_metal_of(context).node(node_id)
        except NotFound:
            if inputs.UUID.fullmatch(node_id):
                return self._ended("SKIPPED", "GONE", f"Ironic has no node {node_id} (any more).")
            text = f"Ironic has no node {node_id!r}. `openstack baremetal node list` shows names"
            raise Refused(f"{text} and ids. Nothing was changed.", "UNKNOWN_NODE") from None
        name = node.get("name") or node_id
        self._resource = {"id": node["uuid"], "name": name}
        if node.get("target_power_state"):
            return self._busy(f"{name} is about to {node['target_power_state']}")
        if node["power_state"] == POWER[state]:
            return self._ended("SKIPPED", "NOTHING_TO_DO", f"{name} is powered {state}.")
        undo = {"resource_id": node["uuid"], "state": "off" if state == "on" else "on"}
        return {
            **self._todo(undo),
            "target": POWER[state],
            "fault_before": node.get("last_error"),
        }


class SetNodePower(PolledStep[PowerTodo]):
    """Power a bare metal node on or off, and look until it is; polled.

    :param todo: what the check has found.
    :param alone: false while another run of this step is at work: then this one does nothing.
    Errors: POWER_FAILED, GONE.
    Nova: nothing; Ironic: looks up the node; `PUT /nodes/{id}/states/power`.
    """

    def act_for(self, context: Any) -> dict[str, Any]:
        """Return `finished`, and then the report."""
        ironic, target = bare_metal_of(context), self.todo["target"]
        try:
            node = ironic.node(self._id)
            if node["power_state"] == target:
                return self._succeeded(f"{self._name} has reached: {target}.")
            now = f"Ironic shows {self._name} {node['power_state']}"
            if node.get("target_power_state"):
                return self._not_yet(f"{now}, about to {node['target_power_state']}")
            fault = node.get("last_error")
            if fault and fault != self.todo["fault_before"]:
                text = f"Ironic could not {target} {self._name}: {fault}"
                raise self._failed("POWER_FAILED", text)
            ironic.set_power(self._id, target)
        except NotFound:
            raise self._failed("GONE", f"{self._name} was deleted meanwhile.") from None
        except Conflict as error:  # another process holds the node's lock, for a moment
            return self._not_yet(error.message)
        return self._not_yet(now)


def _node(value: Any) -> str:
    """Parse the id or name of a node: it becomes part of a path."""
    if isinstance(value, str) and re.fullmatch(r"[\w.~-]{1,255}", value, re.A) and value.strip("."):
        return value
    raise ValueError("the id or the name of a bare metal node")
