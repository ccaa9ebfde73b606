"""``openstack recovery rehearse``: cases of one's own methods and workbooks, without a cloud."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from cliff import command

from driver.methods.apply import load_methods
from driver.rehearsals.cases import read_cases
from driver.rehearsals.junit import write_junit
from driver.rehearsals.loading import open_mistral, quietly
from driver.rehearsals.rehearse import Outcome
from driver.rehearsals.suite import Suite, compile_here
from driver.workbooks.files import read_workbook


class Rehearse(command.Command):  # type: ignore[misc]
    """Carry out cases of recovery methods and workbooks on Mistral's engine, without a cloud.

    A case says what each task returns and what must come of it. Nothing is really done: the
    engine runs in this process, offline and in virtual time. The pack's own workbooks are there.
    The exit status is 0 only if every case passed.
    """

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the cases, and what they are carried out on."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "cases",
            nargs="+",
            type=Path,
            metavar="<file>",
            help="a case, or a directory: the cases (*.yaml) in and below it",
        )
        parser.add_argument(
            "--methods",
            type=Path,
            metavar="<file>",
            help="recovery methods, compiled for the rehearsal in place of the pack's defaults",
        )
        parser.add_argument(
            "--workbook",
            type=Path,
            action="append",
            default=[],
            metavar="<file>",
            help="a workbook besides the pack's, or in place of the one with its name (repeat the"
            " option for several)",
        )
        parser.add_argument(
            "--junit-xml",
            type=Path,
            metavar="<file>",
            help="write the outcomes to this file, too, as JUnit XML for a CI system",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Carry the cases out; print each outcome when it is there."""
        cases = read_cases(parsed_args.cases)
        workbooks = [read_workbook(path) for path in parsed_args.workbook]
        methods = load_methods(parsed_args.methods) if parsed_args.methods else None
        with quietly(self.app_args.debug):
            mistral = open_mistral()
            if methods:
                workbooks.append(compile_here(mistral, methods, workbooks).workbook)
            suite = Suite(mistral, workbooks)
            for name in suite.stand_ins:
                self._print(f"{name} is not installed here: a stand-in takes any input")
            outcomes = []
            for outcome in suite.run(cases):
                self._print(*_lines(outcome))
                outcomes.append(outcome)
            mistral.close()
        untaken = suite.untaken(outcomes)
        self._print(*_summary(outcomes, untaken))
        if parsed_args.junit_xml:
            write_junit(parsed_args.junit_xml, outcomes, untaken)
        return 1 if any(outcome.problems for outcome in outcomes) else 0

    def _print(self, *lines: str) -> None:
        self.app.stdout.write("".join(f"{line}\n" for line in lines))
        self.app.stdout.flush()


def _lines(outcome: Outcome) -> Iterator[str]:
    word = "FAILED" if outcome.problems else "passed"
    yield f"{word}  {outcome.case.file}: {outcome.case.claim}"
    for problem in outcome.problems:
        yield from (f"        {line}" for line in problem.splitlines())


def _summary(outcomes: Sequence[Outcome], untaken: Sequence[str]) -> Iterator[str]:
    yield ""
    if untaken:
        yield "Branches that no case took:"
        yield from (f"  {branch}" for branch in untaken)
    else:
        yield "Every branch was taken."
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    branches = "1 branch" if len(untaken) == 1 else f"{len(untaken)} branches"
    yield f"{len(outcomes) - failed} passed, {failed} failed, {branches} not taken"
