"""A real Horizon with the dashboard of Mistral, in front of a lab with a real Keystone."""

import shutil
import zlib
from pathlib import Path

from lab.cluster import Lab
from lab.environments import environment
from lab.ports import check_free, choose, url
from lab.process import ROOT, Process, answers, environment_with, run
from lab.template import made_once

BROWSER = "chromium"
START_TIMEOUT = 120  # seconds; a start takes about 3

_SITE = ROOT / "lab" / "horizon_site"


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
        self.port = port or choose({}, ("horizon",), lab.ports.values())["horizon"]
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
        self.process.check_down()
        check_free({"horizon": self.port})
        python, static = _prepared()
        # --insecure: it serves the static files too, which is insecure outside a lab
        command = [str(python), "-m", "django", "runserver", "--noreload", "--insecure",
                   f"127.0.0.1:{self.port}"]
        self.process.start(command, _environment(static, LAB_AUTH_URL=self.lab.identity_url))
        try:
            self.process.wait_until(lambda: answers(f"{self.url}/auth/login/"), START_TIMEOUT)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Stop Horizon; the lab goes on."""
        self.process.stop()


def _environment(static: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process of Horizon."""
    return environment_with(DJANGO_SETTINGS_MODULE="openstack_dashboard.settings",
                            PYTHONPATH=str(_SITE), LAB_STATIC=str(static), **more)


def _prepared() -> tuple[Path, Path]:
    """Return the interpreter of Horizon and the directory of its static files.

    The files are compiled once per installation and settings, and kept inside the environment.
    """
    home = environment("horizon")
    python = home / "bin" / "python"
    settings = (_SITE / "local" / "local_settings.py").read_bytes()
    static = home / f"static-{zlib.crc32(settings):08x}"
    made_once(static, lambda scratch: _make_static(python, scratch))
    return python, static


def _make_static(python: Path, scratch: Path) -> None:
    for command in (["collectstatic", "--noinput", "-v0"], ["compress", "--force", "-v0"]):
        run(str(python), "-m", "django", *command, environment=_environment(scratch))
