"""What the recovery commands share: the client, starting, waiting, the result, the exit status."""

import argparse
from collections.abc import Sequence
from typing import Any

from cliff import lister, show

from driver.commands.display import reporter_for
from driver.mistral.client import MistralClient
from driver.mistral.records import Execution
from driver.recoveries.model import Recovery
from driver.recoveries.progress import goes_on, wait

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]

_INTERRUPTED = 130

STARTED_COLUMNS = ("ID", "Workflow", "Host", "Server", "State", "Created At")
SERVER_COLUMNS = ("Name", "ID", "From", "To", "State", "Reason")


class Watching:
    """Mixed into a command that may wait for a recovery.

    Its exit status says how the recovery ended: cliff's display commands return 0 for whatever
    they display, so the status is kept until the table has been written.
    """

    app: Any
    exit_status = 0

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command; an interrupted wait is no failure of the recovery."""
        try:
            status: int = super().run(parsed_args)  # type: ignore[misc]
        except Interrupted as stop:
            self.say(str(stop))
            return _INTERRUPTED
        return status or self.exit_status

    @property
    def mistral(self) -> MistralClient:
        """The Mistral of the cloud that the command is for."""
        client: MistralClient = self.app.client_manager.recovery
        return client

    def say(self, line: str) -> None:
        """Tell the person something that is not the command's result."""
        self.app.stderr.write(f"{line}\n")

    def follow(self, execution_id: str, timeout: float | None = None) -> Recovery:
        """Show a recovery's progress until it ends, and say how it ended."""
        try:
            recovery = wait(self.mistral, execution_id, reporter_for(self.app.stderr), timeout)
        except KeyboardInterrupt:
            raise Interrupted(f"stopped waiting: {goes_on(execution_id)}") from None
        self.say(recovery.sentence)
        self.exit_status = 0 if recovery.succeeded else 1
        return recovery


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while waiting, with what to say about it."""


class Lister(Watching, lister.Lister):  # type: ignore[misc]
    """A command whose result is a list."""


class ShowOne(Watching, show.ShowOne):  # type: ignore[misc]
    """A command whose result is one thing."""


class Starter(Lister):
    """A command that starts a recovery and, if asked to, waits for its end.

    Its arguments have the names of the workflow's inputs.
    """

    workflow = ""
    inputs: tuple[str, ...] = ()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options about waiting."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_wait_options(parser, "the table of servers is printed at the end")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        """Start the workflow; return the execution or, after waiting, the servers.

        Inputs that the person did not give are not sent at all: they come from the Mistral
        environment ``recovery`` or from the workflow's own defaults.
        """
        told = {name: getattr(parsed_args, name) for name in self.inputs}
        given = {name: value for name, value in told.items() if value is not None}
        execution = self.mistral.start(self.workflow, given)
        # A dry run is over in seconds, and its result is all that it is for.
        if not (parsed_args.wait or given.get("dry_run")):
            return started_table(execution)
        self.say(f"{self.workflow} started, execution {execution.id}")
        return server_table(self.follow(execution.id, parsed_args.timeout))


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add ``--dry-run``."""
    parser.add_argument(
        "--dry-run",
        action="store_true",
        default=None,
        help="only report what would happen, nothing is written to Nova (implies --wait)",
    )


def add_wait_options(parser: argparse.ArgumentParser, result: str) -> None:
    """Add ``--wait`` and ``--timeout``."""
    parser.add_argument(
        "--wait",
        action="store_true",
        help=f"wait for the end and show the progress; {result}; the exit status is 0 only if "
        "the recovery succeeded",
    )
    parser.add_argument(
        "--timeout",
        type=positive(float),
        metavar="<seconds>",
        help="with --wait: stop waiting after so long (the recovery itself goes on)",
    )


def add_limit(parser: argparse.ArgumentParser, default: int = 20) -> None:
    """Add ``--limit``."""
    parser.add_argument(
        "--limit",
        type=positive(int),
        default=default,
        metavar="<number>",
        help=f"how many at most (default {default})",
    )


def positive(kind: type[int] | type[float]) -> Any:
    """Return an argparse type for a number above 0."""

    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number < float("inf"):
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is not a {what} above 0")
        return number

    return parse


def started_table(execution: Execution) -> Table:
    """Return an execution that has just been started as a list with one row."""
    new = Recovery.from_execution(execution)
    row = (new.id, new.workflow, new.host, new.server, new.state, new.created_at)
    return STARTED_COLUMNS, [row]


def server_table(recovery: Recovery) -> Table:
    """Return what became of each server."""
    keys = [column.lower() for column in SERVER_COLUMNS]
    return SERVER_COLUMNS, [tuple(server.get(key) for key in keys) for server in recovery.servers]
