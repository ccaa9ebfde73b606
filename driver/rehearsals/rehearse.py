"""Carry out cases."""

import dataclasses
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from driver.rehearsals.agenda import Stopped
from driver.rehearsals.branches import REAL_ACTIONS, Branch, Edge
from driver.rehearsals.cases import Case
from driver.rehearsals.comparison import differences
from driver.text.messages import nearest

if TYPE_CHECKING:
    from driver.rehearsals.engine import VirtualMistral


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a case.

    :param workflows: names of the workflows that ran.
    :param edges: the transitions taken.
    :param problems: what differs from the case; empty: it passed.
    :param seconds: how long it took, in real time.
    """

    case: Case
    workflows: frozenset[str]
    edges: frozenset[Edge]
    problems: list[str]
    seconds: float


def rehearse(mistral: "VirtualMistral", case: Case, branches: Collection[Branch] = ()) -> Outcome:
    """Run a case; the workbooks with its workflow and what that calls must be installed.

    :param branches: of these workbooks, to explain why a task did not run.
    """
    left = {task: list(results) for task, results in case.results.items()}
    given: dict[str, dict[str, Any]] = {}

    def result_of(task: str, action: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
        given.setdefault(task, inputs)
        if task in left:
            return left[task].pop(0) if len(left[task]) > 1 else left[task][0]
        if action in REAL_ACTIONS:
            return None
        hint = nearest(task, left)
        raise Stopped(f"task {task} runs {action}, but results says nothing about it{hint}")

    began = time.monotonic()
    mistral.set_environment(case.environment)
    done = mistral.run(case.workflow, case.input, result_of)
    problems = list(differences(case, done, given, branches))
    seconds = time.monotonic() - began
    return Outcome(case, frozenset(done.workflows), frozenset(done.edges), problems, seconds)
