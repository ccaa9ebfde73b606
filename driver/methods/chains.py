"""Chains: the names of the tasks of each phase, in either notation.

::

    pre:['disable_compute_service_task'], main:[prepare, evacuate], post:[]
    {'pre': ["disable_compute_service_task"], main: [prepare, evacuate]}
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from driver.methods.ini import IniOption
from driver.methods.model import PHASES, Chain, Step
from driver.methods.names import NAME, NAME_RULE
from driver.text.messages import listed, nearest, shown
from driver.text.problems import Place, Problem

DEFAULTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "instance_failure": {
        "pre": ["stop_instance_task"],
        "main": ["start_instance_task"],
        "post": ["confirm_instance_active_task"],
    },
    "process_failure": {
        "pre": ["disable_compute_node_task"],
        "main": ["confirm_compute_node_disabled_task"],
    },
    "host_auto_failure": {
        "pre": ["disable_compute_service_task"],
        "main": ["prepare_HA_enabled_instances_task"],
        "post": ["evacuate_instances_task"],
    },
    "host_rh_failure": {
        "pre": ["disable_compute_service_task"],
        "main": ["prepare_HA_enabled_instances_task", "evacuate_instances_task"],
    },
}

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


def default_chain(failure: str, file: str) -> Chain:
    """Return the chain of a failure that the file says nothing about.

    :param failure: one of ``FAILURES``.
    :param file: the file, for messages about the chain's steps.
    """
    place = Place(file, 1, f"[recovery_methods] {failure}")
    names = DEFAULTS[failure]
    phases = {phase: tuple(Step(name, place) for name in names.get(phase, ())) for phase in PHASES}
    return Chain(failure, None, phases)


def read_chain(
    failure: str, option: IniOption, phases: Sequence[str], problems: list[Problem]
) -> Chain:
    """Read the chain of a failure.

    :param failure: one of ``FAILURES``.
    :param option: the option that gives it.
    :param phases: the phases that it may have.
    :param problems: what is wrong is added here.
    :returns: the chain; of a broken one what could be read of it.
    """
    reader = _Reader(option, phases, problems)
    try:
        reader.read()
    except _BrokenChain:
        pass
    else:
        if not reader.steps.get("main"):
            given = "an empty phase main" if "main" in reader.steps else "no phase main"
            message = f"an empty chain ({given}): give at least one task, as in main:[no_op]"
            problems.append(Problem(reader.main or option.place, message))
    steps = {phase: tuple(reader.steps.get(phase, ())) for phase in PHASES}
    return Chain(failure, option.place, steps)


def names_in(option: IniOption) -> set[str]:
    """Return whatever looks like the name of a task in a chain, however broken it is."""
    pairs = itertools.pairwise(_tokens(option.text))
    return {token.name for token, following in pairs if token.name and following.mark != ":"}


class _Reader:
    """Reads one chain from left to right."""

    def __init__(self, option: IniOption, phases: Sequence[str], problems: list[Problem]) -> None:
        self._option = option
        self._phases = phases
        self._problems = problems
        self._tokens = list(_tokens(option.text))
        self.steps: dict[str, list[Step]] = {}
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
        token = self._name(f"a phase ({listed(self._phases)})")
        phase, place = token.name, self._option.at(token.offset)
        if phase not in self._phases:
            self._report(token, self._unknown(phase))
        elif phase in self.steps:
            self._report(token, f"the phase {phase!r} is given again")
        if phase == "main":
            self.main = place
        steps = self.steps.setdefault(phase, [])
        self._expect(":")
        self._expect("[")
        while not self._take("]"):
            steps.append(self._step())
            if not self._take(","):
                self._expect("]", "','")
                break

    def _step(self) -> Step:
        token = self._name("the name of a task", "']'")
        if not NAME.fullmatch(token.name):
            self._report(token, f"{token} is not a name: {NAME_RULE}")
        return Step(token.name, self._option.at(token.offset))

    def _unknown(self, phase: str) -> str:
        if phase in PHASES:
            return f"the phase {phase!r} is known in [recovery_methods] only; move the chain there"
        known = f"there are {listed(self._phases)}"
        return f"unknown phase {shown(phase)} ({known}){nearest(phase, self._phases)}"

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


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKENS.finditer(text):
        kind = str(match.lastgroup)
        if kind in ("mark", "quote"):
            yield _Token(match.start(), match[0], "")
        elif kind != "space":
            yield _Token(match.start(), "", match[kind])
    yield _Token(len(text), _END, "")
