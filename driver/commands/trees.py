"""The actions of a plan as a tree in one field of a table."""

from collections.abc import Iterable, Iterator
from typing import Any

from cliff.columns import FormattableColumn

from driver.commands.executions import RowsColumn
from driver.plans.status import ActionStatus

_COLUMNS = ("name", "state", "started_at", "ended_at", "reason")
# Beyond this a line would not fit a screen: a plan may be a chain of hundreds.
_DEEPEST = 12


class TreeColumn(FormattableColumn):  # type: ignore[misc]
    """Actions: a tree for people, with what went wrong; records for programs.

    An action that has several parents stands below the last of them, which says so.
    """

    _value: tuple[ActionStatus, ...]

    def human_readable(self) -> str:
        """Return a line for each action, and one more below each that failed."""
        actions = list(_in_depth(self._value))
        rows = [_row(depth, also, action) for depth, also, action in actions]
        lines = RowsColumn(rows, _COLUMNS).human_readable().splitlines()
        for number in reversed(range(len(lines))):
            depth, _, action = actions[number]
            if action.state == "FAILED" and action.message:
                lines.insert(number + 1, f"{_indent(depth + 1)}{' '.join(action.message.split())}")
        return "\n".join(lines)

    def machine_readable(self) -> list[dict[str, Any]]:
        """Return the records, parents first."""
        return [vars(action) | {"parents": list(action.parents)} for action in self._value]


def _in_depth(actions: Iterable[ActionStatus]) -> Iterator[tuple[int, list[str], ActionStatus]]:
    """Yield depth, the other parents than the one below which it stands, and the action."""
    actions = list(actions)
    order = {action.task: number for number, action in enumerate(actions)}
    below: dict[str | None, list[ActionStatus]] = {}
    for action in actions:
        under = max(action.parents, key=order.__getitem__, default=None)
        below.setdefault(under, []).append(action)
    todo = [(0, action) for action in reversed(below.get(None, []))]
    while todo:
        depth, action = todo.pop()
        yield depth, sorted(action.parents, key=order.__getitem__)[:-1], action
        todo += [(depth + 1, child) for child in reversed(below.get(action.task, []))]


def _row(depth: int, also: list[str], action: ActionStatus) -> dict[str, str | None]:
    after = f" (after {', '.join(also)}, too)" if also else ""
    return {
        "name": f"{_indent(depth)}{action.task}{after}",
        "state": action.state,
        "started_at": action.started_at or None,
        "ended_at": action.ended_at or None,
        "reason": action.reason,
    }


def _indent(depth: int) -> str:
    return "  " * min(depth, _DEEPEST)
