"""YAQL functions about action plans. They run in Mistral's engine and read its database only.

The execution of a compiled plan has the plan's uuid as its id. States are derived, see
`action_plan.states`; here the executions are looked up, with few queries however large the plan is.
"""

import datetime
from collections.abc import Iterable
from typing import Any

from mistral_actions import inputs
from mistral_actions.action_plan import states
from mistral_actions.action_plan.states import ActionState, Cancel, Graph, TaskRecord
from mistral_actions.engine import database, internals
from mistral_actions.errors import report, report_of

CANCEL = "recovery.action_plan.cancel"
GATE = "check"  # first task of each action's workflow: nothing was written before it has ended
_ENDED = ("CANCELLED", "ERROR", "SUCCESS")


@internals.or_else(lambda _: None)
def satisfied_by(context: Any, parents: Iterable[str]) -> str | None:
    """Return why an alternative is not needed, as a sentence; null if it is needed.

    :param parents: names of the tasks, in the same execution, to which it is an alternative.
    """
    names = list(parents)
    tasks = _task_records(context["__execution"]["id"], names)
    # only their outputs count here, and these are there: this task has waited for all of them
    ended = {name: states.begun(tasks[name], None, None) for name in names if name in tasks}
    return states.satisfied_by(ended)


@internals.or_else(lambda _: False)
def plan_cancelled(context: Any, plan: str | None) -> bool:
    """Say whether the cancelling of a plan has begun; asked by every polled step of its actions.

    :param plan: uuid; null for a rollback, which the cancelling of its plan does not stop.
    """
    uuid = inputs.bare(plan)
    return uuid is not None and _cancel(uuid) in ("RUNNING", "SUCCESS")


@internals.or_else(internals.refusal)
def plan_report(context: Any) -> dict[str, Any]:
    """Return the report of a plan, or of its rollback, whose last task asks for it.

    `actions` in the details has a line per action: action, task, type, state, reason, message.
    """
    execution = database.api().get_workflow_execution(context["__execution"]["id"])
    is_rollback = execution.workflow_name.endswith(".rollback")  # no cancel of the plan stops it
    cancel = None if is_rollback else _cancel(execution.id)
    graph, found = _states(execution, cancel, _task_records(execution.id))
    end = states.end_of_rollback(found) if is_rollback else states.end_of(graph, found, cancel)
    about = {} if is_rollback else {"plan": execution.id, "rule": graph.rule}
    details = {**about, "actions": lines(graph, found)}
    return report(end.state, str(end.reason), str(end.message), details)


def undo_parameters(context: Any, plan: str, task: str) -> dict[str, Any] | None:
    """Return the parameters of the action that undoes one; null if there is nothing to undo.

    :param plan: uuid.
    :param task: name of the action's task in the plan's execution.
    """
    record = _task_records(plan, [task]).get(task)
    told = report_of(record.output if record else None)
    if told.get("state") != states.SUCCEEDED:
        return None
    undo = told["details"].get("undo") or {}
    parameters: dict[str, Any] | None = undo.get("parameters")
    return parameters


@internals.or_else(lambda _: {"known": False})
def plan_facts(context: Any, plan: str) -> dict[str, Any]:
    """Return what Mistral knows of a plan, for those who cancel it or roll it back.

    :param plan: uuid.
    :returns: `known`: whether it was ever started. The rest is there only if it was:
        `state` of the plan; `ended`: whether its execution has; `ended_at` (UTC, ISO 8601) and
        `age` (seconds since then), null before; `busy`: tasks of the actions that a cancel must
        wait for; `succeeded`: tasks of the actions that did; `abort_errors`: `task` and `message`
        of each abort that was refused; `older_cancel`: id of another execution that is cancelling
        it or has, and that was there before the one that asks, or null; `rolled_back`: id of an
        execution that rolls it back or has, or null; `rollback`: name of the workflow that
        does.
    """
    plan = inputs.bare(plan)
    execution = database.api().load_workflow_execution(plan) if plan else None
    if execution is None or execution.workflow_name != f"recovery.plan.{plan}.run":
        return {"plan": plan, "known": False}
    cancels = _cancels(plan)
    own = context["__execution"]["id"]
    # without the one that asks: it is not known yet whether it cancels anything
    cancel = states.cancel_of((one.state, one.output) for one in cancels if one.id != own)
    tasks = _task_records(execution.id)
    graph, found = _states(execution, cancel, tasks)
    ended = execution.state in _ENDED
    ended_at = (execution.updated_at or execution.created_at) if ended else None
    told = report_of(execution.output)
    return {
        "plan": plan,
        "known": True,
        "state": states.plan_state(graph, found, execution.state, cancel, told.get("state")),
        "ended": ended,
        "ended_at": ended_at.isoformat() if ended_at else None,
        "age": (_now() - ended_at).total_seconds() if ended_at else None,
        "busy": _busy(execution, own, cancels),
        "succeeded": [name for name in found if found[name].state == states.SUCCEEDED],
        "abort_errors": _abort_errors(tasks),
        "older_cancel": _older(cancels, own),
        "rolled_back": _begun_rollback(plan, own),
        "rollback": f"recovery.plan.{plan}.rollback",
    }


def lines(graph: Graph, found: dict[str, ActionState]) -> list[dict[str, Any]]:
    """Return a line per action for a report."""
    return [
        {
            "action": node.action,
            "task": node.task,
            "type": node.type,
            "state": found[node.task].state,
            "reason": found[node.task].reason,
            "message": found[node.task].message,
        }
        for node in graph.nodes.values()
    ]


def _states(
    execution: Any, cancel: Cancel | None, tasks: dict[str, TaskRecord]
) -> tuple[Graph, dict[str, ActionState]]:
    graph = states.graph_of(execution.spec)
    return graph, states.action_states(graph, tasks, execution.state, cancel)


def _task_records(execution_id: str, names: list[str] | None = None) -> dict[str, TaskRecord]:
    """Look at the tasks of an execution and at their sub-workflows: two queries."""
    wanted = {} if names is None else {"name": {"in": names}}
    tasks = database.api().get_task_executions(
        fields=["id", "name", "state", "state_info", "created_at"],
        workflow_execution_id=execution_id,
        **wanted,
    )
    outputs: dict[str, Any] = {}
    for one in _oldest_first(_sub_executions(tasks)):
        if not states.found_done(outputs.get(one.task_execution_id), one.output):
            outputs[one.task_execution_id] = one.output
    found: dict[str, TaskRecord] = {}
    for task in _oldest_first(tasks):
        before, output = found.get(task.name), outputs.get(task.id)
        if not (before and states.found_done(before.output, output)):
            found[task.name] = TaskRecord(task.state, output, task.state_info)
    return found


def _oldest_first(found: Iterable[Any]) -> list[Any]:
    """Order what a person ran again behind what was there before."""
    return sorted(found, key=lambda one: (one.created_at, one.id))


def _sub_executions(tasks: Iterable[Any]) -> list[Any]:
    # whole records: SQLAlchemy does not cache queries for single columns of JSON
    found: list[Any] = database.api().get_workflow_executions(
        task_execution_id={"in": [task.id for task in tasks]}
    )
    return found


def _cancels(plan: str) -> list[Any]:
    """Return the executions that cancel this plan, the oldest first."""
    found = database.api().get_workflow_executions(workflow_name=CANCEL)
    of_this = [one for one in found if inputs.bare((one.input or {}).get("plan")) == plan]
    return sorted(of_this, key=lambda one: (one.created_at, one.id))


def _cancel(plan: str) -> Cancel | None:
    return states.cancel_of((one.state, one.output) for one in _cancels(plan))


def _older(cancels: list[Any], own: str) -> str | None:
    for one in cancels:
        if one.id == own:
            return None
        if states.cancel_of([(one.state, one.output)]) in ("RUNNING", "SUCCESS"):
            return str(one.id)
    return None


def _busy(execution: Any, own: str, cancels: list[Any]) -> list[str]:
    """Return the tasks of the actions that may change something after the cancel has begun.

    One whose check began after that will find that its plan is cancelled, and do nothing.
    """
    began = next((one.created_at for one in cancels if one.id == own), None)
    tasks = {
        task.id: task.name
        for task in database.api().get_task_executions(
            fields=["id", "name", "state"], workflow_execution_id=execution.id
        )
    }
    running = [
        one
        for one in database.api().get_workflow_executions(
            fields=["id", "state", "created_at", "task_execution_id"],
            task_execution_id={"in": list(tasks)},
        )
        if one.state not in _ENDED
    ]
    beyond = {
        step.workflow_execution_id
        for step in database.api().get_task_executions(
            fields=["name", "workflow_execution_id"],
            workflow_execution_id={"in": [one.id for one in running]},
        )
        if step.name != GATE
    }
    return sorted(
        tasks[one.task_execution_id]
        for one in running
        if began is None or one.created_at <= began or one.id in beyond
    )


def _abort_errors(tasks: dict[str, TaskRecord]) -> list[dict[str, str]]:
    found = []
    for name, task in tasks.items():
        message = (report_of(task.output).get("details") or {}).get("abort_error")
        if message:
            found.append({"task": name, "message": str(message)})
    return sorted(found, key=lambda one: one["task"])


def _begun_rollback(plan: str, own: str) -> str | None:
    """Return who rolls a plan back or has; one that failed or was cancelled may be repeated."""
    found = database.api().get_workflow_executions(
        fields=["id", "state", "root_execution_id"],
        workflow_name=f"recovery.plan.{plan}.rollback",
    )
    roots = [
        one.root_execution_id or one.id for one in found if one.state not in ("ERROR", "CANCELLED")
    ]
    return next((str(root) for root in roots if root != own), None)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
