"""Cases of one's own methods and workbooks on the pack's workbooks: from files to outcomes."""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from driver.errors import DriverError
from driver.methods.blocks import BLOCKS
from driver.methods.compile import Compiled, compile_methods
from driver.methods.model import Methods
from driver.methods.resolve import resolve
from driver.rehearsals.branches import branches_of, untaken
from driver.rehearsals.cases import Case, CasesError
from driver.rehearsals.rehearse import Outcome, rehearse
from driver.text.messages import nearest, shown
from driver.text.problems import Place, Problem
from driver.workbooks.files import (
    InvalidWorkbooksError,
    Signature,
    Workbook,
    child,
    compose,
    entries,
    parse_signature,
    read_workbooks,
    signature_of,
    text_of,
    walk,
)
from driver.workbooks.lint import Catalogue

if TYPE_CHECKING:
    from driver.rehearsals.engine import VirtualMistral

_ANY = Signature(takes_any=True)


class Suite:
    """The workbooks on which cases are carried out: the pack's, and in their place one's own.

    :param mistral: an engine without workbooks.
    :param own: one's own workbooks.
    :raises InvalidWorkbooksError: Mistral does not take one of them.
    """

    def __init__(self, mistral: "VirtualMistral", own: Iterable[Workbook] = ()) -> None:
        self._mistral = mistral
        self._own = list(own)
        books = {book.name: book for book in [*read_workbooks(), *self._own]}
        self.stand_ins = mistral.stand_in_for(
            name for book in books.values() for name in _actions_of(book)
        )
        for book in books.values():
            _install(mistral, book)
        self._books = list(books.values())
        self._branches = [branch for book in self._books for branch in branches_of(book)]

    def run(self, cases: Iterable[Case]) -> Iterator[Outcome]:
        """Carry out cases one after the other.

        :raises CasesError: they start workflows that there are not; then none is carried out.
        """
        cases = list(cases)
        known = {name for book in self._books for name in book.workflows}
        wrong = [_no_workflow(case, known) for case in cases if case.workflow not in known]
        if wrong:
            raise CasesError(wrong)
        for case in cases:
            yield rehearse(self._mistral, case, self._branches)

    def untaken(self, outcomes: Iterable[Outcome]) -> list[str]:
        """Return the branches that no case took.

        Looked at are the workflows of one's own workbooks, and those that the cases start.
        """
        outcomes = list(outcomes)
        ran = {name for outcome in outcomes for name in outcome.workflows}
        taken = {edge for outcome in outcomes for edge in outcome.edges}
        started = {outcome.case.workflow for outcome in outcomes}
        only = started | {name for book in self._own for name in book.workflows}
        return list(untaken(self._books, ran, taken, only))


def _no_workflow(case: Case, known: set[str]) -> Problem:
    message = f"there is no workflow {shown(case.workflow)}{nearest(case.workflow, known)}"
    return Problem(Place(case.file, 0, "workflow"), message)


def _install(mistral: "VirtualMistral", book: Workbook) -> None:
    try:
        mistral.install(book.text)
    except DriverError as error:
        match = re.search(r"line (\d+)", str(error))
        place = Place(str(book.path), int(match[1]) if match else 1)
        raise InvalidWorkbooksError([Problem(place, f"Mistral says: {error}")]) from error


def _actions_of(book: Workbook) -> Iterator[str]:
    """Give the actions that a workbook's tasks and its own actions name."""
    for node in walk(compose(book)):
        for key in ("action", "base"):
            name = text_of(child(node, key)).split(" ")[0]
            if name and "<%" not in name and "{{" not in name:
                yield name


def compile_here(
    mistral: "VirtualMistral", methods: Methods, own: Iterable[Workbook] = ()
) -> Compiled:
    """Compile methods for what is here; an action that is not installed here takes any input.

    :param own: workbooks besides those of the pack.
    :raises MethodsError: they cannot be carried out.
    """
    actions = {name: parse_signature(text) for name, text in mistral.actions().items()}
    workflows = {
        f"{book.name}.{name.value}": signature_of(node)
        for book in [*read_workbooks(), *own]
        for name, node in entries(child(compose(book), "workflows"))
    }
    there = {*BLOCKS, *actions, *workflows}
    foreign = {name for name in _named(methods) if name not in there and not nearest(name, there)}
    known = Catalogue({**actions, **dict.fromkeys(foreign, _ANY)}, workflows)
    return compile_methods(methods, resolve(methods, known))


def _named(methods: Methods) -> Iterator[str]:
    """Give the names of what the file calls."""
    for chain in methods.chains.values():
        for step in itertools.chain.from_iterable(chain.phases.values()):
            task = methods.tasks.get(step.name)
            if not (task and task.kind == "workflow"):
                yield (task and task.calls) or step.name
