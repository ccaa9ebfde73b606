"""What stands still in Mistral for ever, and how Mistral is made to look at it again.

Mistral begins many things behind the commit that decides them: by a message, or by a job. If the
engine or the broker dies then, the message is lost, and nobody sends it again. The task, or the
whole execution, stands still: nothing is active, nothing is scheduled, nothing has an end.

The keeper gives back what was lost, one thing for one thing, as a job of Mistral's scheduler: it is
kept in the database until an engine has done it. Nothing is ever paused, so there is no moment at
which the keeper can die and leave something behind. It rests on this in Mistral:

- NOT_STARTED: a task is IDLE until a message `start_task` comes; a second one does nothing.
- NOT_TRIED: a task waits DELAYED for the job `policies._continue_task`, which failed.
- NOT_JOINED: a join waits for the job `task_handler._refresh_task_state`, which looks only.
- NOT_NOTICED: a task runs on although its action, or its sub-workflow, has ended.
- NOT_FOLLOWED: a task ended while somebody resumed the execution; `Workflow.resume` sees to it.
- NOT_ENDED: all tasks have ended, and `workflow_handler.check_and_complete` was not called.
"""

import dataclasses
import json
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mistral_actions.engine import callers, database, internals
from mistral_actions.keeper import LEAST_IDLE

LOG = logging.getLogger(__name__)

OURS = "recovery."
_ENDED = ("CANCELLED", "ERROR", "SKIPPED", "SUCCESS")
_LOCK = "recovery-keeper"  # of two keepers the second one sees what the first one has done
_AT_ONCE = 100  # executions that one query is about
# Of each record only this: inputs, results and contexts are large, and there may be many.
_OF_RUN = ["id", "task_execution_id", "state", "created_at", "updated_at"]
_OF_EXECUTION = [
    *("id", "workflow_name", "state", "project_id", "root_execution_id"),
    *("created_at", "updated_at"),
]
_OF_TASK = [
    *("id", "name", "state", "state_info", "project_id", "workflow_execution_id", "processed"),
    *("created_at", "updated_at"),
]
_DESCRIPTION = 255  # characters that Mistral keeps
_NOTE = re.compile(r" ?\[looked at again(?: (?P<times>\d+) times)?, last [^]]*\]$")
_KEY = "keeper"  # of the note, in a description that is JSON

# Jobs that do not work for what they name: they only look, or end what takes too long.
_BESIDE = ("_check_and_fix_integrity", "_fail_task_if_incomplete")
# of these two policies only: what else is DELAYED waits for something else
_TRIED_AGAIN = ("Delayed by 'retry'", "Delayed by 'wait-before'")


@dataclasses.dataclass(frozen=True)
class Lost:
    """What Mistral has lost.

    :param what: NOT_STARTED or another one of those above.
    :param task: the record of the task; null for a whole execution.
    """

    what: str
    task: Any = None


class _Mistral(NamedTuple):
    """The modules of Mistral that are used, besides those that only the jobs use."""

    scheduler: Any
    task_handler: Any
    policies: Any
    clock: Any


def look_again(context: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Find what stands still, and let Mistral look at it again; for the keeper's workflow only.

    Of the project of whoever started this workflow; of all projects for an administrator.

    :param asked: `idle`: seconds without any change; `dry_run`: only find; `execution`: id of the
        one that is looked at, with all below it, or null for all.
    :returns: `unknown`: the version of a Mistral that has changed inside, else null; `executions`:
        for each that stands still its `id`, `workflow`, `root`, `what`, `tasks` (names), `seconds`
        without a change, and `asked`: whether Mistral was asked to look again.
    """
    if internals.problem():
        return {"unknown": internals.version(), "executions": []}
    db, mistral = database.api(), _internals()
    asked = {**asked, "idle": max(asked["idle"], LEAST_IDLE)}  # whoever calls this by hand
    own = db.get_workflow_execution(context["__execution"]["id"])
    with db.named_lock(_LOCK):
        found = [
            _row(mistral, execution, lost)
            | {"asked": not asked["dry_run"] and _ask(mistral, db, execution, lost)}
            for execution, lost in standing_still(mistral, db, own, asked)
        ]
    return {"unknown": None, "executions": found}


def _internals() -> _Mistral:
    """Return what is used of Mistral."""
    from mistral.engine import policies, task_handler
    from mistral.scheduler import base as scheduler
    from mistral_lib import utils

    return _Mistral(scheduler, task_handler, policies, utils)


# What stands still


def standing_still(
    mistral: Any, db: Any, own: Any, asked: Mapping[str, Any]
) -> Iterator[tuple[Any, list[Lost]]]:
    """Yield the executions in which nothing is active, each with what was lost in it.

    :param own: the execution of the keeper.
    :param asked: see `look_again`.
    """
    now = mistral.clock.utc_now_sec()

    def rests(records: Iterable[Any]) -> bool:
        return all((now - _changed(one)).total_seconds() >= asked["idle"] for one in records)

    quiet = [one for one in _running(db, own, asked["execution"]) if rests([one])]
    for start in range(0, len(quiet), _AT_ONCE):
        some = list(_of_running_roots(db, quiet[start : start + _AT_ONCE]))
        tasks = _by(
            "workflow_execution_id",
            db.get_task_executions(
                fields=_OF_TASK, workflow_execution_id={"in": [one.id for one in some]}
            ),
        )
        at_work = _at_work(db, [task for those in tasks.values() for task in those], rests)
        for execution in some:
            those = tasks[execution.id]
            if rests(those) and (lost := lost_in(those, at_work)):
                yield execution, lost


def lost_in(tasks: list[Any], at_work: set[str]) -> list[Lost]:
    """Return what was lost in an execution that runs; nothing if it may go on by itself.

    :param tasks: all of the execution.
    :param at_work: ids of the tasks for which something runs or is scheduled.
    """
    found = [_lost(task, at_work) for task in tasks if task.state not in _ENDED]
    if None in found:
        return []
    lost = [one for one in found if one is not None and one.what != "NOT_JOINED"]
    behind = [Lost("NOT_FOLLOWED", one) for one in tasks if _is_not_followed(one)]
    joins = [one for one in found if one is not None and one.what == "NOT_JOINED"]
    # a join waits for those before it, so they go first
    return lost or behind or joins or [Lost("NOT_ENDED")]


def _lost(task: Any, at_work: set[str]) -> Lost | None:
    """Return what became of a task; null if something is active, or nothing can be told."""
    if task.id in at_work:
        return None
    if task.state == "DELAYED" and not (task.state_info or "").startswith(_TRIED_AGAIN):
        return None
    what = {
        "IDLE": "NOT_STARTED",
        "DELAYED": "NOT_TRIED",
        "WAITING": "NOT_JOINED",
        "RUNNING": "NOT_NOTICED",
    }.get(task.state)
    return Lost(what, task) if what else None


def _is_not_followed(task: Any) -> bool:
    return task.state in _ENDED and not task.processed


def _running(db: Any, own: Any, execution: str | None) -> list[Any]:
    """Return our executions that run, but the one that asks."""
    which = {} if _is_administrator(own) else {"project_id": own.project_id}
    return [
        one
        for one in db.get_workflow_executions(
            fields=_OF_EXECUTION, workflow_name={"has": OURS}, state="RUNNING", **which
        )
        if one.workflow_name.startswith(OURS)
        and one.id != own.id
        and execution in (None, one.id, one.root_execution_id)
    ]


def _of_running_roots(db: Any, executions: list[Any]) -> Iterator[Any]:
    """Yield those of which all runs: what is below a pause, or below an end, is left alone."""
    roots = {one.root_execution_id for one in executions} - {None}
    running = {
        one.id
        for one in db.get_workflow_executions(id={"in": list(roots)}, fields=["id", "state"])
        if one.state == "RUNNING"
    }
    for one in executions:
        if one.root_execution_id is None or one.root_execution_id in running:
            yield one


def _is_administrator(own: Any) -> bool:
    return bool((own.context or {}).get("openstack", {}).get("is_admin"))


def _at_work(db: Any, tasks: list[Any], rests: Any) -> set[str]:
    """Return the ids of the tasks for which something runs, has just ended, or is scheduled."""
    running = [task.id for task in tasks if task.state == "RUNNING"]
    found = _scheduled(db) & {task.id for task in tasks} if tasks else set()
    for start in range(0, len(running), _AT_ONCE):
        some = {"in": running[start : start + _AT_ONCE]}
        actions = db.get_action_executions(fields=_OF_RUN, task_execution_id=some)
        inner = db.get_workflow_executions(fields=_OF_RUN, task_execution_id=some)
        runs = _by("task_execution_id", [*actions, *inner])
        found |= {
            task_id
            for task_id in some["in"]
            # none at all: it is being begun, or that was lost, which does not show
            if not runs[task_id]
            or any(one.state not in _ENDED for one in runs[task_id])
            or not rests(runs[task_id])
        }
    return found


def _scheduled(db: Any) -> set[str]:
    """Return the ids of tasks for which Mistral's scheduler has a job, of either kind."""
    jobs = [
        (one.func_name, one.func_args, one.key)
        for one in db.get_scheduled_jobs(fields=["func_name", "func_args", "key"])
    ] + [
        (one.target_method_name, one.method_arguments, one.key)
        for one in db.get_delayed_calls(fields=["target_method_name", "method_arguments", "key"])
    ]
    return {
        # most name their task; those of a task with items have it in their key: `th_on_a_c-<id>`
        (args or {}).get("task_ex_id") or (key or "").partition("-")[2]
        for name, args, key in jobs
        if not name.endswith(_BESIDE)
    }


def _changed(record: Any) -> Any:
    return record.updated_at or record.created_at


def _by(key: str, records: Iterable[Any]) -> defaultdict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for one in records:
        found[getattr(one, key)].append(one)
    return found


def _row(mistral: Any, execution: Any, lost: list[Lost]) -> dict[str, Any]:
    tasks = [one.task for one in lost if one.task]
    last = max(map(_changed, [execution, *tasks]))
    return {
        "id": execution.id,
        "workflow": execution.workflow_name,
        "root": execution.root_execution_id or execution.id,
        "what": lost[0].what,
        "tasks": sorted({task.name for task in tasks}),
        "seconds": int((mistral.clock.utc_now_sec() - last).total_seconds()),
    }


# Looking again


def _ask(mistral: Any, db: Any, execution: Any, lost: list[Lost]) -> bool:
    """Schedule what was lost, for whoever started the execution, and note it there.

    :returns: false if Mistral does not tell who that was: then nothing is done.
    """
    whole = db.get_workflow_execution(execution.id)
    with callers.on_behalf(whole, [one.task for one in lost if one.task]) as known:
        if not known:
            return False
        # what is behind several tasks one job begins
        for one in lost[:1] if lost[0].what == "NOT_FOLLOWED" else lost:
            mistral.scheduler.get_system_scheduler().schedule(_job(mistral, db, execution, one))
    for noted in {execution.id, execution.root_execution_id or execution.id}:
        _note(mistral, db, noted)
    return True


def _job(mistral: Any, db: Any, execution: Any, lost: Lost) -> Any:
    task, key, handler = lost.task, None, mistral.task_handler
    match lost.what:
        case "NOT_STARTED":
            path, given = f"{__name__}.start", _first_start(db, task)
        case "NOT_TRIED":
            path, given = mistral.policies._CONTINUE_TASK_PATH, {"task_ex_id": task.id}
        case "NOT_JOINED":
            path, given = handler._REFRESH_TASK_STATE_PATH, {"task_ex_id": task.id}
            key = handler._get_refresh_state_job_key(task.id)
        case "NOT_FOLLOWED":
            path, given = f"{__name__}.go_on", {"wf_ex_id": execution.id}
        case "NOT_NOTICED":
            path, given = handler._SCHEDULED_ON_ACTION_COMPLETE_PATH, _last_run(db, task)
        case _:
            path, given = f"{__name__}.complete", {"wf_ex_id": execution.id}
    return mistral.scheduler.SchedulerJob(run_after=1, func_name=path, func_args=given, key=key)


def _first_start(db: Any, task: Any) -> dict[str, Any]:
    triggered_by = (db.get_task_execution(task.id).runtime_context or {}).get("triggered_by")
    return {"task_ex_id": task.id, "triggered_by": triggered_by}


def _last_run(db: Any, task: Any) -> dict[str, Any]:
    of_task = {"task_execution_id": task.id}
    inner = db.get_workflow_executions(fields=_OF_RUN, **of_task)
    runs = inner or db.get_action_executions(fields=_OF_RUN, **of_task)
    last = max(runs, key=lambda one: (one.created_at, one.id))
    return {"action_ex_id": last.id, "wf_action": bool(inner)}


def start(task_ex_id: str, triggered_by: Any) -> None:
    """Send the message again that starts a task; a job. It does nothing unless the task is IDLE.

    As a first start, with all policies of the task; a resumed execution would leave them out.
    """
    from mistral.rpc import clients

    clients.get_engine_client().start_task(
        task_ex_id=task_ex_id,
        first_run=True,
        waiting=False,
        triggered_by=triggered_by,
        rerun=False,
        reset=False,
    )


def complete(wf_ex_id: str) -> None:
    """Look whether an execution has ended, and end it then; a job."""
    from mistral.engine import workflow_handler

    _in_transaction(lambda: workflow_handler.check_and_complete(wf_ex_id))


def go_on(wf_ex_id: str) -> None:
    """Begin what follows the tasks that nobody has seen end; a job.

    It is what Mistral does when a pause has ended. A pause that goes on is left alone.
    """
    from mistral.engine import workflows

    def resume() -> None:
        execution = database.api().load_workflow_execution(wf_ex_id)
        if execution and execution.state == "RUNNING":
            workflows.Workflow(wf_ex=execution).resume()

    _in_transaction(resume)


def _in_transaction(change: Callable[[], None]) -> None:
    """Do something as Mistral's engine does: what is to be sent is sent behind the commit."""
    from mistral.engine import post_tx_queue

    def run() -> None:
        with database.api().transaction():
            change()

    post_tx_queue.run(run)()


def _note(mistral: Any, db: Any, execution_id: str) -> None:
    """Say in the description that Mistral has looked again: one note, behind what was there."""
    before = db.get_workflow_execution(execution_id).description or ""
    after = noted(before, f"{mistral.clock.utc_now_sec():%Y-%m-%d %H:%M:%S} UTC")
    db.update_workflow_execution(execution_id, {"description": after})


def noted(description: str, when: str) -> str:
    """Return a description with its note: how often Mistral was asked to look again, and when.

    What others have written there stays whole, if there is no room for a note, too. Mistral's cron
    triggers write JSON; it stays JSON, and gets one key more.
    """
    known = _object_in(description)
    if known is None:
        old = _NOTE.search(description)
        text = description[: old.start()] if old else description
        new = f"{text} {_note_after(old, when)}".lstrip()
    else:
        old = _NOTE.search(str(known.get(_KEY)))
        new = json.dumps({**known, _KEY: _note_after(old, when)})
    return new if len(new) <= _DESCRIPTION else description


def _note_after(old: re.Match[str] | None, when: str) -> str:
    times = int(old["times"] or 1) + 1 if old else 1
    often = f" {times} times" if times > 1 else ""
    return f"[looked at again{often}, last {when}]"


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
