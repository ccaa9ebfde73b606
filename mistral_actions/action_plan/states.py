"""The states of an action plan and of its actions, derived from what Mistral's executions say.

No state is stored a second time. These are pure functions over plain data, so that the engine (the
YAQL functions) and the drivers (through Mistral's API) come to the same result.

A plan is compiled to a workflow with one task per action. Its definition says what the graph is
(:func:`graph_of`); its task executions, the outputs of their sub-workflows, its own execution and
those of the workflow that cancels it say what has happened (:func:`action_states`,
:func:`plan_state`).
"""

import dataclasses
import graphlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from mistral_actions.errors import report_of

Rule = Literal["ALWAYS", "ANY"]
Cancel = Literal["RUNNING", "SUCCESS", "ERROR"]

PENDING, ONGOING, SUCCEEDED, FAILED = "PENDING", "ONGOING", "SUCCEEDED", "FAILED"
SKIPPED, CANCELLING, CANCELLED = "SKIPPED", "CANCELLING", "CANCELLED"
ALTERNATIVE_SUCCEEDED = "ALTERNATIVE_SUCCEEDED"

#: In these an action stays.
ENDS = (SUCCEEDED, SKIPPED, FAILED, CANCELLED)
#: The reasons of a cancel that was refused: it has changed nothing.
REFUSALS = ("UNKNOWN_PLAN", "PLAN_ENDED", "CANCEL_RUNNING", "BAD_INPUT")
#: How a tag of a task begins that names the one before it in its lane, which is no parent.
BEHIND = "behind "
_ACTIONS = "recovery.action."
_NOT_BEGUN = ("IDLE", "WAITING")  # a join waits for its parents as a task of its own
_ENDED = ("SUCCESS", "ERROR", "CANCELLED")


@dataclasses.dataclass(frozen=True)
class ActionNode:
    """An action in a plan's graph.

    :param task: name of its task.
    :param action: its uuid.
    :param type: its type.
    :param parents: names of the tasks after which it runs.
    """

    task: str
    action: str
    type: str
    parents: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Graph:
    """What was compiled: the rule, and the actions by the names of their tasks, parents first."""

    rule: Rule
    nodes: Mapping[str, ActionNode]

    def children(self) -> dict[str, list[str]]:
        """Return the names of each action's children."""
        found: dict[str, list[str]] = {task: [] for task in self.nodes}
        for node in self.nodes.values():
            for parent in node.parents:
                found[parent].append(node.task)
        return found


@dataclasses.dataclass(frozen=True)
class TaskRecord:
    """What Mistral shows of an action: its task and the sub-workflow of it.

    :param state: of its task.
    :param output: of its sub-workflow; None if there is none yet.
    :param state_info: Mistral's own words about the task.
    """

    state: str
    output: Any = None
    state_info: str | None = None


def found_done(before: Any, now: Any) -> bool:
    """Say whether an action ran again, because one before it did, and found itself done.

    :param before: the output that it had. :param now: the one after a person's rerun.
    """
    return [report_of(one).get("state") for one in (before, now)] == [SUCCEEDED, SKIPPED]


@dataclasses.dataclass(frozen=True)
class ActionState:
    """How it stands with an action."""

    state: str
    reason: str | None = None
    message: str | None = None


def graph_of(workflow: Mapping[str, Any]) -> Graph:
    """Return the graph of a compiled plan.

    :param workflow: the definition of the workflow `run` or `rollback`, as data.
    """
    tasks = {
        name: task
        for name, task in workflow["tasks"].items()
        if isinstance(task, dict) and str(task.get("workflow", "")).startswith(_ACTIONS)
    }
    parents: dict[str, list[str]] = {name: [] for name in tasks}
    for name, task in tasks.items():
        for target in _through_layers(workflow["tasks"], task):
            if target in parents and BEHIND + name not in tasks[target].get("tags", ()):
                parents[target].append(name)
    nodes = {
        name: ActionNode(
            name, task["input"]["action"], task["workflow"][len(_ACTIONS) :], tuple(parents[name])
        )
        for name, task in tasks.items()
    }
    rule: Rule = "ANY" if workflow.get("vars", {}).get("rule") == "ANY" else "ALWAYS"
    return Graph(rule, _parents_first(nodes))


def _through_layers(tasks: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a task leads to; a task that only waits for a layer stands for those behind it."""
    for target in _targets(task):
        waits = tasks[target].get("action") == "std.noop"
        yield from _targets(tasks[target]) if waits else [target]


def _targets(task: Mapping[str, Any]) -> list[str]:
    """Return all that a task can lead to: a failure leads to all children, whatever the rule."""
    return task.get("on-complete") or task.get("on-error") or []


def _parents_first(nodes: Mapping[str, ActionNode]) -> dict[str, ActionNode]:
    """Order nodes so that parents come first; Mistral may give the tasks in any order."""
    before = {name: node.parents for name, node in nodes.items()}
    return {name: nodes[name] for name in graphlib.TopologicalSorter(before).static_order()}


def cancel_of(cancels: Iterable[tuple[str, Any]]) -> Cancel | None:
    """Return how it stands with the cancelling of a plan.

    :param cancels: state and output of each execution of the workflow that cancels this plan.
    :returns: None if nobody has begun to cancel it; a refused cancel has not begun.
    """
    states = {state for state, output in cancels if not _refused(state, output)}
    if states & {"RUNNING", "PAUSED", "IDLE"}:
        return "RUNNING"
    if "SUCCESS" in states:
        return "SUCCESS"
    return "ERROR" if states & {"ERROR"} else None


def _refused(state: str, output: Any) -> bool:
    return state == "ERROR" and report_of(output).get("reason") in REFUSALS


def action_states(
    graph: Graph, tasks: Mapping[str, TaskRecord], run: str | None, cancel: Cancel | None = None
) -> dict[str, ActionState]:
    """Return the state of each action, by the name of its task.

    :param tasks: what Mistral shows, by the names of the tasks; a task that does not exist yet is
        not in it.
    :param run: state of the plan's execution; None if it was not started.
    :param cancel: see :func:`cancel_of`.
    """
    states: dict[str, ActionState] = {}
    for node in graph.nodes.values():  # parents first
        task, satisfied = tasks.get(node.task), None
        # that a parent has succeeded counts, too, if it did so only when a person ran it again
        if graph.rule == "ANY" and not _has_succeeded(task):
            satisfied = satisfied_by({parent: states[parent] for parent in node.parents})
        if satisfied:
            states[node.task] = ActionState(SKIPPED, ALTERNATIVE_SUCCEEDED, satisfied)
        elif task is not None and task.state not in _NOT_BEGUN:
            states[node.task] = begun(task, run, cancel)
        elif run in _ENDED:
            states[node.task] = ActionState(CANCELLED, CANCELLED, "It was never started.")
        else:
            # not CANCELLED yet: its task may still be created, to find that out
            being_cancelled = cancel in ("RUNNING", "SUCCESS")
            states[node.task] = ActionState(CANCELLING if being_cancelled else PENDING)
    return states


def _has_succeeded(task: TaskRecord | None) -> bool:
    return task is not None and report_of(task.output).get("state") == SUCCEEDED


def begun(task: TaskRecord, run: str | None, cancel: Cancel | None) -> ActionState:
    """Return the state of an action whose task has begun; arguments as in `action_states`."""
    told = report_of(task.output)
    if told.get("state") in ENDS:
        return ActionState(told["state"], told["reason"], told["message"])
    if task.state in ("ERROR", "SUCCESS"):
        text = task.state_info or "It ended without a report."
        return ActionState(FAILED, "TASK_FAILED", text[:1000])
    if task.state == "CANCELLED" or run == "CANCELLED":
        return ActionState(CANCELLED, CANCELLED, "It was stopped in Mistral.")
    return ActionState(CANCELLING if cancel in ("RUNNING", "SUCCESS") else ONGOING)


def satisfied_by(parents: Mapping[str, ActionState]) -> str | None:
    """Return the sentence that says why an alternative to these is not needed; None if it is.

    :param parents: their states by the names of their tasks.
    """
    for name, parent in sorted(parents.items()):
        if parent.state == SUCCEEDED:
            return f"{name}, to which it is an alternative, has succeeded."
    for name, parent in sorted(parents.items()):
        if parent.state == SKIPPED and parent.reason == ALTERNATIVE_SUCCEEDED:
            return f"{name}, to which it is an alternative, was not needed."
    return None


def not_made_good(graph: Graph, states: Mapping[str, ActionState]) -> list[str]:
    """Return the tasks of the actions that failed for good.

    Under ANY a failure is made good by an alternative that succeeded, or by one to that.
    """
    children, good = graph.children(), set()
    if graph.rule == "ANY":
        for name in reversed(list(graph.nodes)):  # children first
            if any(child in good or states[child].state == SUCCEEDED for child in children[name]):
                good.add(name)
    return [name for name in graph.nodes if states[name].state == FAILED and name not in good]


def plan_state(
    graph: Graph,
    states: Mapping[str, ActionState],
    run: str | None,
    cancel: Cancel | None = None,
    reported: str | None = None,
) -> str:
    """Return the state of a plan.

    :param states: see :func:`action_states`.
    :param run: state of the plan's execution; None if it was not started.
    :param cancel: see :func:`cancel_of`.
    :param reported: the state in the output of the plan's execution, once it has one.
    """
    if run is None:
        return PENDING
    if run not in _ENDED:
        return CANCELLING if cancel in ("RUNNING", "SUCCESS") else ONGOING
    if cancel == "ERROR":
        return FAILED
    if cancel == "SUCCESS":
        return CANCELLED
    if cancel == "RUNNING" and (run == CANCELLED or reported == CANCELLED):
        return CANCELLING
    if run == CANCELLED:
        return CANCELLED
    if reported in (SUCCEEDED, FAILED, CANCELLED):
        return str(reported)
    return FAILED if run == "ERROR" or not_made_good(graph, states) else SUCCEEDED


def end_of(graph: Graph, states: Mapping[str, ActionState], cancel: Cancel | None) -> ActionState:
    """Return how a plan ends whose actions have all ended: state, reason and message."""
    counted = tally(states)
    if cancel == "ERROR":
        return ActionState(FAILED, "CANCEL_FAILED", f"Cancelling the plan failed; {counted}.")
    if cancel is not None:
        return ActionState(CANCELLED, CANCELLED, f"The plan was cancelled; {counted}.")
    lost = not_made_good(graph, states)
    if not lost:
        return ActionState(SUCCEEDED, "CARRIED_OUT", f"The plan was carried out; {counted}.")
    first = states[lost[0]].message or "no reason is known"
    more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    text = f"The plan failed; {counted}. {lost[0]}{more}: {first}"
    return ActionState(FAILED, "ACTIONS_FAILED", text)


def end_of_rollback(states: Mapping[str, ActionState]) -> ActionState:
    """Return how a rollback ends whose steps have all ended: state, reason and message."""
    counted = tally(states)
    failed = [name for name, found in states.items() if found.state in (FAILED, CANCELLED)]
    if failed:
        first = states[failed[0]].message or "no reason is known"
        text = f"The plan was not rolled back; {counted}. {failed[0]}: {first}"
        return ActionState(FAILED, "ACTIONS_FAILED", text)
    if not any(found.state == SUCCEEDED for found in states.values()):
        return ActionState(SKIPPED, "NOTHING_TO_ROLL_BACK", f"Nothing was undone; {counted}.")
    return ActionState(SUCCEEDED, "ROLLED_BACK", f"The plan was rolled back; {counted}.")


def tally(states: Mapping[str, ActionState]) -> str:
    """Return how many actions are in which state, as part of a sentence."""
    counts = Counter(found.state for found in states.values())
    order = (SUCCEEDED, SKIPPED, FAILED, CANCELLED, CANCELLING, ONGOING, PENDING)
    parts = [f"{counts[state]} {state.lower()}" for state in order if counts[state]]
    total = len(states)
    return f"of {total} action{'' if total == 1 else 's'} {', '.join(parts) or 'none'}"
