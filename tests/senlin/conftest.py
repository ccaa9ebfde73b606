"""One lab with a Senlin for all tests here: it takes half a minute to start and 1.3 GB.

It is started as examples/senlin/README.md says. The tests of a run that has several processes
must therefore run in one of them (tests/conftest.py).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import senlin
from lab.ports import DEFAULT_PORTS, choose
from lab.process import environment_with
from lab.senlin import SenlinLab
from tests.programs import BIN, search_path
from tests.senlin.support import User

ROOT = Path(__file__).resolve().parents[2]
START = "python -m lab up --senlin --fresh"
STOP = "python -m lab down"


def surroundings() -> dict[str, str]:
    """Return the environment of a user who has activated this one, and no cloud."""
    return environment_with(PATH=search_path(BIN))


def command(*words: str, lab: SenlinLab | None = None) -> str:
    """Run a command as a user does; return what it printed."""
    done = subprocess.run(words, env=surroundings() | (lab.env if lab else {}), cwd=ROOT,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SenlinLab]:
    """A running lab with the pack installed; RECOVERY_SENLIN_LAB names one that is up already."""
    lacking = senlin.missing()
    if lacking:
        pytest.skip(lacking)
    if state := os.environ.get("RECOVERY_SENLIN_LAB"):
        found = SenlinLab.attach(Path(state))
        command("openstack", "recovery", "sync", "--public", lab=found)
        yield found
        return
    state = str(tmp_path_factory.mktemp("lab") / "state")
    ports = choose({}, (*DEFAULT_PORTS, *senlin.PORTS))
    options = [word for name, port in ports.items() for word in ("--port", f"{name}={port}")]
    command(*START.split(), "--state", state, *options)
    found = SenlinLab.attach(Path(state))
    try:
        command("openstack", "recovery", "sync", "--public", lab=found)
        yield found
    finally:
        command(*STOP.split(), "--state", state)
        found.down()  # what tests had started again is this process's to bury
    shutil.rmtree(state)


@pytest.fixture(scope="package")
def demo(lab: SenlinLab) -> User:
    """The owner of most clusters; the workflows of the tests are theirs."""
    user = User(lab, "lab-demo")
    user.install((Path(__file__).parent / "workflows.yaml").read_text())
    return user


@pytest.fixture(scope="package")
def admin(lab: SenlinLab) -> User:
    return User(lab, "lab")


@pytest.fixture(autouse=True)
def _no_faults_are_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "lab" in request.fixturenames:
        request.getfixturevalue("lab").lab.set_faults({})
