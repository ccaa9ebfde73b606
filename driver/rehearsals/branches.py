"""The branches of workbooks: which lead to a task, and which no case took."""

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from driver.workbooks.files import Workbook

# They only compute, or start a workflow of the same engine: without a result in a case they run
# as they are
REAL_ACTIONS = {
    *("std.noop", "std.echo", "std.fail"),
    *("recovery.prepare_servers", "recovery.start_finally"),
}

#: A transition as the engine takes it: workflow, task, event, target.
Edge = tuple[str, str, str, str]


@dataclasses.dataclass(frozen=True)
class Branch:
    """A transition as a workbook has it.

    :param condition: the expression that must hold; empty if there is none.
    """

    workflow: str
    task: str
    event: str
    target: str
    condition: str = ""

    @property
    def edge(self) -> Edge:
        """The branch without its condition."""
        return self.workflow, self.task, self.event, self.target


def branches_of(workbook: Workbook) -> Iterator[Branch]:
    """Give all transitions of a workbook.

    The default `on-error` counts for each task that can fail: one that runs an action or a
    workflow.
    """
    for workflow, definition in workbook.workflows.items():
        defaults = definition.get("task-defaults", {})
        for task, body in definition["tasks"].items():
            body = body or {}
            events = ["on-success", "on-complete"]
            calls = body.get("workflow") or body.get("action", "std.noop")
            if calls.split()[0] not in REAL_ACTIONS:
                events.append("on-error")
            for event in events:
                own = list(_targets(body.get(event)))
                for target, condition in own or _targets(defaults.get(event)):
                    if own or target != task:
                        yield Branch(workflow, task, event, target, condition)


def _targets(clause: Any) -> Iterator[tuple[str, str]]:
    """Give targets and their conditions."""
    if isinstance(clause, dict) and {"next", "publish"} & clause.keys():
        clause = clause.get("next")
    if isinstance(clause, str):
        yield _name(clause), ""
    elif isinstance(clause, dict):
        yield from ((_name(target), str(condition)) for target, condition in clause.items())
    else:
        for item in clause or ():
            yield from _targets(item)


def _name(target: str) -> str:
    return target.partition("(")[0].split()[0]


def untaken(
    workbooks: Iterable[Workbook],
    ran: Collection[str],
    taken: Collection[Edge],
    only: Collection[str] | None = None,
) -> Iterator[str]:
    """Give workflows that were never run and, of the others, transitions that were never taken.

    :param ran: names of the workflows that were run.
    :param taken: the transitions that were taken.
    :param only: the workflows to look at; None: all.
    """
    for workbook in workbooks:
        names = [name for name in workbook.workflows if only is None or name in only]
        yield from (f"{name}: never run" for name in names if name not in ran)
        for branch in branches_of(workbook):
            is_meant = branch.workflow in names and branch.workflow in ran
            if is_meant and branch.edge not in taken:
                yield f"{branch.workflow}: {branch.task} {branch.event} {branch.target}"
