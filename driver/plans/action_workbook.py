"""The workbook ``recovery.action``: one workflow per type of action, most of them from a table.

The regular types differ in little: an action checks and writes nothing, another does it and is
asked again until it has ended. The others are written by hand, in the template.
"""

import dataclasses
import pathlib
import sys

from driver.workbooks.files import Workbook, parse_workbook
from driver.workbooks.templates import template


@dataclasses.dataclass(frozen=True)
class RegularType:
    """A type of action whose workflow is a check and a step.

    :param name: the type; its workflow is ``recovery.action.<name>``.
    :param description: what it does, its parameters, and what undoes it; in lines of the workbook.
    :param check: the action that checks, without ``recovery.``; its task is `check`.
    :param checks: what that does, a sentence.
    :param task: name of the task that does it.
    :param step: the action of this task, without ``recovery.``.
    :param does: what that does, a sentence.
    :param polled: it is asked again until the setting action_timeout has passed, because the
        change takes time; otherwise only as often as the template's task-defaults say.
    """

    name: str
    description: str
    check: str
    checks: str
    task: str
    step: str
    does: str
    polled: bool = True


REGULAR_TYPES = (
    RegularType(
        name="resize",
        description="""\
Gives a server another flavor.
parameters: resource_id, flavor (name or id). Undone by a resize to the flavor that it had.""",
        check="check_resize",
        checks="Skip or refuse what is not to be resized; writes nothing.",
        task="resize_server",
        step="move_server",
        does="Ask Nova once, confirm it, look until it has ended.",
    ),
    RegularType(
        name="evacuate",
        description="""\
Brings a server of a host that is down up on another one.
parameters: resource_id, source_node (null: where it is), destination_node (null: the
scheduler picks). Nothing undoes it: what ran on the host is lost.""",
        check="check_evacuate",
        checks="Skip or refuse what is not to be evacuated; writes nothing.",
        task="evacuate_server",
        step="move_server",
        does="Ask Nova once, look until it has ended.",
    ),
    RegularType(
        name="stop",
        description="""\
Stops a server.
parameters: resource_id. Undone by start.""",
        check="check_stop",
        checks="Skip or refuse what is not to be stopped; writes nothing.",
        task="stop_server",
        step="switch_server",
        does="Ask Nova once, look until it is stopped.",
    ),
    RegularType(
        name="start",
        description="""\
Starts a server.
parameters: resource_id. Undone by stop.""",
        check="check_start",
        checks="Skip or refuse what is not to be started; writes nothing.",
        task="start_server",
        step="switch_server",
        does="Ask Nova once, look until it is active.",
    ),
    RegularType(
        name="change_nova_service_state",
        description="""\
Enables or disables the nova-compute of a host.
parameters: resource_name (the host) or resource_id (its hypervisor), state (enabled,
disabled; online, offline mean the same), disabled_reason. Undone by its former state.""",
        check="check_service_state",
        checks="Skip a service that is so already; writes nothing.",
        task="set_service_state",
        step="set_service_state",
        does="Doing so twice is harmless.",
        polled=False,
    ),
    RegularType(
        name="change_node_power_state",
        description="""\
Powers a bare metal node on or off.
parameters: resource_id (the node), state (on, off). Undone by the opposite.""",
        check="check_node_power",
        checks="Skip a node that is so already; writes nothing.",
        task="set_node_power",
        step="set_node_power",
        does="Ask Ironic, look until it is so.",
    ),
)


def action_workbook() -> Workbook:
    """Return the workbook that the pack ships as ``workbooks/recovery.action.yaml``."""
    text = template("driver.plans", "action.yaml.j2").render(types=REGULAR_TYPES)
    return parse_workbook(text, pathlib.Path("recovery.action.yaml"))


if __name__ == "__main__":
    sys.stdout.write(action_workbook().text)
