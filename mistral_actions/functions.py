"""YAQL functions of the pack. They run in Mistral's engine and read its database only.

Mistral passes its own context first; a workbook calls them without it.
"""

import datetime
import itertools
from collections.abc import Iterator
from typing import Any

from mistral_actions import inputs
from mistral_actions.errors import RecoveryError, report

ENVIRONMENT = "recovery"
RECOVER = "recovery.host.recover"
GATE = "confirm_host_failed"
EVACUATE = "recovery.evacuate_servers"  # the action
EVACUATING = ("recovery.methods.host_auto_failure", "recovery.host.evacuate_to_reserved_hosts")
_ENDED = ("CANCELLED", "ERROR", "SUCCESS")
_LEFTOVER = datetime.timedelta(minutes=2)
_LOOK_BACK = 50  # recoveries whose records are looked at: one is made per failed host


def recovery_settings(context: Any) -> dict[str, Any]:
    """Return the Mistral environment `recovery`; empty if the operator made none.

    Read here and not by `env()`, so that it holds however a workflow was started: Horizon,
    Senlin and a plain `mistral execution-create` name no environment.
    """
    environment = _db().load_environment(ENVIRONMENT)
    return dict(environment.variables) if environment else {}


def recovery_records(context: Any, host: Any) -> dict[str, Any]:
    """Return what Mistral knows of other recoveries of this host.

    :param host: name of the host, as it was given to the workflow.
    :returns: `running`: id of an older recovery of this host that has not ended, or null (the
        older one wins, so that two that start together do not both give up); `in_flight`:
        whether a step of one that was cancelled still runs; `plans`: what earlier recoveries of
        this host had found, newest first.
    """
    db, host = _db(), inputs.bare(host)
    own = db.get_workflow_execution(context["__execution"]["id"])
    before = older_recoveries(context, RECOVER, "host", GATE)
    running = [other["id"] for other in before if other["of"] == host and other["decided"]]
    tasks = db.get_task_executions(
        workflow_name=RECOVER,
        name="plan_recovery",
        state="SUCCESS",
        limit=_LOOK_BACK,
        sort_keys=["created_at"],
        sort_dirs=["desc"],
    )
    plans = [task.published.get("plan") or {} for task in tasks]
    return {
        "running": running[-1] if running else None,
        "in_flight": any(_in_flight(db, own, host)),
        "plans": [plan for plan in plans if plan.get("host") == host],
    }


def older_recoveries(context: Any, workflow: str, subject: str, gate: str) -> list[dict[str, Any]]:
    """Return the executions of a workflow that may go before this one, without dry runs.

    Mistral's times have whole seconds, so of two that start in one second the later one may look
    older. Therefore it counts, too, who has passed the gate. Exactly one goes on: who is older
    and not refused, or who has passed the gate before the older one came.

    :param workflow: its full name.
    :param subject: the input that says what is recovered.
    :param gate: the task that asks this last, before anything is written.
    :returns: for each its `id`, what it is the recovery `of`, and `decided`: whether it goes
        before. If not, it is younger and at its gate, where it is refused unless it looked before
        this one was there: wait for it.
    """
    db = _db()
    own = db.get_workflow_execution(context["__execution"]["id"])
    found = []
    for state in ("RUNNING", "PAUSED"):
        for other in db.get_workflow_executions(workflow_name=workflow, state=state):
            if other.id == own.id or _looks_only(other):
                continue
            gates = db.get_task_executions(workflow_execution_id=other.id, name=gate)
            at_gate = [task.state for task in gates]
            older = (other.created_at, other.id) < (own.created_at, own.id)
            if "ERROR" not in at_gate and (older or at_gate):
                of = inputs.bare(other.input.get(subject))
                decided = older or "SUCCESS" in at_gate
                found.append({"id": other.id, "of": of, "decided": decided})
    return found


def _looks_only(execution: Any) -> bool:
    try:
        return inputs.boolean(inputs.bare(execution.input.get("dry_run")) or False)
    except ValueError:  # it will refuse its own input
        return True


def _in_flight(db: Any, own: Any, host: Any) -> Iterator[bool]:
    """Yield for each evacuating task of other recoveries whether it acts on this host.

    Mistral lets a task that waits for its next try run it once more after a cancel. What has
    not changed for minutes is a leftover.
    """
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    for workflow, state in itertools.product(EVACUATING, ("RUNNING", "DELAYED")):
        for task in db.get_task_executions(workflow_name=workflow, state=state):
            execution = task.workflow_execution
            recent = now - (task.updated_at or task.created_at) < _LEFTOVER
            of_this_host = execution.input["plan"]["host"] == host
            other = execution.root_execution_id != own.id
            yield recent and task.spec.get("action") == EVACUATE and of_this_host and other


def try_again(context: Any, result: Any) -> bool:
    """Say whether a task must run its action once more; the `continue-on` of every retry.

    Never when its execution, or one above it, has ended meanwhile: Mistral alone would go on with
    the tries. Cancel in Horizon ends only the execution on which it is pressed.

    :param result: the task's result. A poll that has not finished (`finished: false`), an
        error worth another try (`retriable: true`), and an action whose process died, which
        Mistral reports as a text.
    """
    if _given_up(context["__execution"]["id"]):
        return False
    if isinstance(result, dict):
        return result.get("finished") is False or result.get("retriable") is True
    return isinstance(result, str)


def _given_up(execution_id: str) -> bool:
    """Say whether an execution, or one of those that it works for, has ended."""
    db = _db()
    execution = db.get_workflow_execution(execution_id)
    while execution.state not in _ENDED:
        if not execution.task_execution_id:
            return False
        task = db.get_task_execution(execution.task_execution_id)
        execution = db.get_workflow_execution(task.workflow_execution_id)
    return True


def failure_report(context: Any, failed: list[dict[str, Any]], before: Any) -> dict[str, Any]:
    """Return the report of a task that failed: state, reason, message and details.

    :param failed: the task, alone in a list, as `tasks(..., ERROR)` returns it.
    :param before: the report until then (of the plan, of an earlier attempt), or null. It tells
        of the servers where the failed task knows nothing of them.
    """
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


def servers_left(context: Any, told: dict[str, Any]) -> bool:
    """Say whether servers are still to be moved: what another method is tried for.

    A method that moved all of them and failed later, say in its `post`, is not repeated.

    :param told: the report of the method.
    """
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
    return execution is None or execution.state in _ENDED


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
    if ended.keys() >= {"state", "reason", "message", "details"}:
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
    if isinstance(result, dict):
        found = result.get("report", result)
        known = isinstance(found, dict) and {"reason", "message", "details"} <= found.keys()
        if known and found["reason"] != "NOT_ENDED":  # else Mistral failed, not the recovery
            return {**found, "details": found["details"] or {}}
        if result.get("finished") is False:
            late = f"{task['name']} did not reach its end in time: {result.get('message')}."
            return report("FAILED", "TIMED_OUT", late, {})
    lost = f"Task {task['name']!r} failed: {result or task['state_info'] or 'no reason is known'}"
    return RecoveryError(lost[:1000], "TASK_FAILED").as_dict()["report"]  # type: ignore[no-any-return]


def _db() -> Any:
    from mistral.db.v2 import api  # only the engine has it; the drivers import this package too

    return api
