"""Python environments of services that cannot live in the one of the lab.

Senlin's libraries were pinned years ago, Horizon brings Django, and a Mistral that is to be as
operators have it may see nothing of the lab. Each gets an environment that
all checkouts with the same pins share, made when it is first needed; `.lab/venv/NAME` leads to it.
"""

import shutil
from pathlib import Path

from lab import pins
from lab.errors import LabError
from lab.process import ROOT


def environment(name: str) -> Path:
    """Return the directory of an environment with what ``requirements/NAME.txt`` pins.

    :param name: ``mistral23``, ``mistral15``, ``senlin`` or ``horizon``.
    :raises LabError: it could not be made; the message has the end of what was said.
    """
    requirements = ROOT / "requirements" / f"{name}.txt"
    directory = pins.CACHE / f"{name}-{pins.checksum(requirements)}"
    installed = directory / "installed"
    with pins.locked(directory):
        if not installed.exists():
            try:
                pins.make(directory, "-r", str(requirements))
            except pins.Failed as failed:
                raise LabError(str(failed)) from failed
            installed.touch()
        _link(ROOT / ".lab" / "venv" / name, directory)
    return directory


def _link(link: Path, directory: Path) -> None:
    """Let a path in this checkout lead to an environment, for people who type commands of it."""
    if link.is_symlink() and link.readlink() == directory:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)  # one of its own, of an earlier version
    link.unlink(missing_ok=True)
    link.symlink_to(directory)
