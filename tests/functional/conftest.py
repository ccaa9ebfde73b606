"""A fresh cloud for each module: a real Nova with fake hypervisors, a real Mistral, the pack.

With RECOVERY_LAB=distributed it has the Mistral that operators run; that takes some times as long.
RECOVERY_MISTRAL=15 then says which version.
"""

import os

import pytest

from lab import Lab
from lab.distributed import DistributedLab
from tests.functional.support import HOSTS, MISTRAL, Cloud, recovering


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory):
    """A running lab with the pack installed as its README says, and what tests ask of it."""
    distributed = os.environ.get("RECOVERY_LAB") == "distributed"
    state = tmp_path_factory.mktemp("lab")
    lab = DistributedLab(state, HOSTS, version=MISTRAL) if distributed else Lab(state, HOSTS)
    with recovering(lab) as cloud:
        yield cloud


@pytest.fixture
def faults(cloud: Cloud):
    """What injects faults; none is left behind."""
    yield cloud.lab.set_faults
    cloud.lab.set_faults({})
