"""YAQL functions of the pack. They run in Mistral's engine and read its database only.

Mistral passes its own context first; a workbook calls them without it.
"""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from mistral_actions import inputs
from mistral_actions.engine import callers, chains, database, internals, results
from mistral_actions.errors import Unauthorized

ENVIRONMENT = "recovery"
EVACUATE = "recovery.evacuate_servers"  # the action
# Tags of tasks. Behind a gate exactly one of two recoveries goes on: it asks last. A task past the
# gate asks nobody any more: whoever has begun it goes on.
GATE = "gate"
PAST_GATE = "past_gate"
ENDED = ("CANCELLED", "ERROR", "SUCCESS")
_LEFTOVER = datetime.timedelta(minutes=2)
_LOOK_BACK = 50  # recoveries whose records are looked at: one is made per failed host


@internals.or_else(lambda _: {})
def recovery_settings(context: Any) -> dict[str, Any]:
    """Return the Mistral environment `recovery`; empty if the operator made none.

    Read here and not by `env()`, so that it holds however a workflow was started: Horizon,
    Senlin and a plain `mistral execution-create` name no environment.
    """
    environment = database.api().load_environment(ENVIRONMENT)
    return dict(environment.variables) if environment else {}


@internals.or_else(lambda _: {"running": None, "in_flight": False, "plans": []})
def recovery_records(context: Any, host: Any) -> dict[str, Any]:
    """Return what Mistral knows of other recoveries of this host.

    :param host: name of the host, as it was given to the workflow.
    :returns: `running`: id of an older recovery of this host that has not ended, or null (the
        older one wins, so that two that start together do not both give up); `in_flight`:
        whether a step of one that was cancelled still runs; `plans`: what earlier recoveries of
        this host had found, newest first.
    """
    db, host = database.api(), inputs.shortest(host)
    own = db.get_workflow_execution(context["__execution"]["id"])
    before = older_recoveries(context, own.workflow_name, "host")
    running = [other["id"] for other in before if other["of"] == host and other["decided"]]
    tasks = db.get_task_executions(
        workflow_name=own.workflow_name,
        name=context["__task_execution"]["name"],  # the one that asks keeps the plan
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


@internals.or_else(lambda _: [])
def older_recoveries(context: Any, workflow: str, subject: str) -> list[dict[str, Any]]:
    """Return the executions of a workflow that may go before this one, without dry runs.

    Mistral's times have whole seconds, so of two that start in one second the later one may look
    older. Therefore it counts, too, who has passed the gate: the task with this tag, which asks
    last, or is refused, before anything is written; or who has begun a task past it. Exactly one
    goes on: who is older and not refused, or who has passed the gate before the older one came.

    :param workflow: its full name.
    :param subject: the input that says what is recovered.
    :returns: for each its `id`, what it is the recovery `of` (the `shortest` name), and
        `decided`: whether it goes before. If not, it is younger and at its gate, where it is
        refused unless it looked before this one was there: wait for it.
    """
    db = database.api()
    own = db.get_workflow_execution(context["__execution"]["id"])
    found = []
    for state in ("RUNNING", "PAUSED"):
        for other in db.get_workflow_executions(workflow_name=workflow, state=state):
            if other.id == own.id or _looks_only(other):
                continue
            at_gate = _at_gate(other)
            older = (other.created_at, other.id) < (own.created_at, own.id)
            if False not in at_gate and (older or at_gate):
                of = inputs.shortest(other.input.get(subject))
                decided = older or True in at_gate
                found.append({"id": other.id, "of": of, "decided": decided})
    return found


def _at_gate(execution: Any) -> list[bool | None]:
    """Return for each task that is a gate whether it was passed; null if it has not ended."""
    asked = [
        gate.state != "ERROR" if gate.state in ENDED else None for gate in _tagged(execution, GATE)
    ]
    return [*asked, *(True for _ in _tagged(execution, PAST_GATE))]


def _tagged(execution: Any, tag: str) -> list[Any]:
    """Return the tasks of an execution with a tag, those that have begun."""
    names = [name for name, one in execution.spec["tasks"].items() if tag in one.get("tags", ())]
    if not names:
        return []
    begun: list[Any] = database.api().get_task_executions(
        workflow_execution_id=execution.id, name={"in": names}
    )
    return begun


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
    for state in ("RUNNING", "DELAYED"):
        for task in db.get_task_executions(workflow_name={"has": "recovery."}, state=state):
            if task.spec.get("action") != EVACUATE:
                continue
            execution = task.workflow_execution
            recent = now - (task.updated_at or task.created_at) < _LEFTOVER
            plan = execution.input["plan"]  # anything at all if a person has started it
            of_this_host = isinstance(plan, dict) and plan.get("host") == host
            other = execution.root_execution_id != own.id
            yield recent and of_this_host and other


@internals.or_else(lambda _: False)
def try_again(context: Any) -> bool:
    """Say whether this task must run its action once more; the `continue-on` of every retry.

    Yes if the result that counts is no end (`results.asks_for_another`), or if Mistral had lost the
    caller, and with it the token, and the next try gets it back. Never when the task was given up:
    Mistral alone would go on with the tries.
    """
    over = run_state(context) == "ENDED"
    left = results.outcome(context)
    again = results.asks_for_another(left)
    if isinstance(left, dict) and left.get("code") == Unauthorized.code:
        again = callers.give_back(context)
    return again and not over


@internals.or_else(lambda _: "RUNNING")
def run_state(context: Any) -> str:
    """Return how it stands with this execution and all that it works for, up to the root.

    Each `fail-on` asks whether the run has ENDED: Cancel in Horizon ends only the execution on
    which it is pressed, and nothing may come behind the task then, however far it came itself.

    A try begins new things only while the run is RUNNING. Mistral starts no task of an execution
    that is paused. But one that it tries again and again goes on with its tries all through the
    pause, and after a cancel for one try more. Whoever pauses a recovery means the servers, not the
    tasks. What has begun is looked after all the same.

    Every task asks this when an action of it has ended, just before Mistral schedules the next try.
    So here the next try gets its caller back, if Mistral has lost it (`callers`), and is the only
    one (`chains`).

    :returns: ENDED if one of them has ended, RUNNING if all run, else PAUSED.
    """
    callers.give_back(context)
    chains.drop_other_tries(context)
    states = set(_states_upwards(context))
    if states & set(ENDED):
        return "ENDED"
    return "RUNNING" if states == {"RUNNING"} else "PAUSED"


def is_over(context: Any) -> bool:
    """Say whether this execution, or one of those that it works for, has ended already.

    Unlike `run_state` it only looks: a report asks it, at any time.
    """
    return not set(ENDED).isdisjoint(_states_upwards(context))


def _states_upwards(context: Any) -> Iterator[str]:
    """Yield the state of this execution, and of each that it works for, up to the root."""
    db = database.api()
    execution = db.get_workflow_execution(context["__execution"]["id"])
    yield execution.state
    while execution.task_execution_id:
        task = db.get_task_execution(execution.task_execution_id)
        execution = db.get_workflow_execution(task.workflow_execution_id)
        yield execution.state


def tries(context: Any, plan: Any, option: str) -> int:
    """Return how often a step looks: an option of the plan, in seconds, as it looks each second.

    :param plan: anything at all if a person has started the workflow; then 0, as the step is to
        run and refuse it.
    """
    return int(plan["options"][option]) if isinstance(plan, Mapping) and "options" in plan else 0
