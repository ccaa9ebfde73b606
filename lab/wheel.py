"""The wheel of the product as a user gets it, built from this checkout."""

import shutil
import sys
import tempfile
import zlib
from pathlib import Path

from lab import environments
from lab.process import ROOT, run
from lab.template import made_once

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
    directory = WHEELS / f"{key:08x}"
    made_once(directory, lambda target: _build(files, target))
    (built,) = directory.glob("*.whl")
    return built


def install(environment: str, target: Path) -> None:
    """Install the wheel of this checkout where only those see it who look there (PYTHONPATH).

    :param environment: whose Python is to run it; its libraries stay as they are.
    :raises LabError: pip failed, or the wheel could not be built.
    """
    built = wheel()
    installed = target / "installed"
    if installed.exists() and installed.read_text() == str(built):
        return
    shutil.rmtree(target, ignore_errors=True)
    run(str(environments.environment(environment) / "bin" / "pip"), "install", "--quiet",
        "--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(target),
        str(built))
    installed.write_text(str(built))


def _build(files: list[Path], target: Path) -> None:
    # away from the checkout: "build" there would still hold modules that are gone
    with tempfile.TemporaryDirectory(dir=WHEELS) as source:
        for path in files:
            copy = Path(source, path.relative_to(ROOT))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target),
            source)
