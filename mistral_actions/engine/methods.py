"""YAQL functions for the `finally` of a recovery method: how the method ended, and what it knew."""

from typing import Any

from mistral_actions.engine import database
from mistral_actions.engine.executions import ENDED
from mistral_actions.errors import report, report_of


def method_ended(context: Any, execution_id: str) -> bool:
    """Say whether a recovery method has ended, in whatever way; its `finally` waits for that."""
    execution = database.api().load_workflow_execution(execution_id)
    return execution is None or execution.state in ENDED


def method_data(context: Any, execution_id: str) -> dict[str, Any]:
    """Return what the tasks of a recovery method knew, for its `finally`.

    :param execution_id: of the method; of one that was deleted nothing is known.
    :returns: `plan`; `results` by the names of the tasks; and the `report`, which after a cancel
        has the reason CANCELLED.
    """
    execution = database.api().load_workflow_execution(execution_id)
    if execution is None:
        lost = report("FAILED", "NOT_FOUND", f"Execution {execution_id} was deleted.", {})
        return {"plan": {}, "results": {}, "report": lost}
    given = execution.input
    results: dict[str, Any] = {}
    tasks = database.api().get_task_executions(workflow_execution_id=execution.id)
    published = [
        task.published or {} for task in sorted(tasks, key=lambda one: (one.created_at, one.id))
    ]
    for one in published:
        results.update(one.get("results") or {})
    told = report_of(execution.output)
    if not told:
        reports = [report_of(one) for one in (given, *published)]
        details: dict[str, Any] = next((one["details"] for one in reversed(reports) if one), {})
        code = "CANCELLED" if execution.state == "CANCELLED" else "TASK_FAILED"
        text = f"{execution.workflow_name} ended {execution.state}."
        told = report("FAILED", code, f"{text} {execution.state_info or ''}".strip(), details)
    return {"plan": given["plan"], "results": results, "report": told}
