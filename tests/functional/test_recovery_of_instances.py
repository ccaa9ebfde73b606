"""A failed server is stopped and started, and what must not be is left alone, on real services."""

from datetime import UTC, datetime

import pytest

from tests.functional.support import Cloud, wait_for

RECOVER = "recovery.instance.recover"
HA = {"HA_Enabled": "True"}


def recover(cloud: Cloud, server: object, **given: object):
    return cloud.end_of(cloud.start(RECOVER, server=server, **given))


def change(cloud: Cloud, execution: str, state: str) -> None:
    cloud.mistral.put(f"/executions/{execution}", json={"state": state})


def is_now(cloud: Cloud, server: dict, status: str) -> None:
    wait_for(f"{server['name']} is {status}", lambda: cloud.where(server)[0] == status)


@pytest.mark.parametrize(("power", "was"), [("running", "active"), ("error", "error")])
def test_a_failed_server_is_stopped_and_started_on_its_host(
    cloud: Cloud, power: str, was: str
) -> None:
    server = cloud.lab.boot(f"failed-{was}", "compute1", metadata=HA, power=power)

    ended = recover(cloud, f"failed-{was}")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(server) == ("ACTIVE", "compute1")
    assert cloud.done(server)[-2:] == ["stop", "start"]
    line = ended.servers[server["name"]]
    assert (line["state"], line["reason"], line["was"]) == ("RECOVERED", "RESTARTED", was)
    assert (line["from"], line["to"]) == ("compute1", "compute1")


def test_a_server_that_is_stopped_already_is_only_started(cloud: Cloud) -> None:
    server = cloud.lab.boot("off", "compute1", metadata=HA, power="stopped")

    ended = recover(cloud, server["id"])

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(server)[0] == "ACTIVE"
    assert cloud.done(server) == ["stop", "start"]  # the first is how it came to be off
    assert ended.servers["off"]["reason"] == "STARTED"


def test_a_resized_server_is_reset_stopped_and_started(cloud: Cloud) -> None:
    server = cloud.lab.boot("resized", "compute1", metadata=HA)
    cloud.ask(server, "resize", {"flavorRef": "2"})
    is_now(cloud, server, "VERIFY_RESIZE")

    ended = recover(cloud, "resized")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(server)[0] == "ACTIVE"
    assert cloud.done(server)[-2:] == ["stop", "start"]
    assert ended.servers["resized"]["was"] == "resized"


@pytest.mark.parametrize(
    ("action", "status", "reason"), [("pause", "PAUSED", "PAUSED"), ("rescue", "RESCUE", "RESCUED")]
)
def test_a_paused_or_rescued_server_is_left_alone(
    cloud: Cloud, action: str, status: str, reason: str
) -> None:
    server = cloud.lab.boot(action, "compute1", metadata=HA)
    cloud.ask(server, action)
    is_now(cloud, server, status)

    ended = recover(cloud, action)

    assert (ended.state, ended.report["state"], ended.reason) == ("SUCCESS", "SKIPPED", reason)
    assert cloud.where(server)[0] == status
    assert cloud.done(server) == [action]


def test_a_server_without_the_key_is_recovered_only_if_all_are(cloud: Cloud) -> None:
    server = cloud.lab.boot("plain", "compute1")

    skipped = recover(cloud, "plain")

    assert (skipped.state, skipped.report["state"]) == ("SUCCESS", "SKIPPED")
    assert skipped.reason == "NOT_HA"
    assert cloud.done(server) == []

    with cloud.settings(process_all_instances="true"):
        assert recover(cloud, "plain").reason == "RECOVERED"
    assert cloud.done(server) == ["stop", "start"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(cloud: Cloud) -> None:
    server = cloud.lab.boot("would-restart", "compute1", metadata=HA)

    ended = recover(cloud, "would-restart", dry_run='"True"')  # as Horizon sends it

    assert (ended.state, ended.reason) == ("SUCCESS", "DRY_RUN")
    assert ended.report["message"] == "Would stop and start would-restart on compute1."
    assert cloud.done(server) == []


def test_what_must_not_be_done_is_refused_with_a_reason(cloud: Cloud) -> None:
    twins = [cloud.lab.boot("twin (a+b)", "compute1", metadata=HA) for _ in range(2)]
    cloud.lab.boot("on-dead-host", "compute2", metadata=HA)
    cloud.kill("compute2")

    ambiguous = recover(cloud, "twin (a+b)")
    unknown = recover(cloud, "twin")
    dead = recover(cloud, "on-dead-host")

    assert ambiguous.reason == "AMBIGUOUS_SERVER"
    assert all(server["id"] in ambiguous.state_info for server in twins)
    assert unknown.reason == "UNKNOWN_SERVER"
    assert dead.reason == "HOST_DOWN"
    assert "openstack recovery host compute2" in dead.state_info
    assert [cloud.done(server) for server in twins] == [[], []]


ODD_NAMES = (
    '"web"', "None", "null", "123", "-web", "--", "true", "a=b, c", "wéb \u2601\u00a0x",
    "web[1]|(.*)$", "<% $.dry_run %>", "{{ _.server }}",
    "11111111-2222-3333-4444-555555555555", "x" * 255,
)


def test_a_server_is_meant_by_its_name_as_it_stands(cloud: Cloud) -> None:
    web = cloud.lab.boot("web", "compute1", metadata=HA)
    odd = {
        name: cloud.lab.boot(name, "compute1", metadata=HA, wait=False) for name in ODD_NAMES
    }
    for name, server in odd.items():
        wait_for(f"{name} is ACTIVE", lambda server=server: cloud.where(server)[0] == "ACTIVE")

    started = {name: cloud.start(RECOVER, server=name, dry_run=True) for name in ODD_NAMES}
    found = {name: cloud.end_of(one).report["details"]["servers"] for name, one in started.items()}
    ended = recover(cloud, '"web"')

    assert {name: line["id"] for name, (line,) in found.items()} == {
        name: server["id"] for name, server in odd.items()
    }
    assert ended.reason == "RECOVERED"
    assert cloud.done(odd['"web"']) == ["stop", "start"]
    assert cloud.done(web) == []


@pytest.mark.parametrize(
    ("operation", "reason", "status"),
    [("power_off", "STOP_FAILED", None), ("power_on", "START_FAILED", "SHUTOFF")],
)
def test_what_nova_cannot_do_fails_the_recovery_at_once(
    cloud: Cloud, operation: str, reason: str, status: str | None
) -> None:
    server = cloud.lab.boot(f"broken-{operation}", "compute3", metadata=HA)
    cloud.lab.set_faults({server["id"]: {operation: {"fail": "qemu is gone"}}})
    try:
        ended = recover(cloud, server["id"])
    finally:
        cloud.lab.set_faults({})

    assert (ended.state, ended.reason) == ("ERROR", reason), ended.state_info
    assert ended.servers[server["name"]]["state"] == "FAILED"
    assert ended.state_info == ended.report["message"]
    assert status in (None, cloud.where(server)[0])


def test_a_second_recovery_of_a_server_is_refused_while_one_runs(cloud: Cloud) -> None:
    server = cloud.lab.boot("busy", "compute3", metadata=HA)
    first = cloud.start(RECOVER, server="busy")
    change(cloud, first, "PAUSED")  # so that it cannot end before the second begins
    born = cloud.execution(first)["created_at"]  # in seconds: within one, any may be the older
    wait_for("a second later", lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}" > born)

    second = recover(cloud, server["id"])

    assert (second.state, second.reason) == ("ERROR", "RECOVERY_RUNNING")
    assert first in second.state_info
    change(cloud, first, "RUNNING")
    wait_for("the first goes on", lambda: cloud.execution(first)["state"] != "PAUSED")
    assert cloud.end_of(first).reason == "RECOVERED"
    assert cloud.done(server) == ["stop", "start"]


def test_a_mistral_that_is_killed_goes_on_and_the_server_is_stopped_once(cloud: Cloud) -> None:
    server = cloud.lab.boot("survivor", "compute3", metadata=HA)
    cloud.lab.set_faults({server["id"]: {"power_off": {"delay": 4}}})
    execution = cloud.start(RECOVER, server="survivor")
    wait_for("Nova stops it", lambda: cloud.done(server) == ["stop"])

    cloud.lab.kill_mistral()
    cloud.lab.start_mistral()

    ended = cloud.end_of(execution)
    cloud.lab.set_faults({})
    assert ended.reason == "RECOVERED", ended.state_info
    assert cloud.done(server) == ["stop", "start"]
