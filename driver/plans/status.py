"""The status of action plans as users see it, from the records of Mistral's API.

The states are derived as the engine derives them, see ``mistral_actions.action_plan.states``.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from driver.errors import mask_secrets
from driver.mistral.records import Execution, Record
from mistral_actions.action_plan import states
from mistral_actions.action_plan.states import ActionState, Graph, TaskRecord
from mistral_actions.errors import report_of

NO_GRAPH = Graph("ALWAYS", {})


@dataclass(frozen=True)
class ActionStatus:
    """The status of an action of a plan, or of undoing one.

    :param action: its uuid.
    :param task: name of its task in Mistral, by which people know it.
    :param parents: names of the tasks after which it runs.
    :param parameters: what it is given.
    :param resource: what it changes: a name, or an id if there is no name.
    :param state: PENDING, ONGOING, SUCCEEDED, FAILED, SKIPPED, CANCELLING or CANCELLED.
    :param reason: a code, empty while it runs.
    :param message: a sentence, empty while it runs.
    :param started_at: UTC, as Mistral writes it; empty if it has not begun.
    :param ended_at: UTC, likewise; empty if it has not ended.
    """

    action: str
    task: str
    type: str
    parents: tuple[str, ...]
    parameters: Record
    resource: str
    state: str
    reason: str = ""
    message: str = ""
    started_at: str = ""
    ended_at: str = ""


@dataclass(frozen=True)
class Control:
    """The cancelling of a plan, or its rollback.

    :param id: of its execution.
    :param plan: uuid.
    :param verb: ``cancel`` or ``rollback``.
    :param state: RUNNING, PAUSED, SUCCEEDED, SKIPPED, FAILED or CANCELLED.
    :param reason: a code, empty while it runs.
    :param message: a sentence, empty while it runs.
    """

    id: str
    plan: str
    verb: str
    state: str
    reason: str = ""
    message: str = ""

    @classmethod
    def from_execution(cls, execution: Execution) -> "Control":
        """Read an execution of a workflow in `recovery.action_plan`."""
        told = report_of(execution.output).get("state") if execution.state == "SUCCESS" else None
        ends = {"SUCCESS": "SUCCEEDED", "ERROR": "FAILED", "IDLE": "RUNNING"}
        state = str(told or ends.get(execution.state, execution.state))
        plan, verb = str(execution.input.get("plan") or ""), execution.workflow.rpartition(".")[2]
        return cls(execution.id, plan, verb, state, *_told(execution))

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state not in ("RUNNING", "PAUSED")

    @property
    def succeeded(self) -> bool:
        """Whether it succeeded, or there was nothing to do."""
        return self.state in ("SUCCEEDED", "SKIPPED")


@dataclass(frozen=True)
class PlanStatus:
    """The status of an action plan.

    :param id: its uuid.
    :param state: PENDING, ONGOING, SUCCEEDED, FAILED, CANCELLING or CANCELLED.
    :param reason: a code, empty while it runs.
    :param message: a sentence, empty while it runs.
    :param description: what was started: number of actions, rule, strategy.
    :param created_at: UTC, as Mistral writes it.
    :param updated_at: the same.
    :param actions: parents first; none in a list, and none if the plan's workbook was deleted.
    :param rollback: the one that has undone it, or does so, if one was begun; not in a list.
    :param graph: which action runs after which.
    """

    id: str
    state: str
    reason: str = ""
    message: str = ""
    description: str = ""
    created_at: str = ""
    updated_at: str = ""
    actions: tuple[ActionStatus, ...] = ()
    rollback: Control | None = None
    graph: Graph = field(default=NO_GRAPH, repr=False)

    @property
    def rule(self) -> str:
        """ALWAYS or ANY; empty where the actions are not known."""
        return self.graph.rule if self.graph.nodes else ""

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        is_being_undone = self.rollback is not None and not self.rollback.ended
        return self.state in ("SUCCEEDED", "FAILED", "CANCELLED") and not is_being_undone

    @property
    def succeeded(self) -> bool:
        """Whether it succeeded."""
        return self.state == "SUCCEEDED"


def sentence(told: PlanStatus | Control) -> str:
    """Return the end of a plan, of its cancelling or of its rollback in one line."""
    head = f"{told.state} ({told.reason})" if told.reason else told.state
    return f"{head}: {told.message or 'no reason was given'}"


def plan_status(
    run: Execution,
    cancels: Iterable[Execution],
    graph: Graph = NO_GRAPH,
    actions: tuple[ActionStatus, ...] = (),
) -> PlanStatus:
    """Return the status of a plan.

    :param run: the plan's execution.
    :param cancels: the executions that cancel it.
    """
    found = {one.task: ActionState(one.state, one.reason, one.message) for one in actions}
    cancels = list(cancels)
    cancel = cancel_of(cancels)
    reported = report_of(run.output).get("state") if run.ended else None
    state = states.plan_state(graph, found, run.state, cancel, reported)
    told = run
    if run.ended and reported != state and cancel:
        # what the plan said of its end does not count: it was cancelled, or that failed
        told = next(one for one in cancels if cancel_of([one]) == cancel)
    return PlanStatus(
        run.id,
        state,
        *_told(told),
        run.description,
        run.created_at,
        run.updated_at,
        actions,
        graph=graph,
    )


def cancel_of(cancels: Iterable[Execution]) -> states.Cancel | None:
    """Return the state of cancelling a plan; None if nobody has begun to."""
    return states.cancel_of((one.state, one.output) for one in cancels)


def action_statuses(
    workflow: Record,
    tasks: Iterable[Record],
    parts: Mapping[str, Execution],
    run: str,
    cancel: states.Cancel | None,
) -> tuple[ActionStatus, ...]:
    """Return the status of each action of a compiled workflow, parents first.

    :param workflow: its definition as data.
    :param tasks: the tasks that exist, as the API returns them.
    :param parts: the executions of the actions, by the id of the task.
    :param run: state of the workflow's execution.
    :param cancel: state of cancelling the plan, see :func:`cancel_of`.
    """
    records: dict[str, Record] = {}
    newest: dict[str, TaskRecord] = {}
    for task in sorted(tasks, key=lambda one: str(one["created_at"])):
        name, now = task["name"], _task_record(task, parts.get(task["id"]))
        if not (name in newest and states.found_done(newest[name].output, now.output)):
            records[name], newest[name] = task, now
    by_name = {name: parts.get(task["id"]) for name, task in records.items()}
    graph = states.graph_of(workflow)
    found = states.action_states(graph, newest, run, cancel)
    return tuple(
        _action(
            ActionStatus(
                action=node.action,
                task=node.task,
                type=node.type,
                parents=node.parents,
                parameters=_mapping(workflow["tasks"][node.task]["input"].get("parameters")),
                resource="",
                state=found[node.task].state,
                reason=found[node.task].reason or "",
                message=mask_secrets(found[node.task].message or ""),
            ),
            records.get(node.task) or {},
            by_name.get(node.task),
        )
        for node in graph.nodes.values()
    )


def _action(status: ActionStatus, task: Record, part: Execution | None) -> ActionStatus:
    """Add what is known only of an action whose task exists."""
    # What it was really given: in the definition an expression may stand for it.
    parameters = (_mapping(part.input.get("parameters")) if part else {}) or status.parameters
    about = _mapping(report_of(part.output).get("details", {}).get("resource")) if part else {}
    known = (about.get("name"), parameters.get("resource_name"), about.get("id"))
    resource = next((name for name in known if name), parameters.get("resource_id"))
    ended = status.state in states.ENDS
    return dataclasses.replace(
        status,
        parameters=parameters,
        resource=str(resource or ""),
        started_at=task.get("started_at") or "",
        ended_at=(task.get("finished_at") or "") if ended else "",
    )


def _task_record(task: Record, part: Execution | None) -> TaskRecord:
    return TaskRecord(task["state"], part.output if part else None, task.get("state_info"))


def _mapping(value: object) -> Record:
    return value if isinstance(value, dict) else {}


def _told(execution: Execution) -> tuple[str, str]:
    """Return reason and message of an execution, empty while it runs."""
    told = report_of(execution.output) if execution.ended else {}
    message = mask_secrets(str(told.get("message") or execution.state_info))
    return str(told.get("reason") or ""), message
