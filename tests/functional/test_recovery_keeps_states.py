"""A server is after its recovery what it was before, on a real Mistral and a real Nova."""

import pytest

from tests.functional.support import Cloud, wait_for


def test_stopped_error_and_locked_servers_stay_what_they_are(cloud: Cloud) -> None:
    boot = cloud.lab.boot
    before = {
        "running": boot("running", "compute1"),
        "stopped": boot("stopped", "compute1", power="stopped"),
        "broken": boot("broken", "compute1", power="error"),
        "locked": boot("locked", "compute1", locked=True),
    }
    cloud.kill("compute1")

    ended = cloud.recover("compute1")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    after = {name: cloud.server(server) for name, server in before.items()}
    assert {name: one["status"] for name, one in after.items()} == {
        "running": "ACTIVE",
        "stopped": "SHUTOFF",
        "broken": "ERROR",
        "locked": "ACTIVE",
    }
    assert {name for name, one in after.items() if one["locked"]} == {"locked"}
    assert all(one["OS-EXT-SRV-ATTR:host"] != "compute1" for one in after.values())


def test_a_server_whose_evacuation_failed_ends_as_it_was_when_a_second_run_moves_it(
    cloud: Cloud,
) -> None:
    boot = cloud.lab.boot
    servers = {
        "second-active": boot("second-active", "compute2"),
        "second-stopped": boot("second-stopped", "compute2", power="stopped"),
        "second-error": boot("second-error", "compute2", power="error"),
    }
    cloud.lab.set_faults({"*": {"spawn": {"fail": "no space"}}})
    cloud.kill("compute2")
    first = cloud.recover("compute2")
    assert (first.state, first.reason) == ("ERROR", "SERVERS_NOT_MOVED")
    assert {cloud.where(server) for server in servers.values()} == {("ERROR", "compute2")}

    cloud.lab.set_faults({})
    second = cloud.recover("compute2")

    assert (second.state, second.reason) == ("SUCCESS", "RECOVERED")
    assert {name: cloud.where(server)[0] for name, server in servers.items()} == {
        "second-active": "ACTIVE",
        "second-stopped": "SHUTOFF",
        "second-error": "ERROR",
    }
    records = cloud.evacuations("compute2")
    assert all(records[server["id"]] == ["failed", "done"] for server in servers.values())


def test_servers_with_the_ha_key_are_evacuated_first(cloud: Cloud) -> None:
    cloud.lab.boot_many(2, "compute3", "plain")
    ha = cloud.lab.boot("ha-first", "compute3", metadata={"HA_Enabled": "True"})
    cloud.kill("compute3")

    ended = cloud.recover("compute3", concurrency=1)

    assert ended.state == "SUCCESS", ended.state_info
    first = min(cloud.lab.migrations("compute3"), key=lambda record: record["id"])
    assert first["instance_uuid"] == ha["id"]


@pytest.mark.claim("every word that masakari takes for true marks a server")
def test_only_servers_with_the_ha_key_move_when_not_all_are_wanted(cloud: Cloud) -> None:
    plain = cloud.lab.boot("plain", "compute4")
    ha = [
        cloud.lab.boot(f"ha-{word}", "compute4", metadata={"important": word})
        for word in ("True", "on", "y", "T")
    ]
    cloud.kill("compute4")

    ended = cloud.recover("compute4", evacuate_all=False, ha_metadata_key="important")

    assert ended.state == "SUCCESS", ended.state_info
    assert cloud.where(plain)[1] == "compute4"
    assert "compute4" not in [cloud.where(server)[1] for server in ha]
    assert (ended.servers["plain"]["state"], ended.servers["plain"]["reason"]) == (
        "SKIPPED",
        "NOT_HA",
    )


def test_servers_in_error_and_those_that_a_rule_names_are_left_out_and_listed(
    cloud: Cloud,
) -> None:
    broken = cloud.lab.boot("broken-too", "compute5", power="error")
    balancer = cloud.lab.boot("amphora-1", "compute5")
    moves = cloud.lab.boot("web", "compute5")
    cloud.kill("compute5")

    ended = cloud.recover("compute5", ignore_error_servers=True, leave_out="name=amphora-*")

    assert ended.state == "SUCCESS", ended.state_info
    assert cloud.where(broken) == ("ERROR", "compute5")
    assert cloud.where(balancer)[1] == "compute5"
    assert cloud.where(moves)[1] != "compute5"
    mine = {"broken-too": "IN_ERROR", "amphora-1": "LEFT_OUT", "web": "EVACUATED"}
    assert {name: ended.servers[name]["reason"] for name in mine} == mine


def test_a_server_that_was_being_built_when_its_host_died_is_left_alone_and_named(
    cloud: Cloud, faults
) -> None:
    ran = cloud.lab.boot("ran", "compute6")
    faults({"compute6": {"spawn": {"delay": 600}}})
    unborn = cloud.lab.boot("unborn", "compute6", wait=False)
    wait_for("it is on the host", lambda: cloud.where(unborn)[1] == "compute6")
    # as after a power failure: a host that the lab kills would tell Nova that the build has failed
    cloud.update_service("compute6", forced_down=True)

    ended = cloud.recover("compute6")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(ran)[0] == "ACTIVE"
    assert cloud.where(ran)[1] != "compute6"
    assert (ended.servers["unborn"]["state"], ended.servers["unborn"]["reason"]) == (
        "SKIPPED", "NEVER_RAN",
    )
    assert cloud.where(unborn) == ("BUILD", "compute6")
    again = cloud.recover("compute6")
    assert (again.state, again.reason) == ("SUCCESS", "NOTHING_TO_RECOVER")
