"""A cloud with a real Keystone and a real Horizon, and an administrator in a browser."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from lab import Lab
from lab.environments import environment
from lab.horizon import HorizonLab, missing
from tests.functional.support import Cloud
from tests.horizon.browser import LINES, Person, chromium, logged_in
from tests.programs import BIN

HOSTS = tuple(f"compute{n}" for n in range(1, 13))


@pytest.fixture(scope="package")
def horizon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HorizonLab]:
    """A Horizon in front of a lab with the pack installed as its README says."""
    if reason := missing():
        pytest.skip(reason)
    environment("horizon")  # takes minutes the first time, in which the lab need not run
    with Lab(tmp_path_factory.mktemp("lab"), hosts=HOSTS, keystone=True) as lab:
        openstack = str(BIN / "openstack")
        subprocess.run([openstack, "recovery", "sync", "--public"], env=lab.env, check=True)
        with HorizonLab(lab) as running:
            yield running


@pytest.fixture(scope="package")
def cloud(horizon: HorizonLab) -> Cloud:
    """What tests ask of Nova."""
    return Cloud(horizon.lab)


@pytest.fixture(scope="package")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for screenshots, which pytest keeps for a while."""
    return tmp_path_factory.mktemp("shots")


@pytest.fixture(scope="package")
def browser(horizon: HorizonLab) -> Iterator[Browser]:
    """The browser, once there is something to look at."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def session(browser: Browser, horizon: HorizonLab, shots: Path) -> Iterator[Person]:
    """The administrator, who shows long lists whole, as the guide says."""
    with logged_in(browser, horizon, "lab", shots) as person:
        person.show_more(LINES)
        yield person


@pytest.fixture
def admin(session: Person) -> Iterator[Person]:
    """The administrator; the browser had nothing to complain about when the test has ended."""
    session.complaints.clear()
    yield session
    assert session.complaints == []
