"""The actions of action plans, each on its own, on real services.

Bare metal and block storage are not in the lab: tests/unit covers these over HTTP.
"""

import uuid

import pytest

from tests.functional.support import Cloud, Ended, assert_ended, wait_for


def start(cloud: Cloud, action_type: str, plan: str | None = None, **parameters: object) -> str:
    given = {"plan": plan, "action": str(uuid.uuid4()), "parameters": parameters}
    return cloud.start(f"recovery.action.{action_type}", **given)


def carry_out(cloud: Cloud, action_type: str, **parameters: object) -> Ended:
    return cloud.end_of(start(cloud, action_type, **parameters))


def undo(cloud: Cloud, action_type: str, ended: Ended) -> Ended:
    return carry_out(cloud, action_type, **ended.report["details"]["undo"]["parameters"])


@pytest.mark.parametrize(
    ("kind", "power", "status", "recorded"),
    [
        ("live", "running", "ACTIVE", ["live-migration"]),
        ("cold", "running", "ACTIVE", ["migrate", "confirmResize"]),
        ("cold", "stopped", "SHUTOFF", ["migrate", "confirmResize"]),
    ],
)
def test_a_server_is_migrated_to_a_host_and_back(
    cloud: Cloud, kind: str, power: str, status: str, recorded: list[str]
) -> None:
    server = cloud.lab.boot(f"{kind}-{power}", "compute1", power=power)
    before = cloud.done(server)
    where = {"source_node": "compute1", "destination_node": "compute2"}

    there = carry_out(cloud, "migrate", resource_id=server["id"], migration_type=kind, **where)

    assert_ended(there, "SUCCEEDED", "DONE")
    assert cloud.where(server) == (status, "compute2")
    back = undo(cloud, "migrate", there)
    assert_ended(back, "SUCCEEDED", "DONE")
    assert cloud.where(server) == (status, "compute1")
    assert cloud.done(server) == [*before, *recorded, *recorded]


def test_the_undo_of_a_migration_knows_the_host_that_the_scheduler_picked(cloud: Cloud) -> None:
    server = cloud.lab.boot("picked", "compute1")

    ended = carry_out(
        cloud,
        "migrate",
        resource_id=server["id"],
        migration_type="live",
        source_node="compute1",
    )

    host = cloud.where(server)[1]
    assert host != "compute1"
    assert ended.report["details"]["undo"]["parameters"] == {
        "resource_id": server["id"],
        "migration_type": "live",
        "source_node": host,
        "destination_node": "compute1",
    }


def test_a_server_is_resized_and_back(cloud: Cloud) -> None:
    server = cloud.lab.boot("grows", "compute1")
    was = cloud.server(server)["flavor"]["original_name"]

    ended = carry_out(cloud, "resize", resource_id=server["id"], flavor="2")

    assert_ended(ended, "SUCCEEDED", "DONE")
    assert cloud.server(server)["flavor"]["original_name"] != was
    assert_ended(undo(cloud, "resize", ended), "SUCCEEDED", "DONE")
    assert cloud.server(server)["flavor"]["original_name"] == was
    assert cloud.done(server) == ["resize", "confirmResize"] * 2
    assert cloud.where(server)[0] == "ACTIVE"


def test_a_server_is_stopped_and_started(cloud: Cloud) -> None:
    server = cloud.lab.boot("switched", "compute1")

    ended = carry_out(cloud, "stop", resource_id=server["id"])

    assert_ended(ended, "SUCCEEDED", "DONE")
    assert cloud.where(server)[0] == "SHUTOFF"
    assert_ended(carry_out(cloud, "stop", resource_id=server["id"]), "SKIPPED", "NOTHING_TO_DO")
    assert_ended(undo(cloud, "start", ended), "SUCCEEDED", "DONE")
    assert cloud.where(server)[0] == "ACTIVE"
    assert cloud.done(server) == ["stop", "start"]


def test_a_compute_service_is_disabled_and_enabled(cloud: Cloud) -> None:
    ended = carry_out(
        cloud,
        "change_nova_service_state",
        resource_name="compute3",
        state="disabled",
        disabled_reason="maintenance",
    )

    assert_ended(ended, "SUCCEEDED", "DONE")
    service = cloud.service("compute3")
    assert (service["status"], service["disabled_reason"]) == ("disabled", "maintenance")
    server = cloud.lab.boot("stays", "compute1")
    to = {"source_node": "compute1", "destination_node": "compute3", "migration_type": "live"}
    refused = carry_out(cloud, "migrate", resource_id=server["id"], **to)
    assert_ended(refused, "FAILED", "HOST_DISABLED")
    assert "maintenance" in refused.state_info
    assert_ended(undo(cloud, "change_nova_service_state", ended), "SUCCEEDED", "DONE")
    assert cloud.service("compute3")["status"] == "enabled"
    assert cloud.done(server) == []


@pytest.mark.parametrize("dropped", [[], ["os-hypervisors/detail"], ["os-services"]])
@pytest.mark.claim("a hypervisor that one answer of nova lacks stands for its host")
def test_a_hypervisors_name_stands_for_its_host(cloud: Cloud, faults, dropped: list[str]) -> None:
    (hypervisor,) = [
        one
        for one in cloud.get("/os-hypervisors/detail")["hypervisors"]
        if one["service"]["host"] == "compute4"
    ]
    change = {"resource_id": hypervisor["id"], "state": "offline"}
    faults({"nova": {"drop": dropped, "once": True}} if dropped else {})

    ended = carry_out(cloud, "change_nova_service_state", **change)

    assert ended.report["details"]["resource"]["name"] == "compute4"
    assert cloud.service("compute4")["status"] == "disabled"
    cloud.update_service("compute4", status="enabled")


def test_a_server_of_a_dead_host_is_evacuated(cloud: Cloud) -> None:
    server = cloud.lab.boot("left", "compute8", power="stopped")
    alive = carry_out(cloud, "evacuate", resource_id=server["id"])
    assert_ended(alive, "FAILED", "HOST_UP")
    cloud.kill("compute8")

    to = {"source_node": "compute8", "destination_node": "compute2"}
    ended = carry_out(cloud, "evacuate", resource_id=server["id"], **to)

    assert_ended(ended, "SUCCEEDED", "DONE")
    assert ended.report["details"]["undo"] is None
    assert cloud.where(server) == ("SHUTOFF", "compute2")


@pytest.mark.parametrize(
    ("why", "prepare", "change", "state", "reason"),
    [
        ("moved", None, {"source_node": "compute5"}, "SKIPPED", "MOVED"),
        ("unknown", None, {"source_node": "Compute1"}, "FAILED", "UNKNOWN_HOST"),
        ("gone", None, {"resource_id": str(uuid.uuid4())}, "SKIPPED", "GONE"),
        ("paused", "pause", {}, "FAILED", "WRONG_STATE"),
        ("locked", "lock", {}, "FAILED", "LOCKED"),
        ("nowhere", None, {"destination_node": "compute9"}, "FAILED", "UNKNOWN_HOST"),
        ("misspelled", None, {"migration_type": "lively"}, "FAILED", "BAD_INPUT"),
    ],
)
def test_what_cannot_be_migrated_is_left_alone(
    cloud: Cloud, why: str, prepare: str | None, change: dict, state: str, reason: str
) -> None:
    server = cloud.lab.boot(f"left-{why}", "compute1")
    if prepare:
        cloud.ask(server, prepare)
        wait_for(f"{prepare} is done", lambda: not cloud.server(server)["OS-EXT-STS:task_state"])
    given = {
        "resource_id": server["id"],
        "migration_type": "live",
        "source_node": "compute1",
        "destination_node": "compute2",
    }

    ended = carry_out(cloud, "migrate", **given | change)

    assert_ended(ended, state, reason)
    assert cloud.migrations(server) == []
    assert cloud.where(server)[1] == "compute1"


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("live", "live_migration"),
        ("live", "pre_live_migration"),
        ("cold", "migrate_disk_and_power_off"),
        ("cold", "finish_migration"),
    ],
)
def test_a_migration_that_fails_is_failed_with_novas_reason(
    cloud: Cloud, faults, kind: str, operation: str
) -> None:
    server = cloud.lab.boot(f"fails-{operation}", "compute1")
    host = "compute2" if operation in ("pre_live_migration", "finish_migration") else "compute1"
    faults({host: {operation: {"fail": "no more bits"}}})

    to = {"source_node": "compute1", "destination_node": "compute2", "migration_type": kind}
    ended = carry_out(cloud, "migrate", resource_id=server["id"], **to)

    assert_ended(ended, "FAILED", "MIGRATE_FAILED")
    if operation != "live_migration":  # rolled back like libvirt does: Nova keeps no reason
        assert "no more bits" in ended.state_info
    assert ended.report["details"]["undo"]["parameters"]["destination_node"] == "compute1"


def test_a_server_that_fits_nowhere_fails_with_novas_reason(cloud: Cloud) -> None:
    server = cloud.lab.boot("huge", "compute1")
    flavor = {"name": "whale", "ram": 10**8, "vcpus": 1, "disk": 1, "id": "whale"}
    assert cloud.nova.post("/flavors", json={"flavor": flavor}, microversion="2.79").ok

    ended = carry_out(cloud, "resize", resource_id=server["id"], flavor="whale")

    assert_ended(ended, "FAILED", "RESIZE_FAILED")
    assert "No valid host" in ended.state_info
    assert cloud.where(server) == ("ACTIVE", "compute1")


def test_nop_and_sleep_change_nothing_and_say_so(cloud: Cloud) -> None:
    said = carry_out(cloud, "nop", message="<% $.all %>")
    slept = carry_out(cloud, "sleep", duration=3)
    missing = carry_out(cloud, "sleep", duration="a while")

    assert_ended(said, "SUCCEEDED", "DONE")
    assert said.report["message"] == "<% $.all %>"
    assert_ended(slept, "SUCCEEDED", "DONE")
    assert_ended(missing, "FAILED", "BAD_INPUT")


def test_a_killed_mistral_migrates_a_server_once(cloud: Cloud, faults) -> None:
    server = cloud.lab.boot("once", "compute1")
    faults({server["id"]: {"live_migration": {"delay": 10}}})
    to = {"source_node": "compute1", "destination_node": "compute2", "migration_type": "live"}
    execution = start(cloud, "migrate", resource_id=server["id"], **to)
    wait_for("it has begun", lambda: cloud.migrations(server))

    cloud.lab.kill_mistral()
    cloud.lab.start_mistral()

    assert_ended(cloud.end_of(execution), "SUCCEEDED", "DONE")
    assert cloud.done(server) == ["live-migration"]
    assert cloud.where(server) == ("ACTIVE", "compute2")


def test_what_does_not_end_in_time_is_failed_and_may_still_end(cloud: Cloud, faults) -> None:
    server = cloud.lab.boot("slow", "compute1")
    faults({server["id"]: {"live_migration": {"delay": 60}}})
    to = {"source_node": "compute1", "destination_node": "compute2", "migration_type": "live"}
    with cloud.settings(action_timeout="4"):
        ended = carry_out(cloud, "migrate", resource_id=server["id"], **to)

    assert_ended(ended, "FAILED", "TIMED_OUT")
    assert "did not reach its end in time: Nova shows migration" in ended.state_info
    assert cloud.migrations(server) == ["running"]
