"""Virtual environments with pinned libraries, and where what takes long to make is kept.

This module needs nothing but Python: ``tools/environment.sh`` runs it before there is any library.
``uv`` installs in seconds what takes pip minutes; where it cannot be had, or fails, pip does it.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: what all checkouts of a user share
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mistral-recovery"
UV = "uv==0.9.13"


class Failed(Exception):
    """A command failed; the message has the end of what it said."""


def checksum(*paths: Path) -> str:
    """Return eight hexadecimal digits that change with the content of files."""
    key = 0
    for path in paths:
        key = zlib.crc32(path.read_bytes(), key)
    return f"{key:08x}"


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Keep others, in other processes too, from making the same at the same time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_name(f"{target.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(directory: Path, *what: str) -> None:
    """Make a virtual environment anew and install into it.

    :param what: arguments of ``pip install``; what is required by what is installed is not.
    :raises Failed: neither uv nor pip could do it.
    """
    _run(sys.executable, "-m", "venv", "--clear", str(directory))
    install(directory, *what)


def install(directory: Path, *what: str) -> None:
    """Install into a virtual environment.

    :raises Failed: neither uv nor pip could do it.
    """
    python = str(directory / "bin" / "python")
    if uv := _uv():
        try:
            _run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", *what)
            return
        except Failed as failed:
            print(f"pip installs instead of uv: {failed}", file=sys.stderr)
    # what is never imported need not be compiled
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--no-compile", *what)


def _uv() -> str | None:
    """Return the path of uv, None if there is none and it cannot be installed."""
    if known := shutil.which("uv"):
        return known
    directory = CACHE / UV.replace("==", "-")
    program = directory / "bin" / "uv"
    try:
        with locked(directory):
            if not program.exists():
                _run(sys.executable, "-m", "venv", "--clear", str(directory))
                _run(str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet",
                     "--disable-pip-version-check", UV)
    except (Failed, OSError) as error:
        print(f"there is no uv: {error}", file=sys.stderr)
        return None
    return str(program)


def _run(*command: str) -> None:
    done = subprocess.run(command, text=True, check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Failed(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")


def main(directory: str, requirements: str) -> None:
    """Make an environment of pins, and install the checkout into it, editable."""
    try:
        make(Path(directory), "-r", requirements)
        install(Path(directory), "--editable", ".")
    except Failed as failed:
        sys.exit(str(failed))


if __name__ == "__main__":
    main(*sys.argv[1:])
