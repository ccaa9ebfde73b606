"""A fresh cloud for each module: a real Nova with fake hypervisors, a real Mistral, the pack.

With RECOVERY_LAB=distributed it has the Mistral that operators run; that takes some times as long.
"""

import os

import pytest

from lab import Lab
from lab.distributed import DistributedLab
from tests.functional.support import HOSTS, Cloud, recovering


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory):
    """A running lab with the pack installed as its README says, and what tests ask of it."""
    distributed = os.environ.get("RECOVERY_LAB") == "distributed"
    kind = DistributedLab if distributed else Lab
    with recovering(kind(tmp_path_factory.mktemp("lab"), hosts=HOSTS)) as cloud:
        yield cloud


@pytest.fixture
def faults(cloud: Cloud):
    """What injects faults; none is left behind."""
    yield cloud.lab.set_faults
    cloud.lab.set_faults({})
