"""With a real Keystone, the pack may do what its caller may do, and nothing else."""

import contextlib
import functools
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from keystoneauth1 import session

from lab import Lab
from tests.functional.people import People, boot_for_member, user_id, who_acted
from tests.functional.support import Cloud, assert_ended, wait_for
from tests.programs import BIN

INSTANCE = "recovery.instance.recover"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    hosts = [f"compute{n}" for n in range(1, 7)]
    with Lab(tmp_path_factory.mktemp("lab"), hosts=hosts, keystone=True) as lab:
        openstack = str(BIN / "openstack")
        subprocess.run([openstack, "recovery", "sync", "--public"],
                       env={**os.environ, **lab.env}, check=True)
        yield lab


@pytest.fixture(scope="module")
def people(lab: Lab) -> People:
    return People(lab)


@pytest.fixture(scope="module")
def administrator(people: People) -> Cloud:
    return people.cloud("lab")


@pytest.fixture(scope="module")
def member(people: People) -> Cloud:
    return people.cloud("lab-demo")


@contextlib.contextmanager
def silent_nova(lab: Lab) -> Iterator[None]:
    """Let Nova answer nothing in here: an action that asks it stays in flight."""
    assert lab.nova.pid
    os.kill(lab.nova.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(lab.nova.pid, signal.SIGCONT)


def in_flight(cloud: Cloud, action: str) -> bool:
    found = cloud.mistral.get(f"/action_executions?name={action}&state=RUNNING&fields=id").json()
    return bool(found["action_executions"])


def test_a_host_is_recovered_with_the_rights_of_the_administrator_who_asked(
    lab: Lab, administrator: Cloud
) -> None:
    server = lab.boot("web1", "compute1")
    administrator.kill("compute1")
    assert_ended(administrator.recover("compute1"), "SUCCEEDED", "RECOVERED")
    done = who_acted(administrator, server)
    assert ("evacuate", user_id(administrator)) in done
    assert {user for _action, user in done} == {user_id(administrator)}


def test_a_member_restarts_an_own_server_with_workflows_that_the_administrator_installed(
    people: People, administrator: Cloud, member: Cloud
) -> None:
    server = boot_for_member(people, "mine1", "compute2")
    ended = member.end_of(member.start(INSTANCE, server=server["id"], process_all_instances=True))
    assert_ended(ended, "SUCCEEDED", "RECOVERED")
    me = user_id(member)
    assert who_acted(administrator, server) == [("stop", me), ("start", me)]


def test_a_member_who_recovers_a_host_reads_which_right_is_missing_and_nothing_is_touched(
    lab: Lab, administrator: Cloud, member: Cloud
) -> None:
    server = lab.boot("web3", "compute3")
    administrator.kill("compute3")
    ended = member.recover("compute3")
    assert_ended(ended, "FAILED", "FORBIDDEN")
    assert "os_compute_api:os-services:list" in ended.state_info
    assert "user demo, project demo, roles member" in ended.state_info
    assert administrator.service("compute3")["status"] == "enabled"
    assert not administrator.service("compute3")["forced_down"]
    assert who_acted(administrator, server) == []


def test_a_members_server_of_another_project_is_not_found(lab: Lab, member: Cloud) -> None:
    server = lab.boot("theirs", "compute2")
    ended = member.end_of(member.start(INSTANCE, server=server["id"]))
    assert_ended(ended, "FAILED", "UNKNOWN_SERVER")


def test_a_token_of_a_trust_restarts_the_server_of_whoever_trusts(
    people: People, administrator: Cloud, member: Cloud
) -> None:
    trusted = people.trusted_by("lab-demo", "member")
    server = boot_for_member(people, "mine2", "compute2")
    ended = trusted.end_of(
        trusted.start(INSTANCE, server=server["id"], process_all_instances=True))
    assert_ended(ended, "SUCCEEDED", "RECOVERED")
    me = user_id(member)
    assert who_acted(administrator, server) == [("stop", me), ("start", me)]


def test_a_token_of_a_members_trust_recovers_no_host_and_the_refusal_names_the_trust(
    administrator: Cloud, people: People
) -> None:
    ended = people.trusted_by("lab-demo", "member").recover("compute2")
    assert_ended(ended, "FAILED", "FORBIDDEN")
    assert "user demo" in ended.state_info
    assert "through a trust" in ended.state_info
    assert not administrator.service("compute2")["forced_down"]


def test_a_token_of_an_administrators_trust_recovers_a_host(
    lab: Lab, people: People, administrator: Cloud
) -> None:
    server = lab.boot("web4", "compute4")
    administrator.kill("compute4")
    assert_ended(people.trusted_by("lab", "admin").recover("compute4"), "SUCCEEDED", "RECOVERED")
    assert administrator.where(server)[1] != "compute4"


def test_after_mistral_was_killed_each_recovery_goes_on_with_the_rights_of_its_own_caller(
    lab: Lab, people: People, administrator: Cloud, member: Cloud
) -> None:
    """Mistral ends the lost actions of both in one thread, in the name of nobody."""
    moved = lab.boot_many(4, "compute6", "on")
    restarted = boot_for_member(people, "mine3", "compute2")
    lab.set_faults({"*": {"spawn": {"delay": 2}}})
    administrator.kill("compute6")
    of_host = administrator.start(host="compute6", concurrency=2)
    wait_for("the first evacuation", lambda: administrator.evacuations("compute6"))
    with silent_nova(lab):
        of_server = member.start(INSTANCE, server=restarted["id"], process_all_instances=True)
        for cloud, action in (
            (administrator, "recovery.evacuate_servers"),
            (member, "recovery.plan_instance_recovery"),
        ):
            wait_for(f"{action} is in flight", functools.partial(in_flight, cloud, action))
        lab.kill_mistral()
    lab.set_faults({})
    lab.start_mistral()

    assert_ended(administrator.end_of(of_host), "SUCCEEDED", "RECOVERED")
    assert_ended(member.end_of(of_server), "SUCCEEDED", "RECOVERED")

    records = administrator.evacuations("compute6")  # of servers of earlier tests, too
    assert {server["id"] for server in moved} <= records.keys()
    assert all(states == ["done"] for states in records.values())
    assert not any(administrator.server(server)["locked"] for server in moved)
    me, they = user_id(member), user_id(administrator)
    assert who_acted(administrator, restarted) == [("stop", me), ("start", me)]
    assert {user for server in moved for _, user in who_acted(administrator, server)} == {they}


def test_a_token_that_expires_during_a_recovery_ends_it_and_a_new_one_finishes_it(
    lab: Lab, people: People, administrator: Cloud
) -> None:
    """Nova goes on with what it was told; nothing is started twice and no server is forgotten."""
    booted = [lab.boot(f"slow{n}", "compute5") for n in range(3)]
    administrator.kill("compute5")
    lab.set_faults({"*": {"spawn": {"delay": 45}}})
    try:
        short = people.trusted_by("lab", "admin", seconds=40)
        execution = short.start(host="compute5", concurrency=1)
        wait_for("the first evacuation", lambda: administrator.evacuations("compute5"))
        started = administrator.evacuations("compute5").keys()
        ended = administrator.end_of(execution)
        assert_ended(ended, "FAILED", "UNAUTHORIZED")
        assert "start the recovery again" in ended.state_info
        assert administrator.evacuations("compute5").keys() == started
    finally:
        lab.set_faults({})
    assert_ended(administrator.recover("compute5"), "SUCCEEDED", "RECOVERED")
    assert {where for _status, where in map(administrator.where, booted)} & {"compute5"} == set()
    found = administrator.evacuations("compute5")
    assert [found[server["id"]] for server in booted] == [["done"]] * 3


def test_a_request_without_a_token_is_refused_by_mistral(lab: Lab) -> None:
    anonymous = session.Session()
    answer = anonymous.get(f"{lab.mistral_url}/workflows", raise_exc=False)
    assert answer.status_code == 401
