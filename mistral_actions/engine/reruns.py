"""YAQL functions for tasks that a person runs again (`mistral task-rerun`).

Mistral keeps what was before: the executions that the task had started, and the tasks behind it,
among them the reporter of the failure. So a task that runs again has to know how far it came,
and a workflow that has succeeded at last has to tell of its end, not of the failure before it.
Like all functions they run in Mistral's engine and read its database only.
"""

from typing import Any

from mistral_actions.errors import is_report

REPORTER = "report_failure"
# What the details of a failure say of its attempt: the newest records of it in Nova.
_KEPT = ("newest_migration", "newest_action")


def report_so_far(context: Any, before: dict[str, Any]) -> dict[str, Any]:
    """Return the report with which a task begins: `before`, and how far its last run came.

    What failed in Nova until then belongs to an earlier attempt, and is tried again in this one.

    :param before: the report until this task.
    :returns: `before` itself unless the task is run again.
    """
    task = _db().get_task_execution(context["__task_execution"]["id"])
    kept: dict[str, Any] = {}
    for one in _failed_before(task.id):
        kept |= {key: found for key, found in _details(one.output).items() if key in _KEPT}
    return {**before, "details": {**before["details"], **kept}} if kept else before


def newest_before(context: Any, before: Any, key: str) -> Any:
    """Return the newest record in Nova of an earlier attempt, see :func:`report_so_far`; or null.

    :param before: the report until this task; anything at all if a person has typed it.
    :param key: `newest_migration` or `newest_action`.
    """
    return report_so_far(context, before)["details"].get(key) if is_report(before) else None


def last_report(context: Any, merged: dict[str, Any]) -> dict[str, Any]:
    """Return the report of the task that has ended last, for the output of a workflow.

    :param merged: `$.report`, into which Mistral has merged those of all ends; after a rerun that
        of the failure is one of them.
    """
    of_it = {"workflow_execution_id": context["__execution"]["id"]}
    if not _db().get_task_executions(fields=["id"], name=REPORTER, **of_it):
        return merged  # nothing has failed: there is no other report
    tasks = _db().get_task_executions(**of_it)
    tasks = sorted(tasks, key=lambda one: (str(one.finished_at or ""), one.created_at, one.id))
    told = [(one.published or {}).get("report") for one in tasks if one.name != REPORTER]
    return next((one for one in reversed(told) if one), merged)


def _failed_before(task_id: str) -> list[Any]:
    """Return the failed actions and sub-workflows of a task, the oldest first."""
    of_it = {"task_execution_id": task_id, "state": "ERROR"}
    found = [*_db().get_action_executions(**of_it), *_db().get_workflow_executions(**of_it)]
    return sorted(found, key=lambda one: (one.created_at, one.id))


def _details(output: Any) -> dict[str, Any]:
    """Return the details of the report in the output of a sub-workflow or of an action."""
    told: Any = output if isinstance(output, dict) else {}
    if "details" not in told:  # an action, not a workflow, of which `result` is Mistral's text
        told = told.get("result")
        told = told.get("report") if isinstance(told, dict) else None
    details = told.get("details") if isinstance(told, dict) else None
    return details if isinstance(details, dict) else {}


def _db() -> Any:
    from mistral.db.v2 import api  # only the engine has it; the drivers import this package too

    return api
