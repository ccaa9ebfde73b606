"""One chain of tries for each task, whatever Mistral's engines do.

Each engine ends actions whose heartbeat is missing, and nothing keeps two from ending the same one.
Both then let its task try again, and it goes on in two chains of tries, which would do everything
twice. So does a try whose engine died before it could strike it off the list of jobs.

The cure rests on this in Mistral:

- the next try of a task is a row from `RetryPolicy`, with the function `policies._continue_task`
  and the task, in `scheduled_jobs_v2` or, with the legacy scheduler, `delayed_calls_v2`; an engine
  takes a row before it runs it, and leaves it if the row is gone;
- `fail-on` and `continue-on` are evaluated before that row is written, in the transaction that ends
  the action;
- the tries of a task begin behind the lock `continue-task-<id>`, in which their inputs are
  evaluated, and what one has written is seen by the next (READ COMMITTED).
"""

import datetime
from typing import Any

from mistral_actions.engine import database, internals

_NEXT_TRY = "mistral.engine.policies._continue_task"
# An engine that has taken a row for so long has died with it; Mistral waits for 30 s.
_TAKEN = datetime.timedelta(seconds=20)


@internals.or_else(lambda _: True)
def alone(context: Any) -> bool:
    """Say whether no other run of this task's action is at work; false: this one must do nothing.

    Part of the input of each step that two runs at once would do twice. A run that is to do nothing
    keeps none from its work.
    """
    running = database.api().get_action_executions(
        task_execution_id=context["__task_execution"]["id"], state="RUNNING"
    )
    return not any((one.input or {}).get("alone") for one in running)


def drop_other_tries(context: Any) -> None:
    """Forget the tries of this task that are scheduled: whoever ends a run decides what is next."""
    db, task = database.api(), context["__task_execution"]
    if not task:  # a workflow asks, for its output
        return
    of_task = {"eq": {"task_ex_id": task["id"]}}
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    for job in db.get_scheduled_jobs(
        fields=["id", "captured_at"], func_name=_NEXT_TRY, func_args=of_task
    ):
        if job.captured_at is None or now - job.captured_at > _TAKEN:
            db.delete_scheduled_jobs(id=job.id, captured_at=job.captured_at)  # not taken meanwhile
    for call in db.get_delayed_calls(
        fields=["id"], target_method_name=_NEXT_TRY, method_arguments=of_task, processing=False
    ):
        db.delete_delayed_calls(id=call.id, processing=False)
