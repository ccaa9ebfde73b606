"""The recovery plans that travel from task to task: plain data, as Mistral stores it.

The first step of a recovery looks, decides and returns the plan; the steps behind it carry out what
it says, and look for the rest in the service itself. These classes say what is in a plan; at run
time each is the `dict` that JSON makes of it.
"""

from typing import Any, NotRequired, TypedDict

from mistral_actions.errors import Report

Options = dict[str, Any]  # the inputs of a workflow and its settings, parsed, each with a value


class Server(TypedDict):
    """What each plan knows of a server.

    `was` is its vm_state before the recovery.
    """

    id: str
    name: str
    was: str


class ServerBefore(Server):
    """A server that is to be evacuated, and what it was before.

    `was` is active, stopped or error: what it shall be again. `ha`: whether its metadata has the
    HA key. `locked`: whether somebody else has locked it. `dirty`: whether Nova evacuates it only
    from ERROR, from where all land ACTIVE. `moved`: an earlier recovery moved it and had no time
    to restore it. `stuck`: Nova has forgotten that it evacuates it, and its state is to be reset.
    """

    ha: bool
    locked: bool
    dirty: bool
    stuck: NotRequired[bool]
    moved: NotRequired[bool]


class ServerOnHost(Server):
    """A server that is recovered by itself; `host` is null if Nova does not show it."""

    host: str | None


_From = TypedDict("_From", {"from": str | None})  # a word of Python's own: no class can have it


class ServerLine(Server, _From):
    """A server's line in the details of a report.

    `from` and `to` are hosts. `state` is PENDING, RUNNING, MOVED, SKIPPED or FAILED (RECOVERED or
    PREPARED where it stays in its place); `reason` a code, and `message` the same as a sentence.
    """

    to: str | None
    state: str
    reason: str
    message: str


class Selection(TypedDict):
    """Which servers of a host are evacuated, and what belongs to earlier attempts.

    `servers` are in the order of their evacuation. Migration records up to `tried_before` belong to
    earlier attempts, but for those `adopted`, which still run. `since` is Nova's time of the look.
    """

    servers: list[ServerBefore]
    left_out: list[ServerLine]
    tried_before: int
    adopted: list[int]
    since: str


class EvacuationPlan(Selection):
    """What the evacuation of a host's servers needs to know."""

    host: str
    options: Options
    report: Report


class HostPlan(EvacuationPlan):
    """The plan of the recovery of a host.

    `service` is the id of its nova-compute, `heartbeat` the time of the last one that Nova knew:
    null if there was none.
    """

    go_on: bool
    method: str
    reserved_hosts: list[str]
    service: str
    heartbeat: str | None


class RecoveryPlan(TypedDict):
    """What the plans of all recoveries have.

    `go_on` is false if there is nothing (more) to do; the `report` then says why.
    """

    options: Options
    report: Report
    go_on: bool


class InstancePlan(RecoveryPlan):
    """The plan of the recovery of one server, in its place.

    `newest_action` is the newest record in Nova of what was done with it.
    """

    server: ServerOnHost
    newest_action: str | None


class ProcessPlan(RecoveryPlan):
    """The plan of the recovery of a process; `service` is there if it goes on."""

    host: str
    service: NotRequired[str]
