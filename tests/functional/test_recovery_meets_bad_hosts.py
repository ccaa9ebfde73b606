"""Destinations that fail, on a real Mistral and a real Nova."""


import pytest

from tests.functional.support import Cloud

pytestmark = pytest.mark.usefixtures("faults")


def test_a_server_that_no_host_takes_fails_alone_and_is_named(cloud: Cloud) -> None:
    stays = cloud.lab.boot("stays", "compute1")
    moves = cloud.lab.boot("moves", "compute1")
    cloud.lab.set_faults({stays["id"]: {"spawn": {"fail": "disk full"}}})
    cloud.kill("compute1")

    ended = cloud.recover("compute1", method="auto")

    assert (ended.state, ended.reason) == ("ERROR", "SERVERS_NOT_MOVED")
    assert ended.servers["moves"]["state"] == "MOVED"
    assert cloud.where(moves)[0] == "ACTIVE"
    assert ended.servers["stays"]["state"] == "FAILED"
    assert "disk full" in ended.servers["stays"]["message"]
    assert ended.state_info.startswith("1 of 2 servers")
    assert "could not be evacuated from compute1: stays" in ended.state_info
    assert cloud.where(stays) == ("ERROR", "compute1")
    assert not cloud.server(stays)["locked"]


def test_a_destination_that_fails_costs_only_the_servers_that_were_sent_there(
    cloud: Cloud,
) -> None:
    servers = cloud.lab.boot_many(12, "compute2", "spread")
    cloud.lab.set_faults({"compute8": {"spawn": {"fail": "disk full"}}})
    cloud.kill("compute2")

    ended = cloud.recover("compute2")

    assert ended.state == "ERROR"
    on_bad_host = [
        server["id"]
        for server in servers
        if any(
            record["dest_compute"] == "compute8"
            for record in cloud.lab.migrations("compute2")
            if record["instance_uuid"] == server["id"]
        )
    ]
    assert 0 < len(on_bad_host) < len(servers)
    for server in servers:
        sent_there = server["id"] in on_bad_host
        assert ended.servers[server["name"]]["state"] == ("FAILED" if sent_there else "MOVED")
        assert cloud.where(server)[0] == ("ERROR" if sent_there else "ACTIVE")


def test_when_no_host_is_left_each_server_says_so_and_stays_unlocked(cloud: Cloud) -> None:
    server = cloud.lab.boot("nowhere", "compute3")
    alive = cloud.lab.running_hosts()
    for host in alive:
        cloud.update_service(host, status="disabled", disabled_reason="full")
    cloud.kill("compute3")

    ended = cloud.recover("compute3")

    assert (ended.state, ended.reason) == ("ERROR", "SERVERS_NOT_MOVED")
    assert ended.servers["nowhere"]["reason"] == "NO_VALID_HOST"
    assert "No valid host" in ended.servers["nowhere"]["message"]
    assert cloud.where(server) == ("ERROR", "compute3")
    assert not cloud.server(server)["locked"]
