"""A host is recovered as it should be although a cell of Nova does not answer for a moment."""

import pytest

from tests.functional.support import Cloud, wait_for

SLOW = {"*": {"spawn": {"delay": 3}}}


def recovered_once(cloud: Cloud, execution: str, servers: list[dict]) -> None:
    """Assert that the recovery moved these servers, each with one evacuation."""
    ended = cloud.end_of(execution)
    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    for server in servers:
        seen = cloud.server(server)
        assert (seen["status"], seen["locked"]) == ("ACTIVE", False)
        assert cloud.migrations(server) == ["done"]
        assert cloud.done(server).count("evacuate") == 1
        assert ended.servers[server["name"]]["to"] == seen["OS-EXT-SRV-ATTR:host"]


@pytest.mark.parametrize(
    ("host", "fault"),
    [
        ("compute1", {"drop": ["os-migrations"], "once": True}),
        ("compute2", {"cell_down": True, "once": True}),
    ],
    ids=["migrations", "everything"],
)
def test_what_is_missing_once_while_servers_are_evacuated_is_evacuated_once(
    cloud: Cloud, faults, host: str, fault: dict
) -> None:
    servers = cloud.lab.boot_many(2, host, f"from-{host}")
    faults(SLOW)
    cloud.kill(host)
    execution = cloud.start(host=host)
    wait_for("both are evacuated", lambda: len(cloud.evacuations(host)) == 2)

    faults({**SLOW, "nova": fault})

    recovered_once(cloud, execution, servers)


def test_a_list_without_the_servers_of_a_dead_host_does_not_make_it_empty(
    cloud: Cloud, faults
) -> None:
    servers = cloud.lab.boot_many(2, "compute3", "planned")
    cloud.kill("compute3")

    faults({"nova": {"drop": ["servers/detail"], "once": True}})

    recovered_once(cloud, cloud.start(host="compute3"), servers)


def test_a_recovery_goes_on_when_a_service_is_unknown_for_a_moment(cloud: Cloud, faults) -> None:
    servers = cloud.lab.boot_many(2, "compute4", "unknown")
    cloud.kill("compute4")

    faults({"nova": {"drop": ["os-services"], "once": True}})

    recovered_once(cloud, cloud.start(host="compute4"), servers)
