"""``openstack recovery methods``: what is done about a failure, from an operator's file."""

import argparse
import difflib
from collections.abc import Mapping
from pathlib import Path

from cliff import command

from driver.commands import base
from driver.methods.apply import compile_for, installed, load_methods
from driver.methods.compile import Compiled
from driver.methods.model import MethodChain, Methods
from driver.rehearsals.drafts import write_drafts
from driver.rehearsals.loading import quietly
from driver.workbooks.header import METHODS_WORKBOOK
from driver.workbooks.install import install

_COLUMNS = ("Failure", "Phase", "Tasks", "Given")


class PrintsText(base.Watching, command.Command):  # type: ignore[misc]
    """A command whose result is text."""


class CheckMethods(base.Lister):
    """Say whether this Mistral can carry out the recovery methods of a file, and show them.

    Otherwise all that is wrong is printed, each with its line.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the file."""
        return _with_file(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> base.Table:
        """Compile it and throw the result away."""
        methods = load_methods(parsed_args.file)
        compile_for(self.mistral, methods)
        self.say(f"{parsed_args.file}: {_counted(methods)}: can be carried out by this Mistral")
        return _COLUMNS, [row for chain in methods.chains.values() for row in _rows(chain)]


class CompileMethods(PrintsText):
    """Print the workbook that a file of recovery methods is compiled to; nothing is installed.

    Which actions and workflows there are is looked up in this Mistral.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the file and where to write to."""
        parser = _with_file(super().get_parser(prog_name))
        parser.add_argument(
            *("-o", "--output"),
            type=Path,
            metavar="<file>",
            help="write the workbook to this file instead",
        )
        parser.add_argument(
            "--cases",
            type=Path,
            metavar="<directory>",
            help="write there a first case for `openstack recovery rehearse` for each way through"
            " the methods; files that are there are kept",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Compile it."""
        compiled = compile_for(self.mistral, load_methods(parsed_args.file))
        text = compiled.workbook.text
        if parsed_args.cases:
            self._write_cases(compiled, parsed_args.cases)
        if parsed_args.output is None:
            self.app.stdout.write(text)
            return
        parsed_args.output.write_text(text, encoding="utf-8")
        self.say(f"{METHODS_WORKBOOK} written to {parsed_args.output}")

    def _write_cases(self, compiled: Compiled, directory: Path) -> None:
        with quietly(self.app_args.debug):
            written = write_drafts(directory, compiled)
        self.say(f"{written} new case{'' if written == 1 else 's'} written to {directory}")


class ApplyMethods(base.Lister):
    """Install the recovery methods of a file in Mistral, all of them or none.

    The next recovery uses them; one that runs goes on as it began. `openstack recovery sync`
    keeps them.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the file and for whom."""
        parser = _with_file(super().get_parser(prog_name))
        parser.add_argument(
            "--public",
            action="store_true",
            default=None,
            help="let every project use the workflows (for administrators); without it they stay"
            " what they are",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Table:
        """Compile it, check the result, install it."""
        compiled = compile_for(self.mistral, load_methods(parsed_args.file))
        done = install(self.mistral, [compiled.workbook], parsed_args.public)
        return ("Workbook", "Result"), list(done.items())


class DiffMethods(PrintsText):
    """Show what would change if a file of recovery methods were applied.

    The exit status is that of diff: 0 without a difference, 1 with one; and 1 with a message if
    there is something wrong in the file.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the file."""
        return _with_file(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Compare what is installed with what would be."""
        new = compile_for(self.mistral, load_methods(parsed_args.file)).workbook.text
        lines = difflib.unified_diff(
            installed(self.mistral).splitlines(keepends=True),
            new.splitlines(keepends=True),
            f"{METHODS_WORKBOOK} as installed",
            f"{METHODS_WORKBOOK} from {parsed_args.file.name}",
        )
        found = "".join(lines)
        self.app.stdout.write(found)
        return 1 if found else 0


def _with_file(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "file",
        type=Path,
        metavar="<file>",
        help="recovery methods, as YAML or in Masakari's own format",
    )
    return parser


def _counted(methods: Methods) -> str:
    tasks = sum(
        len(entries) for chain in methods.chains.values() for entries in chain.phases.values()
    )
    return f"{len(methods.chains)} recovery methods, {tasks} {'task' if tasks == 1 else 'tasks'}"


def _rows(chain: MethodChain) -> list[tuple[str, str, str, str]]:
    given = f"line {chain.place.line}" if chain.place else "default"
    phases: Mapping[str, str] = {
        phase: ", ".join(entry.name for entry in entries) for phase, entries in chain.phases.items()
    }
    return [(chain.failure, phase, names, given) for phase, names in phases.items() if names]
