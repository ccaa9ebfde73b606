"""``openstack recovery list`` and ``openstack recovery show``."""

import argparse
from collections.abc import Iterator
from itertools import islice
from typing import Any

from cliff.columns import FormattableColumn

from driver.commands import base
from driver.mistral.client import MistralClient
from driver.recoveries.model import PREFIX, STATES, Recovery, tasks_of
from driver.recoveries.progress import Progress, Watch

_LIST_COLUMNS = ("ID", "Workflow", "Host", "Server", "State", "Reason", "Created At")
_SHOWN = (
    *("id", "workflow", "host", "server", "state", "reason", "message"),
    *("created_at", "updated_at"),
)
_SERVER_COLUMNS = ("name", "id", "from", "to", "state", "reason")
_TASK_COLUMNS = ("name", "state", "seconds")
# `openstack recovery plan list` shows the plans; the keeper recovers nothing
OTHERS = ("recovery.plan.", "recovery.action_plan.", "recovery.keeper.")


class ListRecoveries(base.Lister):
    """List recoveries, newest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the filters."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--host", metavar="<host>", help="only recoveries of this host")
        parser.add_argument(
            "--state", type=str.upper, choices=tuple(STATES), help="only recoveries in this state"
        )
        base.add_limit(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Table:
        """Ask for executions until there are enough."""
        found = (
            recovery
            for recovery in recoveries(self.mistral, parsed_args.state)
            if parsed_args.host in (None, recovery.host)
        )
        rows = [
            tuple(getattr(item, column.lower().replace(" ", "_")) for column in _LIST_COLUMNS)
            for item in islice(found, parsed_args.limit)
        ]
        return _LIST_COLUMNS, rows


def recoveries(mistral: MistralClient, state: str | None = None) -> Iterator[Recovery]:
    """Yield the recoveries that somebody started (not their sub-workflows), newest first."""
    filters = {"workflow_name": f"has:{PREFIX}", "nulls": "task_execution_id"}
    if state:
        filters["state"] = STATES[state]
    for execution in mistral.executions(**filters):
        recovery = Recovery.from_execution(execution)
        ours = execution.workflow.startswith(PREFIX) and not execution.workflow.startswith(OTHERS)
        if ours and state in (None, recovery.state):
            yield recovery


class ShowRecovery(base.ShowOne):
    """Show a recovery: how it stands or ended, its servers and its tasks."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the id and the options about waiting."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("id", metavar="<id>", help="the execution's id")
        base.add_wait_options(parser, "the recovery is shown at the end")
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Ask for the execution, its tasks and, while it runs, its counts."""
        if parsed_args.wait:
            recovery = self.follow(parsed_args.id, parsed_args.timeout)
        else:
            recovery = Recovery.from_execution(self.mistral.execution(parsed_args.id))
        shown: dict[str, Any] = {name: getattr(recovery, name) for name in _SHOWN}
        if recovery.state in ("RUNNING", "PAUSED"):
            shown["progress"] = ProgressColumn(Watch(self.mistral, recovery.id).look())
        else:
            shown["servers"] = RowsColumn(recovery.servers, _SERVER_COLUMNS)
        shown["tasks"] = RowsColumn(list(tasks_of(self.mistral, recovery.id)), _TASK_COLUMNS)
        return tuple(shown), tuple(shown.values())


class ProgressColumn(FormattableColumn):  # type: ignore[misc]
    """Progress: a sentence for people, step and counts for programs."""

    _value: Progress

    def human_readable(self) -> str:
        """Return the progress in words."""
        return str(self._value)

    def machine_readable(self) -> dict[str, Any]:
        """Return step and counts."""
        counts = self._value.counts
        return {"step": self._value.step, "servers": vars(counts) if counts else None}


class RowsColumn(FormattableColumn):  # type: ignore[misc]
    """Records in one field: aligned lines for people, the records themselves for programs.

    :param columns: what people are shown of each record.
    """

    def __init__(self, value: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
        super().__init__(value)
        self._columns = columns

    def human_readable(self) -> str:
        """Return a line for each record."""
        rows = [
            ["-" if row.get(name) is None else str(row[name]) for name in self._columns]
            for row in self._value
        ]
        if not rows:
            return ""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join(lines)

    def machine_readable(self) -> list[dict[str, Any]]:
        """Return the records."""
        records: list[dict[str, Any]] = self._value
        return records
