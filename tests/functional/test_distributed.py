"""On the Mistral that operators run, with nothing of it patched, the pack works as in the lab."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from lab import broker
from lab.distributed import SERVERS, DistributedLab
from tests.functional.support import Cloud, assert_ended
from tests.pack import WORKBOOKS
from tests.programs import BIN


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DistributedLab]:
    if lacking := broker.missing("a Mistral of many processes"):
        pytest.skip(lacking)
    hosts = ["compute1", "compute2", "compute3"]
    with DistributedLab(tmp_path_factory.mktemp("lab"), hosts) as lab:
        yield lab


@pytest.fixture(scope="module")
def installed(lab: DistributedLab) -> dict[str, str]:
    """What `openstack recovery sync` says of each workbook."""
    done = subprocess.run([BIN / "openstack", "recovery", "sync", "--public", "-f", "json"],
                          env={**os.environ, **lab.env}, check=True, stdout=subprocess.PIPE)
    return {row["Workbook"]: row["Result"] for row in json.loads(done.stdout)}


def test_the_wheel_is_all_that_a_stock_mistral_needs_for_the_pack_to_be_installed(
    installed: dict[str, str]
) -> None:
    assert installed == dict.fromkeys(WORKBOOKS, "created")


@pytest.mark.usefixtures("installed")
def test_two_engines_and_two_executors_move_each_server_of_a_dead_host_once(
    lab: DistributedLab
) -> None:
    servers = lab.boot_many(2, "compute1", "web")
    cloud = Cloud(lab)
    cloud.kill("compute1")
    assert_ended(cloud.recover("compute1"), "SUCCEEDED", "RECOVERED")
    assert cloud.evacuations("compute1") == {server["id"]: ["done"] for server in servers}
    assert "compute1" not in {where for _status, where in map(cloud.where, servers)}
    # each engine has handled results, and each executor has sent some
    assert [name for name in SERVERS if name != "api"
            and "'on_action_complete'" not in lab.servers[name].log.read_text()] == []
