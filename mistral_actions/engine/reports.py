"""How a workflow stands: one report, folded from what its own tasks have told.

A report has four keys: state, reason, message and details. A task tells one as `report` in its
action's result or error, or in the output of its sub-workflow. Nothing is kept in the workflow:
Mistral's database has all of it, whether tasks are run again, processes die, or somebody pauses or
cancels.
"""

import dataclasses
import graphlib
from typing import Any

from mistral_actions.engine import database, internals, results
from mistral_actions.engine.executions import is_over
from mistral_actions.errors import RecoveryError, report, report_of

# Tags of tasks that are not part of the story
OPTIONAL = "optional"  # its failure is no failure of the workflow
NOTICE = "notice"  # what it tells goes into `notices` of the details
_ENDED = ("CANCELLED", "ERROR", "SKIPPED", "SUCCESS")
_NO_TASK = {
    "state": "SKIPPED",
    "reason": "NO_TASK",
    "message": "no task of the recovery method recovers servers",
}
# What the details of a failure say of its attempt: the newest records of it in Nova.
_KEPT = ("newest_migration", "newest_action")


@dataclasses.dataclass(frozen=True)
class _TaskEnd:
    """A task, and what its last run has left behind."""

    record: Any
    result: Any

    @property
    def told(self) -> dict[str, Any]:
        """The report in its result; empty if it told none."""
        return report_of(self.result)

    @property
    def failure(self) -> dict[str, Any]:
        """The report of a failed task: what it told, or one made of its text."""
        told, name = self.told, self.record.name
        if told and told["reason"] != "NOT_ENDED":  # else Mistral failed, not the recovery
            return told
        details = told.get("details") or {}
        if isinstance(self.result, dict) and self.result.get("finished") is False:
            late = f"{name} did not reach its end in time: {self.result.get('message')}."
            return report("FAILED", "TIMED_OUT", late, details)
        why = self.result or self.record.state_info or "no reason is known"
        lost = f"Task {name!r} failed: {why}"[:1000]
        return report_of(RecoveryError(lost, "TASK_FAILED", details).as_dict())


@internals.or_else(internals.refusal)
def ending(context: Any) -> dict[str, Any]:
    """Return the report of this execution: state, reason, message and details.

    It begins with the input `report`, and each task that has ended adds what it told, in the
    order of their ends. A success replaces what was told before; a failure follows it.

    - For the input of a task that is run again, the details say how far its last run came: what
      failed in Nova until then is tried again.
    - Nothing that was given up has succeeded: the reason is CANCELLED.
    - In the end a failed task with the tag `optional` is a remark in the message and a line of
      `failed_tasks`; what tasks with the tag `notice` told are the `notices` of the details.
    """
    execution = database.api().get_workflow_execution(context["__execution"]["id"])
    tasks = _tasks(execution.id)
    told = _folded(_story(tasks), _given(execution)) or _carried_out(execution)
    asking = context["__task_execution"]
    if is_over(context) or (not asking and _stopped(tasks)):
        told = _cancelled(told)
    elif asking:
        told = _with_details(told, _last_run(asking["id"], tasks))
    else:
        told = _at_the_end(told, execution, tasks)
    return _with_details(told, _notices(execution, tasks))


def servers_left(context: Any, told: dict[str, Any]) -> bool:
    """Say whether servers are still to be moved: what another method is tried for.

    A method that moved all of them and failed later, say in its `post`, is not repeated, nor is
    anything after a cancel.

    :param told: the report of the method.
    """
    if told["reason"] == "CANCELLED":
        return False
    lines = told["details"].get("servers") or []
    return any(line["state"] in ("PENDING", "RUNNING", "FAILED") for line in lines)


def _folded(tasks: list[Any], before: Any) -> Any:
    """Return the report behind these tasks; the last one that succeeded says all of it."""
    if not tasks:
        return before
    *earlier, record = tasks
    task = _TaskEnd(record, _result_of(record))
    if record.state == "ERROR":
        return _failed(task.failure, _folded(earlier, before))
    return task.told or _folded(earlier, before)


def _failed(own: dict[str, Any], before: Any) -> dict[str, Any]:
    """Return the report of a failure; `before` tells of the servers where it knows of none."""
    if not before:
        return own
    message = own["message"]
    if not own["details"].get("servers") and before["reason"] != "NOT_ENDED":
        message = f"{before['message']} Then: {message}"
    return report("FAILED", own["reason"], message, {**before["details"], **own["details"]})


def _given(execution: Any) -> Any:
    """Return the report with which the execution was started, or null."""
    return report_of(execution.input) or None  # a person can have typed anything


def _carried_out(execution: Any, details: dict[str, Any] | None = None) -> dict[str, Any]:
    text = f"{execution.workflow_name} was carried out; none of its tasks recovers servers."
    return report("SUCCEEDED", "CARRIED_OUT", text, details or {})


def _cancelled(told: dict[str, Any]) -> dict[str, Any]:
    text = "Cancelled before its end: nothing more is begun, and what has begun goes on by itself."
    return report("FAILED", "CANCELLED", text, told["details"])


def _stopped(tasks: list[Any]) -> bool:
    """Say whether somebody has ended the execution (Cancel in Horizon does): work was left."""
    return any(
        one.state not in _ENDED or (one.has_next_tasks and not one.processed) for one in tasks
    )


def _at_the_end(told: dict[str, Any], execution: Any, tasks: list[Any]) -> dict[str, Any]:
    if told["reason"] == "NOT_ENDED" and not _tells_of_the_end(execution):
        told = _carried_out(execution, _left_alone(told["details"]))
    told = _unless_work_is_left(told)
    lost = [_TaskEnd(one, _result_of(one)) for one in tasks if _is_optional_failure(one)]
    if not lost or told["state"] == "FAILED":
        return told
    failed = [{"task": one.record.name, "message": one.failure["message"]} for one in lost]
    remarks = "".join(f" Without {one['task']}: {one['message']}" for one in failed)
    told = {**told, "message": told["message"] + remarks}
    return _with_details(told, {"failed_tasks": failed})


def _tells_of_the_end(execution: Any) -> bool:
    """Say whether a task is there to tell how it ended: it publishes the report, or is ours."""
    return any(
        "report" in (one.get("publish") or {})
        or str(one.get("workflow") or "").startswith("recovery.")
        for one in execution.spec["tasks"].values()
    )


def _left_alone(details: dict[str, Any]) -> dict[str, Any]:
    """Return the details with no server that waits: no task is there to move it."""
    lines = details.get("servers")
    if not isinstance(lines, list):  # a person can have typed anything
        return details
    return {**details, "servers": [{**one, **_NO_TASK} if _waits(one) else one for one in lines]}


def _waits(line: Any) -> bool:
    return isinstance(line, dict) and line.get("state") in ("PENDING", "RUNNING")


def _unless_work_is_left(told: dict[str, Any]) -> dict[str, Any]:
    """Return a report; nothing has ended well, and nothing has ended, while a server waits."""
    lines = told["details"].get("servers")
    lines = lines if isinstance(lines, list) else []
    left = sum(_waits(line) for line in lines)
    good = told["state"] == "SUCCEEDED" and told["reason"] != "DRY_RUN"
    if told["reason"] != "NOT_ENDED" and not (good and left):
        return told
    text = (
        f"All tasks have ended, and {left} of {len(lines)} servers were not seen at their end. Run"
        " the recovery again: it does what is left, and nothing twice."
    )
    return report("FAILED", "SERVERS_LEFT", text, told["details"])


def _is_optional_failure(task: Any) -> bool:
    return task.state == "ERROR" and OPTIONAL in (task.tags or ())


def _last_run(task_id: str, tasks: list[Any]) -> dict[str, Any]:
    """Return how far the last run of a task came that is run again; nothing if it has ended."""
    task = next(one for one in tasks if one.id == task_id)
    kept: dict[str, Any] = {}
    if task.state not in _ENDED:
        for run in results.runs(task, state="ERROR"):
            told = report_of(_told_in(results.result(run, task), task))
            details = told.get("details") or {}
            kept |= {key: found for key, found in details.items() if key in _KEPT}
    return kept


def _notices(execution: Any, tasks: list[Any]) -> dict[str, Any]:
    if not any(NOTICE in task.get("tags", ()) for task in execution.spec["tasks"].values()):
        return {}
    posted = [one for one in tasks if NOTICE in (one.tags or ()) and one.state in _ENDED]
    found = [_TaskEnd(one, _result_of(one)) for one in posted]
    return {"notices": [one.told or one.failure for one in found]}


def _with_details(told: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return {**told, "details": {**(told["details"] or {}), **more}}


def _story(tasks: list[Any]) -> list[Any]:
    """Return the tasks that tell of the recovery, those that have ended."""
    return [
        one
        for one in tasks
        if one.state in ("ERROR", "SUCCESS")
        and NOTICE not in (one.tags or ())
        and not _is_optional_failure(one)
    ]


def _tasks(execution_id: str) -> list[Any]:
    """Return the tasks of an execution in the order of their ends.

    Mistral's times have whole seconds: of those that end in one second, each is behind the one
    that has led to it.
    """
    # whole records: SQLAlchemy does not cache queries for single columns of JSON
    found = database.api().get_task_executions(workflow_execution_id=execution_id)
    led_by = {
        one.id: [by["task_id"] for by in (one.runtime_context or {}).get("triggered_by", ())]
        for one in found
    }
    order = {
        one: place for place, one in enumerate(graphlib.TopologicalSorter(led_by).static_order())
    }
    return sorted(
        found, key=lambda one: (one.finished_at or one.updated_at or one.created_at, order[one.id])
    )


def _result_of(task: Any) -> Any:
    """Return the result of a task that counts; null if it has none."""
    return _told_in(results.result_of(task), task)


def _told_in(result: Any, task: Any) -> Any:
    """Return a result; of a sub-workflow without a report, Mistral's own text."""
    if task.type == "WORKFLOW" and result and "report" not in result:
        return result.get("result")
    return result
