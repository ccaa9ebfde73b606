"""The actions of action plans, each on its own, on real services.

Bare metal and block storage are not in the lab: tests/unit covers these over HTTP.
"""

import json
import uuid

import pytest
import requests

from driver.plans.compile import compile_plan
from driver.plans.reader import read_plan
from tests.functional.support import Cloud, Ended, wait_for


def start(cloud: Cloud, action_type: str, plan: str | None = None, **parameters: object) -> str:
    given = {"plan": plan, "action": str(uuid.uuid4()), "parameters": parameters}
    return cloud.start(f"recovery.action.{action_type}", **given)


def carry_out(cloud: Cloud, action_type: str, **parameters: object) -> Ended:
    return cloud.end_of(start(cloud, action_type, **parameters))


def undo(cloud: Cloud, action_type: str, ended: Ended) -> Ended:
    return carry_out(cloud, action_type, **ended.output["details"]["undo"]["parameters"])


def done(cloud: Cloud, server: dict) -> list[str]:
    """Return what was done with a server since it was made, oldest first."""
    found = cloud.get(f"/servers/{server['id']}/os-instance-actions")["instanceActions"]
    return [one["action"] for one in reversed(found)][1:]


def ask(cloud: Cloud, server: dict, action: str, body: object = None) -> None:
    path = f"/servers/{server['id']}/action"
    assert cloud.nova.post(path, json={action: body}, microversion="2.79").ok


def migrations(cloud: Cloud, server: dict) -> list[str]:
    found = cloud.get(f"/os-migrations?instance_uuid={server['id']}")["migrations"]
    return [one["status"] for one in sorted(found, key=lambda one: one["id"])]


def assert_ended(ended: Ended, state: str, reason: str) -> None:
    execution = "ERROR" if state == "FAILED" else "SUCCESS"
    told = (ended.state, ended.output.get("state"), ended.output.get("reason"))
    assert told == (execution, state, reason), (ended.output, ended.state_info)


@pytest.fixture
def faults(cloud: Cloud):
    yield cloud.lab.set_faults
    cloud.lab.set_faults({})


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
    before = done(cloud, server)
    where = {"source_node": "compute1", "destination_node": "compute2"}

    there = carry_out(cloud, "migrate", resource_id=server["id"], migration_type=kind, **where)

    assert_ended(there, "SUCCEEDED", "DONE")
    assert cloud.where(server) == (status, "compute2")
    back = undo(cloud, "migrate", there)
    assert_ended(back, "SUCCEEDED", "DONE")
    assert cloud.where(server) == (status, "compute1")
    assert done(cloud, server) == [*before, *recorded, *recorded]


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
    assert ended.output["details"]["undo"]["parameters"] == {
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
    assert done(cloud, server) == ["resize", "confirmResize"] * 2
    assert cloud.where(server)[0] == "ACTIVE"


def test_a_server_is_stopped_and_started(cloud: Cloud) -> None:
    server = cloud.lab.boot("switched", "compute1")

    ended = carry_out(cloud, "stop", resource_id=server["id"])

    assert_ended(ended, "SUCCEEDED", "DONE")
    assert cloud.where(server)[0] == "SHUTOFF"
    assert_ended(carry_out(cloud, "stop", resource_id=server["id"]), "SKIPPED", "NOTHING_TO_DO")
    assert_ended(undo(cloud, "start", ended), "SUCCEEDED", "DONE")
    assert cloud.where(server)[0] == "ACTIVE"
    assert done(cloud, server) == ["stop", "start"]


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
    assert done(cloud, server) == []


def test_a_hypervisors_name_stands_for_its_host(cloud: Cloud) -> None:
    (hypervisor,) = [
        one
        for one in cloud.get("/os-hypervisors/detail")["hypervisors"]
        if one["service"]["host"] == "compute4"
    ]
    change = {"resource_id": hypervisor["id"], "state": "offline"}

    ended = carry_out(cloud, "change_nova_service_state", **change)

    assert ended.output["details"]["resource"]["name"] == "compute4"
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
    assert ended.output["details"]["undo"] is None
    assert cloud.where(server) == ("SHUTOFF", "compute2")


@pytest.mark.parametrize(
    ("why", "prepare", "change", "state", "reason"),
    [
        ("moved", None, {"source_node": "compute5"}, "SKIPPED", "MOVED"),
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
        ask(cloud, server, prepare)
        wait_for(f"{prepare} is done", lambda: not cloud.server(server)["OS-EXT-STS:task_state"])
    given = {
        "resource_id": server["id"],
        "migration_type": "live",
        "source_node": "compute1",
        "destination_node": "compute2",
    }

    ended = carry_out(cloud, "migrate", **given | change)

    assert_ended(ended, state, reason)
    assert migrations(cloud, server) == []
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
    assert ended.output["details"]["undo"]["parameters"]["destination_node"] == "compute1"


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
    assert said.output["message"] == "<% $.all %>"
    assert_ended(slept, "SUCCEEDED", "DONE")
    assert_ended(missing, "FAILED", "BAD_INPUT")


def test_a_killed_mistral_migrates_a_server_once(cloud: Cloud, faults) -> None:
    server = cloud.lab.boot("once", "compute1")
    faults({server["id"]: {"live_migration": {"delay": 10}}})
    to = {"source_node": "compute1", "destination_node": "compute2", "migration_type": "live"}
    execution = start(cloud, "migrate", resource_id=server["id"], **to)
    wait_for("it has begun", lambda: migrations(cloud, server))

    cloud.lab.kill_mistral()
    cloud.lab.start_mistral()

    assert_ended(cloud.end_of(execution), "SUCCEEDED", "DONE")
    assert done(cloud, server) == ["live-migration"]
    assert cloud.where(server) == ("ACTIVE", "compute2")


def environments(cloud: Cloud) -> str:
    return f"{cloud.lab.mistral_url}/environments"


def test_what_does_not_end_in_time_is_failed_and_may_still_end(cloud: Cloud, faults) -> None:
    server = cloud.lab.boot("slow", "compute1")
    faults({server["id"]: {"live_migration": {"delay": 60}}})
    body = {"name": "recovery", "variables": json.dumps({"action_timeout": "4"})}
    requests.post(environments(cloud), json=body, timeout=30).raise_for_status()
    to = {"source_node": "compute1", "destination_node": "compute2", "migration_type": "live"}
    try:
        ended = carry_out(cloud, "migrate", resource_id=server["id"], **to)
    finally:
        requests.delete(f"{environments(cloud)}/recovery", timeout=30).raise_for_status()

    assert_ended(ended, "FAILED", "TIMED_OUT")
    assert "did not reach its end in time: Nova shows migration" in ended.state_info
    assert migrations(cloud, server) == ["running"]


# ---- in a plan


class Running:
    """A plan of one action each of some types, which run beside each other."""

    def __init__(self, cloud: Cloud, *actions: tuple[str, dict[str, object]]) -> None:
        self.cloud, self.id = cloud, str(uuid.uuid4())
        given = [
            {"uuid": str(uuid.uuid4()), "type": kind, "parameters": parameters, "parents": []}
            for kind, parameters in actions
        ]
        text = json.dumps({"uuid": self.id, "actions": given})
        workbook = compile_plan(read_plan(text, "plan.json"), "ALWAYS")
        url = f"{cloud.lab.mistral_url}/workbooks"
        requests.post(url, data=workbook.text, timeout=60).raise_for_status()
        body = {"id": self.id, "workflow_name": f"recovery.plan.{self.id}.run"}
        url = f"{cloud.lab.mistral_url}/executions"
        requests.post(url, json=body, timeout=60).raise_for_status()

    def cancel(self) -> Ended:
        return self.cloud.end_of(self.cloud.start("recovery.action_plan.cancel", plan=self.id))

    def roll_back(self, **given: object) -> Ended:
        started = self.cloud.start("recovery.action_plan.rollback", plan=self.id, **given)
        return self.cloud.end_of(started)

    def actions(self) -> list[tuple[str, str]]:
        """Return state and abort error of each action's report, sorted."""
        url = f"{self.cloud.lab.mistral_url}/executions?root_execution_id={self.id}"
        found = requests.get(f"{url}&include_output=true", timeout=60).json()["executions"]
        outputs = [json.loads(one["output"]) for one in found if one["id"] != self.id]
        return sorted((one["state"], one["details"]["abort_error"]) for one in outputs)


def migrate(server: dict, kind: str = "live") -> tuple[str, dict[str, object]]:
    to = {"source_node": "compute1", "destination_node": "compute2"}
    return "migrate", {"resource_id": server["id"], "migration_type": kind, **to}


def slow(server: dict, operation: str = "live_migration", seconds: int = 60) -> dict:
    return {server["id"]: {operation: {"delay": seconds}}}


def test_cancel_aborts_the_live_migration_that_runs_and_the_one_that_is_queued(
    cloud: Cloud, faults
) -> None:
    servers = [cloud.lab.boot(f"aborted-{number}", "compute1") for number in range(2)]
    faults(slow(servers[0]) | slow(servers[1]))
    plan = Running(cloud, *map(migrate, servers))

    def begun() -> bool:
        seen = sorted(status for server in servers for status in migrations(cloud, server))
        return seen == ["queued", "running"]

    wait_for("one migration runs and one is queued", begun)

    ended = plan.cancel()

    assert_ended(ended, "SUCCEEDED", "CANCELLED")
    assert [migrations(cloud, server) for server in servers] == [["cancelled"]] * 2
    assert [cloud.where(server) for server in servers] == [("ACTIVE", "compute1")] * 2
    assert plan.actions() == [("CANCELLED", None)] * 2
    assert_ended(plan.cancel(), "FAILED", "PLAN_ENDED")


def test_cancel_waits_for_a_cold_migration(cloud: Cloud, faults) -> None:
    server = cloud.lab.boot("cold-waited", "compute1")
    faults(slow(server, "migrate_disk_and_power_off", 10))
    plan = Running(cloud, migrate(server, "cold"))
    wait_for("it has begun", lambda: migrations(cloud, server))

    ended = plan.cancel()

    assert_ended(ended, "SUCCEEDED", "CANCELLED")
    assert cloud.where(server) == ("ACTIVE", "compute2")
    assert migrations(cloud, server) == ["confirmed"]
    assert plan.actions() == [("SUCCEEDED", None)]


def test_an_abort_that_fails_fails_the_cancel_with_novas_reason(cloud: Cloud, faults) -> None:
    server = cloud.lab.boot("unabortable", "compute1")
    faults(
        {
            server["id"]: {
                "live_migration": {"delay": 15},
                "live_migration_abort": {"fail": "no way back"},
            }
        }
    )
    plan = Running(cloud, migrate(server))
    wait_for("it runs", lambda: migrations(cloud, server) == ["running"])

    ended = plan.cancel()

    assert_ended(ended, "FAILED", "ABORT_FAILED")
    assert "no way back" in ended.state_info
    ((state, why),) = plan.actions()
    assert (state, "no way back" in why) == ("SUCCEEDED", True)
    assert cloud.where(server) == ("ACTIVE", "compute2")


def test_cancel_ends_a_sleep_at_once(cloud: Cloud) -> None:
    plan = Running(cloud, ("sleep", {"duration": 3600}))
    wait_for("it sleeps", lambda: len(cloud.tasks(plan.id)) == 1)

    ended = plan.cancel()

    assert_ended(ended, "SUCCEEDED", "CANCELLED")
    assert plan.actions() == [("CANCELLED", None)]


def test_a_plan_is_rolled_back_once(cloud: Cloud) -> None:
    servers = [cloud.lab.boot(f"back-{number}", "compute1") for number in range(2)]
    plan = Running(cloud, migrate(servers[0]), ("stop", {"resource_id": servers[1]["id"]}))
    assert cloud.end_of(plan.id).state == "SUCCESS"
    old = plan.roll_back(max_age=0)
    assert_ended(old, "FAILED", "TOO_OLD")

    ended = plan.roll_back()

    assert (ended.state, ended.output["state"]) == ("SUCCESS", "SUCCEEDED"), ended.state_info
    assert [cloud.where(server) for server in servers] == [("ACTIVE", "compute1")] * 2
    assert_ended(plan.roll_back(), "FAILED", "ALREADY_ROLLED_BACK")
    assert_ended(plan.cancel(), "FAILED", "PLAN_ENDED")


def test_what_is_no_plan_is_neither_cancelled_nor_rolled_back(cloud: Cloud) -> None:
    unknown = str(uuid.uuid4())
    for workflow in ("cancel", "rollback"):
        ended = cloud.end_of(cloud.start(f"recovery.action_plan.{workflow}", plan=unknown))
        assert_ended(ended, "FAILED", "UNKNOWN_PLAN")
        bad = cloud.end_of(cloud.start(f"recovery.action_plan.{workflow}", plan="plan"))
        assert_ended(bad, "FAILED", "BAD_INPUT")
