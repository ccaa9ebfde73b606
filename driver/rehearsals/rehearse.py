"""Carry out a case."""

import dataclasses
from typing import TYPE_CHECKING, Any

from driver.rehearsals.agenda import Stopped
from driver.rehearsals.cases import Case
from driver.rehearsals.comparison import differences, missing

if TYPE_CHECKING:
    from driver.rehearsals.engine import VirtualMistral

# Actions that only compute: they run as they are when nothing is scripted for their task
REAL_ACTIONS = {"std.noop", "std.echo", "std.fail", "recovery.prepare_servers"}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came out: the transitions taken, and what differs from the case."""

    workflows: frozenset[str]
    edges: frozenset[tuple[str, str, str, str]]
    problems: list[str]


def rehearse(mistral: "VirtualMistral", case: Case) -> Outcome:
    """Run a case; what its workflow calls must be installed."""
    left = {task: list(results) for task, results in case.results.items()}
    given: dict[str, dict[str, Any]] = {}

    def result_of(task: str, action: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
        given.setdefault(task, inputs)
        if task in left:
            return left[task].pop(0) if len(left[task]) > 1 else left[task][0]
        if action in REAL_ACTIONS:
            return None
        raise Stopped(f"task {task} runs {action}, but results says nothing about it")

    mistral.set_environment(case.environment)
    done = mistral.run(case.workflow, case.input, result_of)
    problems = [str(done.stopped)] if done.stopped else []
    problems += differences(case, done)
    problems += missing(case.inputs, given, "inputs")
    problems += [f"results has task {task}, which never ran" for task in left if task not in given]
    return Outcome(frozenset(done.workflows), frozenset(done.edges), problems)
