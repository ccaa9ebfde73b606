"""YAQL functions that say how a task, a recovery method or a workflow has ended.

A report has four keys: state, reason, message and details. Like all functions they run in
Mistral's engine and read its database only.
"""

from typing import Any

from mistral_actions.engine.executions import ENDED, is_over
from mistral_actions.errors import RecoveryError, is_report, report


def failure_report(context: Any, failed: list[dict[str, Any]], before: Any) -> dict[str, Any]:
    """Return the report of a task that failed: state, reason, message and details.

    :param failed: the task, alone in a list, as `tasks(..., ERROR)` returns it.
    :param before: the report until then (of the plan, of an earlier attempt), or null. It tells
        of the servers where the failed task knows nothing of them.
    :returns: the report; its reason is CANCELLED if the recovery was given up.
    """
    before = before if is_report(before) else None  # a person can have typed anything
    if is_over(context):
        return _cancelled([before, *(_told_by(task["result"]) for task in failed)])
    reports = [_report_of(task) for task in failed]
    own = reports[-1] if reports else report("FAILED", "FAILED", "The workflow failed.", {})
    if own["details"].get("servers") or not before:
        return own
    message = own["message"]
    # the last try of a poll has published its report already
    published = own["reason"] == "TIMED_OUT" and before["message"] == message
    if before["reason"] != "NOT_ENDED" and not published:
        message = f"{before['message']} Then: {message}"
    return report("FAILED", own["reason"], message, {**before["details"], **own["details"]})


def step_report(context: Any, result: Any, before: Any) -> Any:
    """Return the report that a task publishes on its success.

    Mistral publishes before it asks `fail-on`: a poll that has not ended, or that was given up,
    publishes this as well, and its `on-error` finds it.

    :param result: of the action or sub-workflow. :param before: the report until this task.
    """
    if is_over(context):
        return _cancelled([before, _told_by(result)])
    return _told_by(result) or before


def error_report(context: Any, told: Any) -> dict[str, Any]:
    """Return the report of a workflow that ends in ERROR, for its `output-on-error`.

    :param told: `$.get(report)`. There may be none, or one that no task has brought to an end:
        then somebody has ended the execution (Cancel in Horizon does so), or Mistral itself has,
        because of a task that it could not run.
    """
    if is_report(told) and told["reason"] != "NOT_ENDED":
        return dict(told)
    tasks = _tasks_of(_db().get_workflow_execution(context["__execution"]["id"]))
    reports = [told, *((task.published or {}).get("report") for task in tasks)]
    if failed := [task for task in tasks if task.state == "ERROR" and not task.error_handled]:
        text = _failed_task(failed[-1])["message"]
        return report("FAILED", "TASK_FAILED", text, _details_of(reports))
    return _cancelled(reports)


def _cancelled(reports: list[Any]) -> dict[str, Any]:
    text = "Cancelled before its end: nothing more is begun, and what has begun goes on by itself."
    return report("FAILED", "CANCELLED", text, _details_of(reports))


def _details_of(reports: list[Any]) -> dict[str, Any]:
    """Return the details of several reports, of which later ones know more."""
    details: dict[str, Any] = {}
    for one in reports:
        details |= (one["details"] or {}) if is_report(one) else {}
    return details


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


def method_report(context: Any, before: Any) -> dict[str, Any]:
    """Return the report of a recovery method whose tasks have all been carried out.

    :param before: the report until then. One that no task has brought to an end means that the
        method has no task that recovers anything, as one that only alerts.
    :returns: the report; with `failed_tasks` in its details if the method went on after failures.
    """
    execution = _db().get_workflow_execution(context["__execution"]["id"])
    told = dict(before)
    if told["reason"] == "NOT_ENDED":
        text = f"{execution.workflow_name} was carried out; none of its tasks recovers servers."
        told = report("SUCCEEDED", "CARRIED_OUT", text, told["details"])
    failed = [_failed_task(task) for task in _tasks_of(execution) if task.state == "ERROR"]
    if failed:
        told["message"] += "".join(f" Without {one['task']}: {one['message']}" for one in failed)
        told["details"] = {**told["details"], "failed_tasks": failed}
    return told


def method_ended(context: Any, execution_id: str) -> bool:
    """Say whether a recovery method has ended, in whatever way; its `finally` waits for that."""
    execution = _db().load_workflow_execution(execution_id)
    return execution is None or execution.state in ENDED


def method_data(context: Any, execution_id: str) -> dict[str, Any]:
    """Return what the tasks of a recovery method knew, for its `finally`.

    :param execution_id: of the method; of one that was deleted nothing is known.
    :returns: `plan`; `results` by the names of the tasks; and the `report`, which after a cancel
        has the reason CANCELLED.
    """
    execution = _db().load_workflow_execution(execution_id)
    if execution is None:
        lost = report("FAILED", "NOT_FOUND", f"Execution {execution_id} was deleted.", {})
        return {"plan": {}, "results": {}, "report": lost}
    given, ended = execution.input, execution.output or {}
    tasks = _tasks_of(execution)
    if is_report(ended):
        told = ended
    else:
        reports = [(task.published or {}).get("report") for task in tasks]
        details = [one for one in [given["report"], *reports] if one][-1]["details"]
        code = "CANCELLED" if execution.state == "CANCELLED" else "TASK_FAILED"
        text = f"{execution.workflow_name} ended {execution.state}."
        told = report("FAILED", code, f"{text} {execution.state_info or ''}".strip(), details)
    results: dict[str, Any] = {}
    for task in tasks:
        results.update((task.published or {}).get("results") or {})
    return {"plan": given["plan"], "results": results, "report": told}


def _tasks_of(execution: Any) -> list[Any]:
    found = _db().get_task_executions(workflow_execution_id=execution.id)
    return sorted(found, key=lambda task: (task.created_at, task.id))


def _failed_task(task: Any) -> dict[str, str]:
    about = {"name": task.name, "result": _result_of(task), "state_info": task.state_info}
    return {"task": task.name, "message": _report_of(about)["message"]}


def _result_of(task: Any) -> Any:
    from mistral.workflow import data_flow  # as below

    return data_flow.get_task_execution_result(task)


def _report_of(task: dict[str, Any]) -> dict[str, Any]:
    """Return the report in an action's error, or that of a sub-workflow, or one made of text."""
    result = task["result"]
    found = _told_by(result)
    if found and found["reason"] != "NOT_ENDED":  # else Mistral failed, not the recovery
        return {**found, "details": found["details"] or {}}
    if isinstance(result, dict) and result.get("finished") is False:
        late = f"{task['name']} did not reach its end in time: {result.get('message')}."
        return report("FAILED", "TIMED_OUT", late, {})
    lost = f"Task {task['name']!r} failed: {result or task['state_info'] or 'no reason is known'}"
    return RecoveryError(lost[:1000], "TASK_FAILED").as_dict()["report"]  # type: ignore[no-any-return]


def _told_by(result: Any) -> Any:
    """Return the report in the result of an action or of a sub-workflow, or null."""
    found = result.get("report", result) if isinstance(result, dict) else None
    return found if is_report(found) else None


def _db() -> Any:
    from mistral.db.v2 import api  # only the engine has it; the drivers import this package too

    return api
