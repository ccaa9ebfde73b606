"""Cancelling and undoing plans by their workflows, without the commands, on real services."""

import json
import uuid

from driver.plans.compile import compile_plan
from driver.plans.reader import read_plan
from tests.functional.support import Cloud, Ended, assert_ended, wait_for


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
        kind = {"content-type": "text/plain"}
        cloud.mistral.post("/workbooks", data=workbook.text, headers=kind)
        body = {"id": self.id, "workflow_name": f"recovery.plan.{self.id}.run"}
        cloud.mistral.post("/executions", json=body)

    def cancel(self) -> Ended:
        return self.cloud.end_of(self.cloud.start("recovery.action_plan.cancel", plan=self.id))

    def roll_back(self, **given: object) -> Ended:
        started = self.cloud.start("recovery.action_plan.rollback", plan=self.id, **given)
        return self.cloud.end_of(started)

    def actions(self) -> list[tuple[str, str]]:
        """Return state and abort error of each action's report, sorted."""
        url = f"/executions?root_execution_id={self.id}&include_output=true"
        found = self.cloud.mistral.get(url).json()["executions"]
        told = [json.loads(one["output"])["report"] for one in found if one["id"] != self.id]
        return sorted((one["state"], one["details"]["abort_error"]) for one in told)


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
        seen = sorted(status for server in servers for status in cloud.migrations(server))
        return seen == ["queued", "running"]

    wait_for("one migration runs and one is queued", begun)

    ended = plan.cancel()

    assert_ended(ended, "SUCCEEDED", "CANCELLED")
    assert [cloud.migrations(server) for server in servers] == [["cancelled"]] * 2
    assert [cloud.where(server) for server in servers] == [("ACTIVE", "compute1")] * 2
    assert plan.actions() == [("CANCELLED", None)] * 2
    assert_ended(plan.cancel(), "FAILED", "PLAN_ENDED")


def test_cancel_waits_for_a_cold_migration(cloud: Cloud, faults) -> None:
    server = cloud.lab.boot("cold-waited", "compute1")
    faults(slow(server, "migrate_disk_and_power_off", 10))
    plan = Running(cloud, migrate(server, "cold"))
    wait_for("it has begun", lambda: cloud.migrations(server))

    ended = plan.cancel()

    assert_ended(ended, "SUCCEEDED", "CANCELLED")
    assert cloud.where(server) == ("ACTIVE", "compute2")
    assert cloud.migrations(server) == ["confirmed"]
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
    wait_for("it runs", lambda: cloud.migrations(server) == ["running"])

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

    assert (ended.state, ended.report["state"]) == ("SUCCESS", "SUCCEEDED"), ended.state_info
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
