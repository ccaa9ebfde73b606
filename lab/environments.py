"""Python environments of services that cannot live in the one of the lab.

Senlin's libraries were pinned years ago, and Horizon brings Django. Each gets an environment in
``.lab/venv`` of the checkout, made when it is first needed and again when its pins change.
"""

import fcntl
import sys
import zlib
from pathlib import Path

from lab.process import ROOT, run

ENVIRONMENTS = ROOT / ".lab" / "venv"


def environment(name: str) -> Path:
    """Return the directory of an environment with what ``requirements/NAME.txt`` pins.

    :param name: ``senlin`` or ``horizon``.
    :raises LabError: pip failed; the message has the end of what it said.
    """
    directory = ENVIRONMENTS / name
    requirements = ROOT / "requirements" / f"{name}.txt"
    wanted = f"{zlib.crc32(requirements.read_bytes())}\n"
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with open(ENVIRONMENTS / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two labs may be starting for the first time
        done = directory / "installed"
        if not done.exists() or done.read_text() != wanted:
            run(sys.executable, "-m", "venv", "--clear", str(directory))
            # the pins are all there is; most modules are never imported, so never compiled
            run(str(directory / "bin" / "pip"), "install", "--quiet", "--no-deps", "--no-compile",
                "--disable-pip-version-check", "-r", str(requirements))
            done.write_text(wanted)
    return directory
