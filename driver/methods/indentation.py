"""Chains that were pasted into Masakari's file with another indentation than it must have.

In the format of oslo.config sections and options begin at the margin, and the lines that go on with
a value do not. Masakari's guide prints a chain whose lines all begin in the same column: pasted as
it is, or moved to the margin, it is not what it looks like. What must be moved is reported, and
moved, so that the rest of the file is read as it was meant.
"""

import io
import re
from collections.abc import Collection, Iterator

from driver.methods.ini import place_in
from driver.methods.masakari_chain import depth
from driver.methods.model import PHASES
from driver.text.problems import Problem

_HEADER = re.compile(r"\[[^\]'\",:]+\]\s*$")
# The beginning of a chain or of a phase belongs to the option above
_PART = re.compile(rf"{{|['\"]?(?:{'|'.join(PHASES)})['\"]?\s*:\s*(?:\[|$)")
# An option, whatever its name: in a chain there is no =, and a list behind each :
_OPTION = re.compile(r"[^:=\[\]{}'\"]*(?:=|:(?!\s*(?:\[|$)))")


def indented(
    text: str, file: str, section: str, options: Collection[str], problems: list[Problem]
) -> str:
    """Return a text with its lines indented as they were meant.

    Only what would be refused anyway is moved.

    :param text: a file in the format of oslo.config.
    :param file: its name, for messages.
    :param section: name of the section with the chains, in lower case; others are left alone.
    :param options: names of the options that are chains.
    :param problems: what was moved is added here.
    """
    mover = _Mover(section, options)
    lines = [mover.moved(*line) for line in enumerate(io.StringIO(text, newline=None), start=1)]
    problems += mover.problems(file)
    return "".join(lines)


class _Mover:
    """Goes through the lines of a file, and remembers what it has moved."""

    def __init__(self, section: str, options: Collection[str]) -> None:
        self._ours = section
        self._chain = re.compile(rf"({'|'.join(options)})\s*[=:]")
        self._header = re.compile(rf"\[{section}\]\s*$", re.IGNORECASE)
        self._section = ""  # the header above; empty before the first one
        self._option = ""  # the chain above; empty: there is none
        self._begin = 0  # its line
        self._depth = 0  # how many of its brackets are open
        self._to_margin: list[tuple[int, str, str]] = []
        self._to_indent: list[tuple[list[int], str, str, int]] = []

    def moved(self, number: int, line: str) -> str:
        """Return a line as it was meant."""
        bare = line.lstrip(" \t")
        is_indented = bare != line
        header = _HEADER.match(line) or (not self._section and self._header.match(bare))
        if header:
            self._section, self._option = bare.strip()[1:-1], ""
        elif self._section.lower() not in ("", self._ours):
            return line
        elif chain := self._chain.match(bare):
            self._option, self._begin = chain[1], number
            self._depth = depth(bare[chain.end() :])
        else:
            return self._part(number, line, bare)
        if is_indented:
            self._to_margin.append((number, self._section, self._option))
        return bare

    def _part(self, number: int, line: str, bare: str) -> str:
        """Return a line that is no header and begins no chain."""
        if not bare.strip() or bare[0] in "#;":
            return line
        if bare == line:
            is_open = self._depth > 0 and not _OPTION.match(bare)
            if not self._option or not (is_open or _PART.match(bare)):
                self._option = ""
                return line
            self._remember(number)
            line = f" {line}"
        self._depth += depth(bare)
        return line

    def _remember(self, number: int) -> None:
        last = self._to_indent[-1] if self._to_indent else None
        if last and last[0][-1] == number - 1:
            last[0].append(number)
        else:
            self._to_indent.append(([number], self._section, self._option, self._begin))

    def problems(self, file: str) -> Iterator[Problem]:
        """Yield what was moved."""
        for number, section, option in self._to_margin:
            what = "an option" if option else "a section"
            rest = ", not those before the lines that go on with it" if option else ""
            message = f"{what} begins at the margin: remove the blanks before it{rest}"
            yield Problem(place_in(file, number, section, option), message)
        for numbers, section, option, begin in self._to_indent:
            first, last = numbers[0], numbers[-1]
            lines = f"line {first} goes" if first == last else f"lines {first} to {last} go"
            them = "it" if first == last else "them"
            message = f"{lines} on with the value of line {begin}: indent {them}"
            yield Problem(place_in(file, first, section, option), message)
