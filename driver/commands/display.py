"""How a running recovery is shown: a bar on a terminal, plain lines elsewhere."""

import shutil
from typing import TextIO

from driver.recoveries.progress import Counts, Progress, Reporter

_BAR = 30


class Lines:
    """One line for each change: for log files and for pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = ""

    def show(self, progress: Progress) -> None:
        """Write the progress if it is not what was written last."""
        text = str(progress)
        if text and text != self._last:
            self.note(text)
            self._last = text

    def note(self, text: str) -> None:
        """Write one line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing is left open."""


class Bar:
    """One line that is drawn again and again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, progress: Progress) -> None:
        """Draw the bar, or the step while nothing has been counted."""
        text = str(progress)
        if progress.counts and progress.counts.total:
            text = f"{draw(progress.counts)} {text}"
        width = shutil.get_terminal_size().columns
        # Carriage return, text, erase the rest: a longer line must not wrap.
        self._write(f"\r{text[: width - 1]}\x1b[K")

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self._write(f"\r\x1b[K{text}\n")

    def close(self) -> None:
        """Erase the bar."""
        self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def draw(counts: Counts, width: int = _BAR) -> str:
    """Return the bar: ``#`` done or skipped, ``x`` failed, ``>`` running, ``.`` waiting."""
    shares = [
        ("#", counts.done + counts.skipped),
        ("x", counts.failed),
        (">", counts.running),
    ]
    bar, reached = "", 0
    for mark, servers in shares:
        reached += servers
        bar = bar.ljust(min(width, width * reached // max(counts.total, 1)), mark)
    return f"[{bar.ljust(width, '.')}]"


def reporter_for(stream: TextIO) -> Reporter:
    """Return what suits the stream."""
    return Bar(stream) if stream.isatty() else Lines(stream)
