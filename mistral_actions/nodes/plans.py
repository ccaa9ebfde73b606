"""The recovery plans of nodes, which travel from task to task as those of `recovery_plan` do."""

from typing import NotRequired, TypedDict

from mistral_actions.errors import Report
from mistral_actions.recovery_plan import EvacuationPlan, Options, ServerOnHost
from mistral_actions.servers.moves import MoveTodo
from mistral_actions.servers.steps import ServerTodo


class PreparationPlan(TypedDict):
    """The plan of the preparation of a node; `go_on` is false if there is nothing (more) to do."""

    server: ServerOnHost
    options: Options
    go_on: bool
    report: Report


class RebuildPlan(ServerTodo):
    """The plan of a rebuild: what is to be asked of the server, and what it was before."""

    server: ServerOnHost
    options: Options


class HostTried(TypedDict):
    """A host that was tried as the destination of a move, and why it was left.

    Without `host` the scheduler picked one; without `kind` nothing was tried: it cannot be used.
    """

    host: str | None
    kind: str | None
    reason: str
    message: str


class MigrationPlan(TypedDict):
    """The plan of one try to move a node to another host.

    `next` is the step to take: evacuate, migrate, confirm, or null (there is nothing to be done);
    `host` its destination, null if the scheduler picks one; `kind` the way: evacuate, live or cold.
    `tried` are the hosts before this one. A migration has its `todo`; an evacuation the plan of the
    `evacuation`, as it was at the first try, and `tried_before`: id of the newest record until now.
    """

    server: ServerOnHost
    kind: str | None
    options: Options
    tried: list[HostTried]
    evacuation: EvacuationPlan | None
    next: str | None
    host: str | None
    report: Report
    polls: NotRequired[int]
    todo: NotRequired[MoveTodo]
    tried_before: NotRequired[int]
