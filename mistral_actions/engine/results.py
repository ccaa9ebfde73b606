"""What a task has left behind: the result that counts, of all that its runs have.

Mistral means one run of a task to have a result at a time. But each engine ends an action whose
heartbeat is missing, and of two that end the same one each lets the task try again: the task goes
on in two chains of tries, and a result of the one may stay beside that of the other.
`task().result` is then a list, in no order.
"""

from typing import Any

from mistral_actions.engine import database, internals


@internals.or_else(lambda _: None)
def outcome(context: Any) -> Any:
    """Return the result of this task; what a workbook reads in place of `task().result`.

    :returns: the result that counts (`result_of`); null if there is none.
    """
    return result_of(database.api().get_task_execution(context["__task_execution"]["id"]))


def result_of(task: Any) -> Any:
    """Return the result of a task that counts; null if it has none.

    One that is an end counts before one that asks for another try: what it tells was seen, and no
    later try makes it untrue. Of several of a kind the last one that was begun does.
    """
    found = [result(run, task) for run in runs(task, accepted=True)]
    ends = [one for one in found if not asks_for_another(one)]
    return (ends or found or [None])[-1]


def asks_for_another(left: Any) -> bool:
    """Say whether a result is no end: its task is to run once more.

    A poll that has not finished (`finished: false`), an error worth another try (`retriable:
    true`), and an action whose process died, which Mistral reports as a text.
    """
    if isinstance(left, dict):
        return left.get("finished") is False or left.get("retriable") is True
    return isinstance(left, str)


def runs(task: Any, **which: Any) -> list[Any]:
    """Return executions of a task's action or of its sub-workflow, the oldest first."""
    db = database.api()
    look = db.get_workflow_executions if task.type == "WORKFLOW" else db.get_action_executions
    return sorted(
        look(task_execution_id=task.id, **which), key=lambda one: (one.created_at, one.id)
    )


def result(run: Any, task: Any) -> Any:
    """Return the result of an action, which Mistral wraps, or the output of a sub-workflow."""
    output = run.output if isinstance(run.output, dict) else {}
    return output if task.type == "WORKFLOW" else output.get("result")
