"""A real Horizon with the dashboard of Mistral, in front of a lab with a real Keystone."""

import fcntl
import os
import random
import shutil
import subprocess
import time
import urllib.request
import zlib
from pathlib import Path

from lab.cluster import Lab
from lab.environments import environment
from lab.errors import LabError
from lab.ports import check_free, is_free, url
from lab.process import ROOT, Process

BROWSER = "chromium"
START_TIMEOUT = 120  # seconds; a start takes about 3

_SITE = ROOT / "lab" / "horizon_site"

# proxies are for the world outside
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def missing() -> str | None:
    """Return a sentence about what this machine lacks for a test in a browser, else None."""
    if shutil.which(BROWSER) is None:
        return f"{BROWSER} is not installed (on Debian: apt-get install {BROWSER})"
    return None


class HorizonLab:
    """The dashboard of a lab, from ``with`` on.

    :param lab: it must run, and have been made with ``keystone=True``.
    :param port: of the dashboard; a free one if it is left out.
    """

    def __init__(self, lab: Lab, port: int | None = None):
        self.lab = lab
        self.port = port or _free_port()
        self.process = Process("horizon", lab.state)

    def __enter__(self) -> "HorizonLab":
        self.up()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.down()

    @property
    def url(self) -> str:
        return url(self.port)

    def up(self) -> None:
        """Start Horizon and wait until its login page answers.

        :raises LabError: it runs already, its port is taken, or it ended or did not answer.
        """
        if self.process.pid is not None:
            raise LabError(f"horizon runs already (PID {self.process.pid})")
        check_free({"horizon": self.port})
        python, static = _prepared()
        # --insecure: it serves the static files too, which is insecure outside a lab
        command = [str(python), "-m", "django", "runserver", "--noreload", "--insecure",
                   f"127.0.0.1:{self.port}"]
        settings = {"LAB_AUTH_URL": self.lab.identity_url, "NO_PROXY": "127.0.0.1"}
        self.process.start(command, _environment(static) | settings)
        try:
            self._wait_until_answering()
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Stop Horizon; the lab goes on."""
        self.process.stop()

    def _wait_until_answering(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            if self.process.pid is None:
                raise LabError(f"horizon has ended; the end of {self.process.log}:\n"
                               f"{self.process.tail()}")
            try:
                with _opener.open(f"{self.url}/auth/login/", timeout=30):
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise LabError(f"horizon did not answer within {START_TIMEOUT} s; "
                               f"see {self.process.log}")
            time.sleep(0.1)


def _environment(static: Path) -> dict[str, str]:
    """Return the environment of a process of Horizon."""
    # nothing of the cloud that the caller may be logged in to
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return kept | {"DJANGO_SETTINGS_MODULE": "openstack_dashboard.settings",
                   "PYTHONPATH": str(_SITE), "PYTHONWARNINGS": "ignore",
                   "LAB_STATIC": str(static)}


def _prepared() -> tuple[Path, Path]:
    """Return the interpreter of Horizon and the directory of its static files.

    The files are compiled once per installation and settings, and kept inside the environment.
    """
    home = environment("horizon")
    python = home / "bin" / "python"
    settings = (_SITE / "local" / "local_settings.py").read_bytes()
    static = home / f"static-{zlib.crc32(settings):08x}"
    with open(home / "static.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two labs may be starting for the first time
        if not static.exists():
            _make_static(python, static)
    return python, static


def _make_static(python: Path, static: Path) -> None:
    scratch = static.with_suffix(".new")
    shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed
    for command in (["collectstatic", "--noinput", "-v0"], ["compress", "--force", "-v0"]):
        made = subprocess.run([str(python), "-m", "django", *command], text=True, check=False,
                              env=_environment(scratch), cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if made.returncode:
            raise LabError(f"{command[0]} of Horizon failed:\n{made.stdout[-3000:]}")
    scratch.rename(static)  # whole or not at all


def _free_port() -> int:
    # below the range from which the kernel takes ports for outgoing connections
    return next(port for port in random.sample(range(20000, 32000), 100) if is_free(port))
