"""The building blocks: what the names that operators know from Masakari stand for.

A block is a step of this pack. It can be run again by any process at any time, so the compiler
leaves it the retry and the safe-rerun of the workflow; what is not a block gets neither.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from driver.methods.model import FAILURES

HOST = ("host_auto_failure", "host_rh_failure")


@dataclasses.dataclass(frozen=True)
class Block:
    """What a name stands for in the chains of some failures.

    :param description: why the step is there, for the reader of the workbook.
    :param calls: name of the action or workflow.
    :param kind: which of the two it is.
    :param input: its inputs, as YAQL.
    :param tries: how often it is looked, a second apart, until it has finished; YAQL or a
        number. None: it is not polled.
    :param reports: whether its result says, as `report`, how the whole recovery stands.
    """

    description: str
    calls: str
    kind: Literal["action", "workflow"] = "action"
    input: Mapping[str, str] = dataclasses.field(default_factory=lambda: {"plan": "$.plan"})
    tries: str | int | None = None
    reports: bool = False


# name -> failure -> block
BLOCKS: Mapping[str, Mapping[str, Block]] = {
    "disable_compute_service_task": dict.fromkeys(
        HOST,
        Block(
            "Nova must take the host for down before it evacuates, and place nothing on it.",
            "recovery.isolate_host",
            tries="tries($.plan, host_down_timeout)",
        ),
    ),
    "prepare_HA_enabled_instances_task": dict.fromkeys(
        HOST,
        Block(
            "The servers that the plan selected, with what each one was before.",
            "recovery.prepare_servers",
        ),
    ),
    "evacuate_instances_task": {
        "host_auto_failure": Block(
            "The scheduler picks a host for each server.",
            "recovery.evacuate_servers",
            input={
                "alone": "alone()",
                "begin": "run_state() = RUNNING",
                "plan": "$.plan",
                "tried_before": "ending().details.get(newest_migration)",
            },
            tries=7200,
            reports=True,
        ),
        "host_rh_failure": Block(
            "To the first reserved host that works.",
            "recovery.evacuation.to_reserved_hosts",
            kind="workflow",
            input={
                "plan": "$.plan",
                "reserved_hosts": "$.plan.reserved_hosts",
                "report": "ending()",
            },
            reports=True,
        ),
    },
    "stop_instance_task": {
        "instance_failure": Block(
            "Once only, and not if it is stopped. A resized server is reset to active first.",
            "recovery.stop_server",
            input={
                "alone": "alone()",
                "plan": "$.plan",
                "tried_before": "ending().details.get(newest_action)",
            },
            tries="tries($.plan, stop_timeout)",
        )
    },
    "start_instance_task": {
        "instance_failure": Block(
            "Not if somebody else has started it meanwhile.",
            "recovery.start_server",
            input={"alone": "alone()", "plan": "$.plan"},
        )
    },
    "confirm_instance_active_task": {
        "instance_failure": Block(
            "The recovery has succeeded when Nova shows the server active.",
            "recovery.check_server_active",
            tries="tries($.plan, start_timeout)",
            reports=True,
        )
    },
    "disable_compute_node_task": {
        "process_failure": Block("With a reason, for those who look why.", "recovery.disable_host")
    },
    "confirm_compute_node_disabled_task": {
        "process_failure": Block(
            "The recovery has succeeded when Nova shows the service disabled.",
            "recovery.check_host_disabled",
            tries="tries($.plan, disable_timeout)",
            reports=True,
        )
    },
    "no_op": dict.fromkeys(FAILURES, Block("Does nothing.", "std.noop", input={})),
}

_SUBJECTS = {
    "instance_failure": {
        "host": "<% $.plan.server.host %>",
        "server": "<% $.plan.server.id %>",
        "servers": "<% [$.plan.server] %>",
    },
    "process_failure": {"host": "<% $.plan.host %>"},
    **{key: {"host": "<% $.plan.host %>", "servers": "<% $.plan.servers %>"} for key in HOST},
}
# What a task gets for an input that it requires and the file does not give: failure -> input
OFFERED: Mapping[str, Mapping[str, str]] = {
    failure: {
        **_SUBJECTS[failure],
        "failure": failure,
        "plan": "<% $.plan %>",
        "report": "<% $.report %>",
        "results": "<% $.results %>",
    }
    for failure in FAILURES
}
