"""Chains as Masakari writes them: the names of the tasks of each phase, in either notation.

::

    pre:['disable_compute_service_task'], main:[prepare, evacuate], post:[]
    {'pre': ["disable_compute_service_task"], main: [prepare, evacuate]}
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from driver.methods.ini import IniOption
from driver.methods.model import PHASES, ChainEntry, MethodChain
from driver.methods.names import NAME, NAME_RULE
from driver.text.messages import listed, nearest, shown
from driver.text.problems import Place, Problem

# Masakari would refuse finally, when a host has already died
_PHASES = PHASES[:-1]
_TOKENS = re.compile(
    r"""
    (?P<space>\s+|(?<!\S)\#[^\n]*)
    | '(?P<single>[^'\n]*)' | "(?P<double>[^"\n]*)"
    | (?P<mark>[\[\]{}:,])
    | (?P<bare>[^\s\[\]{}:,'"]+)
    | (?P<quote>.)  # one that is never closed
    """,
    re.VERBOSE,
)
_END = "the end of the value"


class _Token(NamedTuple):
    offset: int
    mark: str  # one of []{}:, or empty for a name, or _END
    name: str

    def __str__(self) -> str:
        return self.mark if self.mark == _END else shown(self.mark or self.name)


class _BrokenChain(Exception):
    """The notation is broken; nothing after it can be read."""


def read_chain(failure: str, option: IniOption, problems: list[Problem]) -> MethodChain:
    """Read the chain of a failure.

    :param failure: one of ``FAILURES``.
    :param option: the option that gives it.
    :param problems: what is wrong is added here.
    :returns: the chain; of a broken one what could be read of it.
    """
    reader = _Reader(option, problems)
    try:
        reader.read()
    except _BrokenChain:
        pass
    else:
        if not reader.entries.get("main"):
            given = "an empty phase main" if "main" in reader.entries else "no phase main"
            message = f"an empty chain ({given}): give at least one task, as in main:[no_op]"
            problems.append(Problem(reader.main or option.place, message))
    entries = {phase: tuple(reader.entries.get(phase, ())) for phase in PHASES}
    return MethodChain(failure, option.place, entries)


class _Reader:
    """Reads one chain from left to right."""

    def __init__(self, option: IniOption, problems: list[Problem]) -> None:
        self._option = option
        self._problems = problems
        self._tokens = list(_tokens(option.text))
        self.entries: dict[str, list[ChainEntry]] = {}
        self.main: Place | None = None

    def read(self) -> None:
        in_braces = self._take("{")
        end = "}" if in_braces else _END
        while not self._take(end):
            self._phase()
            if not self._take(","):
                self._expect(end, "','")
                break
        if in_braces:
            self._expect(_END)

    def _phase(self) -> None:
        token = self._name(f"a phase ({listed(_PHASES)})")
        phase, place = token.name, self._option.at(token.offset)
        if phase not in _PHASES:
            self._report(token, self._unknown(phase))
        elif phase in self.entries:
            self._report(token, f"the phase {phase!r} is given again")
        if phase == "main":
            self.main = place
        entries = self.entries.setdefault(phase, [])
        self._expect(":")
        self._expect("[")
        while not self._take("]"):
            entries.append(self._entry())
            if not self._take(","):
                self._expect("]", "','")
                break

    def _entry(self) -> ChainEntry:
        token = self._name("the name of a task", "']'")
        if not NAME.fullmatch(token.name):
            self._report(token, f"{token} is not a name: {NAME_RULE}")
        return ChainEntry(token.name, self._option.at(token.offset))

    def _unknown(self, phase: str) -> str:
        if phase in PHASES:
            return f"Masakari has no phase {phase!r}: write this file as YAML to have it"
        known = f"there are {listed(_PHASES)}"
        return f"unknown phase {shown(phase)} ({known}){nearest(phase, _PHASES)}"

    def _name(self, *wanted: str) -> _Token:
        token = self._tokens[0]
        if token.mark:
            self._fail(token, *wanted)
        return self._tokens.pop(0)

    def _take(self, mark: str) -> bool:
        if self._tokens[0].mark != mark:
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, mark: str, *others: str) -> None:
        if self._tokens[0].mark != mark:
            self._fail(self._tokens[0], mark if mark == _END else repr(mark), *others)
        self._tokens.pop(0)

    def _fail(self, token: _Token, *wanted: str) -> None:
        if token.mark in ("'", '"'):
            self._report(token, f"the quote {token.mark} is not closed on its line")
        else:
            self._report(token, f"expected {' or '.join(wanted)}, found {token}")
        raise _BrokenChain

    def _report(self, token: _Token, message: str) -> None:
        self._problems.append(Problem(self._option.at(token.offset), message))


def depth(line: str) -> int:
    """Return how many more brackets a line of a chain opens than it closes."""
    marks = [token.mark for token in _tokens(line)]
    opened, closed = (sum(map(marks.count, pair)) for pair in ("[{", "]}"))
    return opened - closed


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKENS.finditer(text):
        kind = str(match.lastgroup)
        if kind in ("mark", "quote"):
            yield _Token(match.start(), match[0], "")
        elif kind != "space":
            yield _Token(match.start(), "", match[kind])
    yield _Token(len(text), _END, "")
