"""The lines of a file in the format of oslo.config, with their numbers.

What is read and how is exactly what oslo.config does (a test compares the two). Two things differ:
each line of a value keeps its number, and the file is read to its end when something is wrong, so
that all of it is reported at once. oslo.config itself is not used because this package is also
installed where it does not exist, or is pinned.
"""

import dataclasses
import io

from driver.text.messages import legible, shown
from driver.text.problems import Place, Problem


@dataclasses.dataclass(frozen=True)
class IniOption:
    """One option of a section.

    :param section: name of the section.
    :param name: name of the option.
    :param place: where it begins.
    :param lines: its value, line by line; the first one is what follows ``=`` and may be empty.
    """

    section: str
    name: str
    place: Place
    lines: list[str]

    @property
    def text(self) -> str:
        """The value, as oslo.config gives it to an option's type."""
        return "\n".join(self.lines)

    def at(self, offset: int) -> Place:
        """Return the place of a character of the text."""
        # What is missing is missing at the end, which is no line of its own
        behind = self.text.rstrip("\n").count("\n", 0, offset)
        return dataclasses.replace(self.place, line=self.place.line + behind)


@dataclasses.dataclass(frozen=True)
class Ini:
    """A file.

    :param sections: name and place of each section header.
    :param options: all options of all sections.
    """

    sections: list[tuple[str, Place]]
    options: list[IniOption]


def read_ini(text: str, file: str, problems: list[Problem]) -> Ini:
    """Read a file's lines.

    :param text: the file.
    :param file: its name, for messages.
    :param problems: what is wrong is added here.
    """
    ini = Ini([], [])
    section: str | None = None
    option: IniOption | None = None
    is_open = False  # whether an indented line would continue the option
    is_orphaned = False  # whether one that continues nothing would only repeat a problem
    # newline=None: the same line ends as in a file opened as text, and no others
    for number, raw in enumerate(io.StringIO(text, newline=None), start=1):
        line = raw.rstrip()
        place = place_in(file, number, section or "", option.name if option else "")
        if line.startswith((" ", "\t")):
            if not is_open and not is_orphaned:
                problems.append(_orphan(place, option))
            if option:
                # After a comment: read on, so that only the comment is reported
                missing = number - option.place.line - len(option.lines)
                option.lines.extend([*[""] * missing, line.lstrip()])
            is_orphaned = not is_open
            continue
        is_open = is_orphaned = False
        if line.startswith("["):
            option, section = None, line[1:].removesuffix("]")
            here = place_in(file, number, section)
            ini.sections.append((section, here))
            if not line.endswith("]") or not section:
                problems.append(Problem(here, f"{shown(line)} is no section: write [name]"))
        elif line and not line.startswith(("#", ";")):
            option = _assignment(line, file, number, section or "", problems)
            is_open, is_orphaned = option is not None, option is None
            if option:
                ini.options.append(option)
                if section is None:
                    problems.append(Problem(option.place, "stands before the first [section]"))
    return ini


def place_in(file: str, line: int, section: str, option: str = "") -> Place:
    """Return a place whose path is such as ``[section] option``."""
    parts = (f"[{legible(section)}]" if section else "", legible(option))
    return Place(file, line, " ".join(part for part in parts if part))


def _assignment(
    line: str, file: str, number: int, section: str, problems: list[Problem]
) -> IniOption | None:
    mark = min((line.find(mark) for mark in ":=" if mark in line), default=-1)
    if mark < 0:
        hint = "neither a [section], nor option = value, nor a # comment"
        problems.append(Problem(place_in(file, number, section), f"{shown(line)} is {hint}"))
        return None
    name, value = line[:mark].strip(), line[mark + 1 :].strip()
    if value and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    place = place_in(file, number, section, name)
    if not name:
        problems.append(Problem(place, f"{shown(line)} has no option name before {line[mark]!r}"))
    return IniOption(section, name, place, [value])


def _orphan(place: Place, option: IniOption | None) -> Problem:
    if option is None:
        return Problem(place, "an indented line continues an option, but there is none above it")
    reason = "the value has ended: no blank line and no comment at the margin may stand inside it"
    return Problem(place, f"{reason} (an indented # comment may)")
