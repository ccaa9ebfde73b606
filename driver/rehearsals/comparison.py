"""What came out against what a case says, as sentences for people."""

import dataclasses
import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from driver.rehearsals.agenda import Stopped
from driver.rehearsals.branches import Branch, Edge
from driver.rehearsals.cases import Case
from driver.text.messages import nearest

_NOTHING = "(nothing)"
_MEANS = {"on-success": "succeeds", "on-error": "fails", "on-complete": "ends"}
_WOULD = {"on-success": "{data: ...}", "on-error": "{error: ...}"}


@dataclasses.dataclass(frozen=True)
class Run:
    """What became of a workflow.

    :param state: Mistral's state at the end.
    :param state_info: what Mistral says about it; None if nothing.
    :param output: what the workflow returned.
    :param tasks: paths of its tasks, those of its sub-workflows, and those of workflows that its
        tasks have started, in order of creation.
    :param states: the states of the tasks, by path.
    :param owners: the workflows of the tasks, by path.
    :param workflows: names of those that ran.
    :param edges: transitions taken: workflow, task, event, target.
    :param seconds: how long it took, in virtual time.
    :param stopped: why it could not end; None if it did.
    """

    state: str
    state_info: str | None
    output: dict[str, Any]
    tasks: list[str]
    states: Mapping[str, str]
    owners: Mapping[str, str]
    workflows: set[str]
    edges: set[Edge]
    seconds: float
    stopped: Stopped | None = None


def differences(
    case: Case, done: Run, given: Mapping[str, Any], branches: Collection[Branch] = ()
) -> Iterator[str]:
    """Say where a run differs from its case.

    :param given: the inputs that the actions had, by task.
    :param branches: all that there are, to say what leads to a task that did not run.
    """
    if done.stopped:
        ran = ", ".join(done.tasks) or "no task"
        yield f"{done.stopped}\n  until there ran {ran}"
        return
    if case.tasks != done.tasks:
        yield "\n".join(_tasks(case, done, branches))
    for what in ("state", "state_info"):
        wanted, got = getattr(case, what), getattr(done, what)
        if wanted != got:
            yield _differs(what, wanted, got)
    if case.report:
        yield from missing(case.report, (done.output or {}).get("report", _NOTHING), "report")
    yield from missing(case.output, done.output, "output")
    yield from missing(case.inputs, given, "inputs")
    for task in case.results:
        if task not in given:
            hint = nearest(task, given.keys() - case.results.keys())
            yield f"results has task {task}, which never ran{hint}"


def missing(wanted: Any, got: Any, where: str) -> Iterator[str]:
    """Compare the keys of `wanted`, on every level."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key, value in wanted.items():
            yield from missing(value, got.get(key, _NOTHING), f"{where}.{key}")
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, pair in enumerate(zip(wanted, got, strict=True)):
            yield from missing(*pair, f"{where}[{number}]")
    elif wanted != got:
        yield _differs(where, repr(wanted), repr(got))


def _differs(where: str, wanted: object, got: object) -> str:
    return f"{where}:\n  expected {wanted}\n  got      {got}"


def _tasks(case: Case, done: Run, branches: Collection[Branch]) -> Iterator[str]:
    """Name the first task that is another one, and say what would have led to the right one."""
    pairs = enumerate(itertools.zip_longest(case.tasks, done.tasks), start=1)
    number, wanted, got = next((n, *pair) for n, pair in pairs if pair[0] != pair[1])
    if got is None:
        yield f"tasks: there is no task {number}, but {wanted} was expected"
    elif wanted is None:
        yield f"tasks: task {number} is {got}, but none was expected any more"
    else:
        yield f"tasks: task {number} is {got}, but {wanted} was expected"
    yield f"  expected {', '.join(case.tasks)}"
    yield f"  got      {', '.join(done.tasks)}"
    if wanted and wanted not in done.tasks:
        yield from _ways_to(wanted, case, done, branches)


def _ways_to(path: str, case: Case, done: Run, branches: Collection[Branch]) -> Iterator[str]:
    above, _, name = path.rpartition("/")
    beside = [task for task in done.tasks if task.rpartition("/")[0] == above]
    workflow = done.owners[beside[0]] if beside else None
    for branch in branches:
        before = f"{above}/{branch.task}" if above else branch.task
        if (branch.workflow, branch.target) == (workflow, name) and before in done.states:
            when = f"when {before} {_MEANS[branch.event]}"
            if branch.condition:
                when += f" and {branch.condition}"
            yield f"  {path} runs {when}; {before} ended with {done.states[before]}"
            if before in case.results and not _ended_so(branch.event, done.states[before]):
                yield f"  its result would have to be {_WOULD[branch.event]}"


def _ended_so(event: str, state: str) -> bool:
    return event == "on-complete" or (event == "on-success") == (state == "SUCCESS")
