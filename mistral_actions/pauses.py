"""A YAQL function for steps that begin something again and again: not while they are paused.

Mistral starts no task of an execution that is paused. But one that it has started already and
tries again and again (`retry`) goes on with its tries all through the pause, and after a cancel
for one try more. Whoever pauses a recovery means the servers, not the tasks.
"""

from collections.abc import Iterator
from typing import Any


def may_begin(context: Any) -> bool:
    """Say whether a try may begin new things, asked anew for each: its execution runs.

    Not if it is paused or has ended, or one of those that it works for. What has begun is looked
    after all the same.
    """
    return all(state == "RUNNING" for state in _states_upwards(context["__execution"]["id"]))


def _states_upwards(execution_id: str) -> Iterator[str]:
    """Yield the state of an execution, and of each that it works for, up to the root."""
    db = _db()
    execution = db.get_workflow_execution(execution_id)
    yield execution.state
    while execution.task_execution_id:
        task = db.get_task_execution(execution.task_execution_id)
        execution = db.get_workflow_execution(task.workflow_execution_id)
        yield execution.state


def _db() -> Any:
    from mistral.db.v2 import api  # only the engine has it; the drivers import this package too

    return api
