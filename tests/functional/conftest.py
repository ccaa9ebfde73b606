"""A fresh cloud for each module: a real Nova with fake hypervisors, a real Mistral, the pack."""

import subprocess

import pytest

from lab import Lab
from tests.functional.support import Cloud
from tests.programs import BIN

HOSTS = tuple(f"compute{n}" for n in range(1, 9))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory):
    """A running lab with the pack installed as its README says, and what tests ask of it."""
    lab = Lab(tmp_path_factory.mktemp("lab"), hosts=HOSTS)
    lab.up()
    try:
        openstack = str(BIN / "openstack")
        subprocess.run([openstack, "recovery", "sync"], env=lab.env, check=True)
        yield Cloud(lab)
    finally:
        lab.down()


@pytest.fixture
def faults(cloud: Cloud):
    """What injects faults; none is left behind."""
    yield cloud.lab.set_faults
    cloud.lab.set_faults({})
