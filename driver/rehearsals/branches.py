"""Which branches of a workbook no case took."""

from collections.abc import Iterable, Iterator
from typing import Any

from driver.rehearsals.rehearse import REAL_ACTIONS, Outcome
from driver.workbooks.files import Workbook


def edges_of(workbook: Workbook) -> Iterator[tuple[str, str, str, str]]:
    """Give all transitions of a workbook: workflow, task, event, target.

    The default `on-error` counts for each task that can fail: one that runs an action or a
    workflow.
    """
    for workflow, definition in workbook.workflows.items():
        defaults = definition.get("task-defaults", {})
        for task, body in definition["tasks"].items():
            events = ["on-success", "on-complete"]
            calls = body.get("workflow") or body.get("action", "std.noop")
            if calls.split()[0] not in REAL_ACTIONS:
                events.append("on-error")
            for event in events:
                own = list(_targets(body.get(event)))
                for target in own or _targets(defaults.get(event)):
                    if own or target != task:
                        yield workflow, task, event, target


def _targets(clause: Any) -> Iterator[str]:
    if isinstance(clause, dict) and {"next", "publish"} & clause.keys():
        clause = clause.get("next")
    if isinstance(clause, str):
        yield clause.partition("(")[0].split()[0]
    else:  # a list, or one name with its condition
        for item in clause or ():
            yield from _targets(next(iter(item)) if isinstance(item, dict) else item)


def untaken(workbooks: Iterable[Workbook], outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Give workflows that no outcome ran and transitions that none took, as lines of text."""
    outcomes = list(outcomes)
    ran = {name for outcome in outcomes for name in outcome.workflows}
    taken = {edge for outcome in outcomes for edge in outcome.edges}
    for workbook in workbooks:
        yield from (f"{name}: never run" for name in workbook.workflows if name not in ran)
        for workflow, task, event, target in edges_of(workbook):
            if (workflow, task, event, target) not in taken:
                yield f"{workflow}: {task} {event} {target}"
