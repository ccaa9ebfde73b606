"""Which hosts take over: the four methods, on a real Mistral and a real Nova."""


import pytest

from tests.functional.support import HOSTS, Cloud

pytestmark = pytest.mark.usefixtures("faults")


def test_auto_lets_the_scheduler_pick_and_every_server_runs_elsewhere(cloud: Cloud) -> None:
    servers = cloud.lab.boot_many(4, "compute1", "auto")
    cloud.kill("compute1")

    ended = cloud.recover("compute1")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    for server in servers:
        status, host = cloud.where(server)
        assert status == "ACTIVE"
        assert host != "compute1"
        line = ended.servers[server["name"]]
        assert (line["state"], line["from"], line["to"]) == ("MOVED", "compute1", host)
    assert all(states == ["done"] for states in cloud.evacuations("compute1").values())
    service = cloud.service("compute1")
    assert (service["status"], service["forced_down"]) == ("disabled", True)


def test_reserved_host_gets_all_servers_and_is_enabled_and_put_into_the_aggregates(
    cloud: Cloud,
) -> None:
    aggregate = cloud.nova.post(
        "/os-aggregates", json={"aggregate": {"name": "ssd"}}, microversion="2.79"
    ).json()["aggregate"]
    path = f"/os-aggregates/{aggregate['id']}"
    cloud.nova.post(f"{path}/action", json={"add_host": {"host": "compute2"}}, microversion="2.79")
    server = cloud.lab.boot("reserved", "compute2")
    cloud.update_service("compute8", status="disabled", disabled_reason="reserved")
    cloud.kill("compute2")

    ended = cloud.recover(
        "compute2",
        method="reserved_host",
        reserved_hosts="compute8",
        add_reserved_host_to_aggregates=True,
    )

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(server) == ("ACTIVE", "compute8")
    assert cloud.service("compute8")["status"] == "enabled"
    assert "compute8" in cloud.get(path)["aggregate"]["hosts"]


def test_the_second_reserved_host_takes_over_when_the_first_refuses(cloud: Cloud) -> None:
    server = cloud.lab.boot("any", "compute3")
    cloud.lab.set_faults({"compute7": {"spawn": {"fail": "disk full"}}})
    cloud.kill("compute3")

    ended = cloud.recover("compute3", method="reserved_host", reserved_hosts="compute7,compute8")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(server) == ("ACTIVE", "compute8")
    assert cloud.evacuations("compute3")[server["id"]] == ["failed", "done"]


def test_auto_priority_goes_on_with_a_reserved_host_when_the_scheduler_finds_none(
    cloud: Cloud,
) -> None:
    server = cloud.lab.boot("auto-priority", "compute4")
    others = [host for host in HOSTS
              if host != "compute4" and cloud.service(host)["status"] == "enabled"]
    for host in others:
        cloud.update_service(host, status="disabled", disabled_reason="reserved")
    cloud.kill("compute4")

    ended = cloud.recover("compute4", method="auto_priority", reserved_hosts="compute8")

    for host in others:
        cloud.update_service(host, status="enabled")
    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(server) == ("ACTIVE", "compute8")
    assert cloud.evacuations("compute4")[server["id"]] == ["error", "done"]


def test_rh_priority_goes_on_with_the_scheduler_when_the_reserved_host_is_down(
    cloud: Cloud,
) -> None:
    server = cloud.lab.boot("rh-priority", "compute5")
    cloud.kill("compute5")
    cloud.kill("compute6")

    ended = cloud.recover("compute5", method="rh_priority", reserved_hosts="compute6")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    status, host = cloud.where(server)
    assert (status, host != "compute5") == ("ACTIVE", True)
    assert cloud.evacuations("compute5")[server["id"]] == ["done"]
