"""What is wrong in a file, where, and all of it at once."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable

from driver.errors import DriverError


@dataclasses.dataclass(frozen=True)
class Place:
    """Where in a file something stands.

    :param file: the file, as the user named it.
    :param line: line in it, counted from 1; 0: the file as a whole.
    :param path: what stands there, for instance ``actions[2].parameters.flavor``.
    """

    file: str
    line: int = 0
    path: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.path}" if self.path else where


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file, with a sentence for people that says what."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ProblemsError(DriverError):
    """Files cannot be used as they are; nothing was done.

    :param problems: all that is wrong; kept by file and line, each once.
    """

    outcome = ""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = by_line(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([*map(str, self.problems), f"{count}: {self.outcome}"]))


def by_line(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems in the order of files and lines, each once."""
    return sorted(dict.fromkeys(problems), key=lambda found: (found.place.file, found.place.line))


def read_text(
    file: str | pathlib.Path, problems: list[Problem], read: Callable[[], bytes] | None = None
) -> str | None:
    r"""Return the text of a file, with ``\n`` at the end of each line.

    :param file: its path, or what it is called.
    :param problems: why it cannot be read is added here.
    :param read: returns its bytes; None: they are read from the path.
    """
    try:
        text = (read or pathlib.Path(file).read_bytes)().decode()
        return text.replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        reason = error.strerror or str(error)
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8: {error.reason} at byte {error.start}"
    problems.append(Problem(Place(str(file)), f"cannot be read: {reason}"))
    return None
