"""Compile recovery methods to the workbook ``recovery.methods``.

The tasks are built here as plain data, and the template writes what stands around them. The
same methods give the same text, byte for byte.
"""

import dataclasses
import itertools
import pathlib
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from driver.methods.blocks import Block
from driver.methods.defaults import default_methods
from driver.methods.model import Methods, MethodsError, Retry
from driver.methods.resolve import Resolved, resolve
from driver.methods.results import unknown_results
from driver.workbooks.files import Workbook, parse_workbook
from driver.workbooks.header import METHODS_WORKBOOK, methods_header
from driver.workbooks.literals import block, constant, expression, literal
from driver.workbooks.templates import template

# Names with a meaning of their own in Mistral, and the tasks that the template adds
_TAKEN = frozenset({"version", "noop", "fail", "succeed", "pause"}) | {
    *("start_finally", "wait_for_end", "look_at_report", "look_at_results"),
    "report_end",
}
# In the template's task-defaults
OWN_RETRY = Retry(count=60, delay=2)
_PHASES = {
    "pre": "before the recovery; if one of these fails, main does not run",
    "main": "the recovery",
    "post": "after main has succeeded",
    "finally": "each runs, whatever became of those before it",
}
# How long a task has been at it. Mistral writes the second time before it asks for another try.
_SECONDS = "(datetime(task().updated_at) - datetime(task().created_at)).seconds"
# A task that runs into its timeout while it waits for the next try would be run by Mistral once
# more, and then what comes after it a second time: no try is begun so close to the end (seconds).
_MARGIN = 5
_YAML = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled workbook.

    :param workbook: what Mistral is given.
    :param steps: what a task came from, by the full name of its workflow and its own.
    """

    workbook: Workbook
    steps: Mapping[tuple[str, str], Resolved]


@dataclasses.dataclass(frozen=True)
class _MethodTask:
    """A task of a compiled workflow: its name, and where it leads to."""

    name: str
    what: Resolved
    next: str | None

    @property
    def in_finally(self) -> bool:
        return self.what.phase == "finally"

    @property
    def text(self) -> str:
        return block({self.name: self.body()})

    def body(self) -> _YAML:
        """Return the task as Mistral reads it."""
        what = self.what
        body: _YAML = {"description": _description(what)}
        if what.goes_on:
            body["tags"] = ["optional"]  # see mistral_actions/engine/reports.py
        body[what.kind] = what.calls
        inputs = self._inputs()
        if inputs:
            body["input"] = inputs
        body |= _policies(what)
        body["publish"], body["publish-on-error"] = self._publish(), self._publish_on_error()
        body["on-success"], body["on-error"] = self._transitions()
        return {key: value for key, value in body.items() if value or value is False}

    def _inputs(self) -> _YAML:
        what = self.what
        own = {name: expression(text) for name, text in (what.block or _NOTHING).input.items()}
        given = what.settings.input if what.settings else {}
        return {**own, **what.handed, **{name: literal(given[name]) for name in given}}

    def _publish(self) -> _YAML:
        published, result = {}, "outcome()"
        if self._reports:
            published["report"] = expression(f"{result}.get(report, $.report)")
            # once in the data: the report of a thousand servers is large
            whole = self.what.kind == "workflow"
            result = f"{result}.report.delete(details)" if whole else f"{result}.delete(report)"
        return {**published, "results": self._results(result)}

    def _publish_on_error(self) -> _YAML:
        goes_on = self.in_finally or self.what.goes_on
        return {"results": self._results("outcome()")} if goes_on else {}

    def _results(self, result: str) -> str:
        return expression(f"$.results.set({constant(self.name)}, {result})")

    def _transitions(self) -> tuple[list[str], list[str]]:
        """Return on-success and on-error; empty means the default."""
        onward = [self.next] if self.next else []
        if self.in_finally:
            return onward, onward
        return onward, (onward or ["noop"]) if self.what.goes_on else []

    @property
    def _reports(self) -> bool:
        # what happens in finally is no longer the recovery
        return self.what.block is not None and self.what.block.reports and not self.in_finally


_NOTHING = Block("", "", input={})


def _description(what: Resolved) -> str:
    if what.block:
        return what.block.description
    settings = f", as tasks.{what.entry.name} of the file says" if what.settings else ""
    return f"Runs the {what.kind} {what.calls}{settings}."


def _policies(what: Resolved) -> _YAML:
    """Return how a task is run, where that is not as the workflow's task-defaults say."""
    return _own_policies(what) if what.is_own else _foreign_policies(what)


def _own_policies(what: Resolved) -> _YAML:
    """Return the policies of a step that looks again and again, and never waits for long."""
    timeout, retry = (what.timeout, what.retry)
    if what.kind == "workflow":  # it waits inside
        policies: _YAML = {"timeout": timeout} if timeout else {}
        timeout = None
    else:
        policies = {}
    tries = what.block.tries if what.block else None
    if not retry and not timeout and tries is None:
        return policies
    count: int | str = expression(tries) if isinstance(tries, str) else tries or OWN_RETRY.count
    delay = OWN_RETRY.delay if tries is None else 1
    if retry:
        count, delay = retry.count, retry.delay
    again = "try_again()"
    if timeout:
        again = f"{again} and {_SECONDS} < {timeout - delay}"
    return {"retry": {"count": count, "delay": delay, "continue-on": expression(again)}, **policies}


def _foreign_policies(what: Resolved) -> _YAML:
    """Return the policies of a task of which nobody knows whether it may be run twice.

    What its result means is its own affair, too.
    """
    timeout, retry = what.timeout, what.retry
    again: _YAML = {"count": 0, "delay": 0}
    if retry:
        give_up = "run_state() = ENDED"  # as after a cancel
        if timeout:
            give_up = f"{give_up} or {_SECONDS} > {timeout - retry.delay - _MARGIN}"
        again = {"count": retry.count, "delay": retry.delay, "break-on": expression(give_up)}
    policies = {"safe-rerun": False, "fail-on": expression("run_state() = ENDED"), "retry": again}
    return {**policies, "timeout": timeout} if timeout else policies


@dataclasses.dataclass(frozen=True)
class _Method:
    """One chain as the template sees it; `tasks` and `finally` are lists of phases."""

    failure: str
    tasks: list[_MethodTask]

    @property
    def before_end(self) -> list[_MethodTask]:
        return [task for task in self.tasks if not task.in_finally]

    @property
    def at_end(self) -> list[_MethodTask]:
        return [task for task in self.tasks if task.in_finally]

    @property
    def subject(self) -> str:
        return self.failure.partition("_")[0]

    @staticmethod
    def phases(tasks: list[_MethodTask]) -> Iterator[tuple[str, str, list[str]]]:
        """Yield name, comment and the tasks' text of each phase."""
        for phase, group in itertools.groupby(tasks, lambda task: task.what.phase):
            yield phase, _PHASES[phase], [task.text for task in group]

    @staticmethod
    def foreign(tasks: list[_MethodTask]) -> bool:
        """Say whether one of them is not of this pack."""
        return not all(task.what.is_own for task in tasks)


def compile_methods(methods: Methods, chains: Mapping[str, list[Resolved]]) -> Compiled:
    """Return the workbook that carries out these methods.

    :param chains: the steps of each chain, from :func:`driver.methods.resolve.resolve`.
    :raises MethodsError: an expression asks for the result of a task that is not there.
    """
    found = [_Method(failure, _tasks(chain)) for failure, chain in chains.items()]
    problems = [
        problem
        for method in found
        for problem in unknown_results([(task.name, task.what) for task in method.tasks])
    ]
    if problems:
        raise MethodsError(problems)
    about = {"name": METHODS_WORKBOOK, "header": methods_header(methods.source), "retry": OWN_RETRY}
    text = template("driver.methods").render(methods=found, **about)
    steps = {
        (f"{method.failure}{'_finally' if task.in_finally else ''}", task.name): task.what
        for method in found
        for task in method.tasks
    }
    return Compiled(parse_workbook(text, pathlib.Path(f"{METHODS_WORKBOOK}.yaml")), steps)


def default_workbook() -> Workbook:
    """Return the workbook of the defaults: the one that the pack ships."""
    methods = default_methods()
    return compile_methods(methods, resolve(methods, None)).workbook


def _tasks(chain: list[Resolved]) -> list[_MethodTask]:
    """Name the tasks of a chain; no name twice, so that each has its own place in the results."""
    names: list[str] = []
    for step in chain:
        base = re.sub(r"[^A-Za-z0-9_]", "_", step.entry.name)
        numbered = (f"{base}_{number}" for number in itertools.count(2))
        free = (
            name
            for name in itertools.chain([base], numbered)
            if name not in _TAKEN and name not in names
        )
        names.append(next(free))
    found = []
    for place, (name, step) in enumerate(zip(names, chain, strict=True)):
        after = chain[place + 1 :]
        is_last = not after or (after[0].phase == "finally" and step.phase != "finally")
        end = "report_end" if step.phase == "finally" else None
        found.append(_MethodTask(name, step, end if is_last else names[place + 1]))
    return found


if __name__ == "__main__":
    sys.stdout.write(default_workbook().text)
