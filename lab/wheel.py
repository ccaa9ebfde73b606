"""The wheel of the product as a user gets it, built from this checkout."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from lab.errors import LabError
from lab.process import ROOT

WHEELS = ROOT / ".lab" / "wheel"
SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE",
           "driver", "mistral_actions", "workbooks")


def wheel() -> Path:
    """Return the wheel of what the checkout holds now, built if there is none of it.

    :raises LabError: the build failed; the message has the end of what it said.
    """
    files = sorted(path for name in SOURCES for path in (ROOT / name, *(ROOT / name).rglob("*"))
                   if path.is_file() and "__pycache__" not in path.parts)
    key = 0
    for path in files:
        key = zlib.crc32(path.read_bytes(), zlib.crc32(str(path.relative_to(ROOT)).encode(), key))
    WHEELS.mkdir(parents=True, exist_ok=True)
    directory = WHEELS / f"{key:08x}"
    with open(WHEELS / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two labs may be starting
        if not directory.exists():
            _build(files, directory)
    (built,) = directory.glob("*.whl")
    return built


def _build(files: list[Path], target: Path) -> None:
    # away from the checkout: "build" there would still hold modules that are gone
    with tempfile.TemporaryDirectory(dir=WHEELS) as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "made")
        for path in files:
            copy = source / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(made),
            str(source))
        made.rename(target)


def run(*command: str) -> str:
    """Run a command; return what it printed.

    :raises LabError: it failed; the message has the end of what it said.
    """
    ended = subprocess.run(command, text=True, check=False, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ended.returncode:
        raise LabError(f"{' '.join(command)} failed:\n{ended.stdout[-3000:]}")
    return ended.stdout
