"""On the Mistral that operators run, with nothing of it patched, the pack works as in the lab."""

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab import broker
from lab.distributed import SERVERS, DistributedLab
from tests.chaos.play import played
from tests.chaos.wired import WiredLab
from tests.functional.support import MISTRAL, Cloud, assert_ended, wait_for
from tests.pack import WORKBOOKS
from tests.programs import BIN

HOSTS = [f"compute{number}" for number in range(1, 9)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WiredLab]:
    if lacking := broker.missing("a Mistral of many processes"):
        pytest.skip(lacking)
    with WiredLab(tmp_path_factory.mktemp("lab"), HOSTS, version=MISTRAL) as lab:
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
    assert_each_moved_once(cloud, "compute1", servers)
    assert "compute1" not in {where for _status, where in map(cloud.where, servers)}
    # each engine has handled results, and each executor has sent some; those of 15 do not say it
    telling = ("engine", "executor") if MISTRAL != "15" else ("engine",)
    assert [name for name in SERVERS if name.startswith(telling)
            and "'on_action_complete'" not in lab.servers[name].log.read_text()] == []


@pytest.mark.usefixtures("installed")
def test_whatever_is_killed_and_cut_meanwhile_each_server_is_moved_once(lab: WiredLab) -> None:
    """A round of `python -m tests.chaos`, with another seed in each run."""
    ended = played(lab, 4 * random.randrange(10**6) + 3, "host", 2)  # of the last two hosts
    assert ended["wrong"] == [], ended


@pytest.mark.usefixtures("installed")
def test_a_recovery_whose_executor_is_killed_in_a_call_to_nova_is_ended_by_the_other_one(
    lab: DistributedLab
) -> None:
    """Mistral ends the lost action in the name of nobody; the next try has its caller back."""
    servers = lab.boot_many(3, "compute2", "once")
    cloud = Cloud(lab)
    cloud.kill("compute2")
    lab.kill("executor2")  # then it is the other one that has the action
    lab.set_faults({"*": {"spawn": {"delay": 2}}})
    execution = cloud.start(host="compute2", concurrency=1)
    wait_for("the first evacuation", lambda: cloud.evacuations("compute2"))
    lab.nova.signal(signal.SIGSTOP)
    wait_for("an action hangs in a call to Nova", hangs(cloud))
    lab.start("executor2")
    lab.kill("executor1")
    lab.nova.signal(signal.SIGCONT)
    assert_ended(cloud.end_of(execution), "SUCCEEDED", "RECOVERED")
    assert_each_moved_once(cloud, "compute2", servers)
    assert not any(cloud.server(server)["locked"] for server in servers)


@pytest.mark.usefixtures("installed")
def test_a_lost_action_that_both_engines_end_lets_each_server_be_moved_once(
    lab: DistributedLab
) -> None:
    """They stand still until it is overdue, as after a pause of their machines, and go on."""
    # now and then one of them is done before the other has looked: that proves nothing
    ended_by_both = (recover_while_engines_stand_still(lab, host) for host in HOSTS[2:5])
    assert any(ended_by_both)


def recover_while_engines_stand_still(lab: DistributedLab, host: str) -> set[str]:
    """See that each server is moved once; return the actions that both engines have ended."""
    servers = lab.boot_many(6, host, f"of-{host}")
    cloud = Cloud(lab)
    cloud.kill(host)
    lab.set_faults({"*": {"spawn": {"delay": 2}}})
    execution = cloud.start(host=host, concurrency=2)
    wait_for("the first evacuation", lambda: cloud.evacuations(host))
    lab.nova.signal(signal.SIGSTOP)
    wait_for("an action hangs in a call to Nova", hangs(cloud))
    lab.kill("executor1", "executor2")
    lost = time.monotonic()
    signal_engines(lab, signal.SIGSTOP)
    lab.nova.signal(signal.SIGCONT)
    lab.start("executor1", "executor2")
    wait_for("the action is overdue", lambda: time.monotonic() > lost + 25)
    signal_engines(lab, signal.SIGCONT)
    assert_ended(cloud.end_of(execution), "SUCCEEDED", "RECOVERED")
    assert_each_moved_once(cloud, host, servers)
    assert not any(cloud.server(server)["locked"] for server in servers)
    lab.set_faults({})
    one, other = (
        set(re.findall(r"heartbeat wasn't received: (\S+)", lab.servers[name].log.read_text()))
        for name in ("engine1", "engine2")
    )
    return one & other


def assert_each_moved_once(cloud: Cloud, host: str, servers: list[dict[str, Any]]) -> None:
    """Of all on the host: those of other tests may have come there."""
    records = cloud.evacuations(host)
    assert {server["id"] for server in servers} <= records.keys()
    assert set(map(tuple, records.values())) == {("done",)}


def signal_engines(lab: DistributedLab, number: signal.Signals) -> None:
    """Send a signal to both engines, and to what they have forked."""
    for name in ("engine1", "engine2"):
        leader = lab.servers[name].pid
        assert leader is not None
        os.killpg(leader, number)


def hangs(cloud: Cloud) -> Callable[[], bool]:
    """Return what says whether the same action has run at two looks."""
    seen: set[str] = set()

    def look() -> bool:
        running = cloud.mistral.get("/action_executions?state=RUNNING").json()["action_executions"]
        again = seen & {action["id"] for action in running}
        seen.update(action["id"] for action in running)
        return bool(again)

    return look


@pytest.mark.usefixtures("installed")
def test_a_server_that_nova_has_forgotten_is_begun_anew_with_reset_stuck(
    lab: DistributedLab
) -> None:
    """Its destination died: to Nova it is being evacuated, for ever."""
    server, cloud = lab.boot("forgotten", "compute6"), Cloud(lab)
    cloud.kill("compute6")
    lab.set_faults({"*": {"spawn": {"delay": 60}}})
    execution = cloud.start(host="compute6", evacuation_timeout=5)
    destination = wait_for("a destination", lambda: destination_of(lab, "compute6"))
    cloud.kill(destination)
    ended = cloud.end_of(execution)
    assert ended.servers["forgotten"]["reason"] == "TIMED_OUT"
    assert "`openstack recovery host compute6 --reset-stuck`" in ended.report["message"]
    lab.set_faults({})
    ended = cloud.recover("compute6", reset_stuck=True, evacuation_timeout=5)
    assert_ended(ended, "SUCCEEDED", "RECOVERED")
    assert cloud.where(server)[1] not in ("compute6", destination)
    assert not cloud.server(server)["locked"]
    assert cloud.done(server).count("evacuate") == 2


def destination_of(lab: DistributedLab, host: str) -> str | None:
    """Return where the first server of a host is being evacuated to, once that is known."""
    records = lab.migrations(host)
    return records[0]["dest_compute"] if records else None
