"""A pause lets what runs end and starts nothing; a resume goes on, and nothing is done twice."""

import json
from typing import Any

import pytest

from tests.functional.support import Cloud, wait_for
from tests.functional.test_action_plans import action, plan_command, run, shown

pytestmark = pytest.mark.usefixtures("faults")

SLOW = 900  # seconds; what is so slow ends when the faults are lifted


def let_time_pass(cloud: Cloud, seconds: int = 5) -> None:
    """Let Mistral do something else that takes longer than a poll of what is paused."""
    clock = {"plan": None, "action": None, "parameters": {"duration": seconds}}
    assert cloud.end_of(cloud.start("recovery.action.sleep", **clock)).state == "SUCCESS"


def newest_pass(cloud: Cloud) -> dict[str, Any]:
    """Return what the last pass of the evacuation that runs has counted."""
    query = "name=recovery.evacuate_servers&state=SUCCESS&include_output=true"
    newest = f"/action_executions?{query}&sort_keys=created_at&sort_dirs=desc&limit=1"
    (found,) = cloud.mistral.get(newest).json()["action_executions"]
    return dict(json.loads(found["output"])["result"])


def paused_evacuation(cloud: Cloud, host: str) -> dict[str, Any]:
    """Wait until a pass has found, with all that had begun at its end, that others are left."""

    def idle() -> dict[str, Any] | None:
        found = newest_pass(cloud)
        return found if found["pending"] and not found["running"] else None

    found: dict[str, Any] = wait_for(f"no server of {host} is under way", idle)
    return found


def test_no_server_is_evacuated_during_the_pause_and_those_under_way_are_brought_home(
    cloud: Cloud,
) -> None:
    servers = [cloud.lab.boot(f"evacuee-{n}", "compute3", power="stopped") for n in range(3)]
    cloud.lab.set_faults({"*": {"spawn": {"delay": SLOW}}})
    cloud.kill("compute3")
    execution = cloud.start(host="compute3", concurrency=1, evacuation_timeout=SLOW)
    (first,) = wait_for("one is evacuated", lambda: cloud.evacuations("compute3"))

    cloud.set_state(execution, "PAUSED")
    cloud.lab.set_faults({})
    idle = paused_evacuation(cloud, "compute3")
    meanwhile = cloud.evacuations("compute3"), cloud.server({"id": first})
    cloud.set_state(execution, "RUNNING")
    ended = cloud.end_of(execution)

    assert (idle["done"], idle["pending"]) == (1, 2)
    assert meanwhile[0] == {first: ["done"]}
    assert (meanwhile[1]["status"], meanwhile[1]["locked"]) == ("SHUTOFF", False)
    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.evacuations("compute3") == {server["id"]: ["done"] for server in servers}


def test_a_server_that_was_stopped_is_started_after_the_pause(cloud: Cloud) -> None:
    server = cloud.lab.boot("paused", "compute1", metadata={"HA_Enabled": "True"})
    cloud.lab.set_faults({server["id"]: {"power_off": {"delay": 5}}})
    execution = cloud.start("recovery.instance.recover", server="paused")
    wait_for("it is being stopped", lambda: cloud.done(server) == ["stop"])

    cloud.set_state(execution, "PAUSED")
    wait_for("it is stopped", lambda: cloud.where(server)[0] == "SHUTOFF")
    let_time_pass(cloud)
    meanwhile = cloud.done(server)
    cloud.set_state(execution, "RUNNING")
    ended = cloud.end_of(execution)

    assert meanwhile == ["stop"]
    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.done(server) == ["stop", "start"]


def test_a_step_that_runs_out_of_time_during_the_pause_fails_when_it_is_resumed(
    cloud: Cloud,
) -> None:
    server = cloud.lab.boot("late", "compute1", metadata={"HA_Enabled": "True"})
    cloud.lab.set_faults({server["id"]: {"power_off": {"delay": 30}}})
    execution = cloud.start("recovery.instance.recover", server="late", stop_timeout=5)
    wait_for("it is being stopped", lambda: cloud.done(server) == ["stop"])

    cloud.set_state(execution, "PAUSED")
    given_up = "/tasks?name=stop_instance_task&state=ERROR"
    wait_for("its time is up", lambda: cloud.mistral.get(given_up).json()["tasks"])
    meanwhile = cloud.execution(execution)["state"]
    cloud.set_state(execution, "RUNNING")
    ended = cloud.end_of(execution)

    assert meanwhile == "PAUSED"
    assert (ended.state, ended.reason) == ("ERROR", "TIMED_OUT"), ended.output
    assert cloud.done(server) == ["stop"]


def a_plan(cloud: Cloud, name: str) -> tuple[dict, str]:
    """Start a plan that stops a server after a while; return the server, and the plan's uuid."""
    server = cloud.lab.boot(name, "compute2")
    plan, done = run(
        cloud,
        action("sleep", name="waits", duration=6),
        action("stop", "waits", name="stops", resource_id=server["id"]),
        wait=False,
    )
    assert done["status"] == 0, done["said"]
    wait_for("it waits", lambda: cloud.tasks(plan))
    cloud.set_state(plan, "PAUSED")
    return server, plan


def test_a_paused_plan_does_not_go_on_to_its_next_action_until_it_is_resumed(cloud: Cloud) -> None:
    server, plan = a_plan(cloud, "plan-resumed")
    let_time_pass(cloud, seconds=8)
    meanwhile = cloud.done(server)
    cloud.set_state(plan, "RUNNING")
    ended = cloud.end_of(plan)

    assert meanwhile == []
    assert (ended.state, ended.report["state"]) == ("SUCCESS", "SUCCEEDED"), ended.output
    assert cloud.done(server) == ["stop"]


def test_the_cancel_of_a_paused_plan_waits_until_it_is_resumed(cloud: Cloud) -> None:
    server, plan = a_plan(cloud, "plan-cancelled")
    cancel = cloud.start("recovery.action_plan.cancel", plan=plan)
    let_time_pass(cloud)
    meanwhile = cloud.execution(cancel)["state"]
    cloud.set_state(plan, "RUNNING")
    ended = cloud.end_of(cancel)

    assert meanwhile == "RUNNING"
    assert (ended.state, ended.reason) == ("SUCCESS", "CANCELLED"), ended.output
    assert shown(cloud, plan)[0] == "CANCELLED"
    assert cloud.done(server) == []
    assert "has ended" in plan_command(cloud, "cancel", plan)["said"]
