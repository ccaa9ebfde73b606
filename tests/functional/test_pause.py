"""A pause lets what runs end and starts nothing; a resume goes on, and nothing is done twice."""

import pytest

from tests.functional.support import Cloud, wait_for
from tests.functional.test_action_plans import action, plan_command, run, shown

pytestmark = pytest.mark.usefixtures("faults")


def let_time_pass(cloud: Cloud, seconds: int = 5) -> None:
    """Let Mistral do something else that takes longer than a poll of what is paused."""
    clock = {"plan": None, "action": None, "parameters": {"duration": seconds}}
    assert cloud.end_of(cloud.start("recovery.action.sleep", **clock)).state == "SUCCESS"


def test_a_server_that_was_stopped_is_started_after_the_pause(cloud: Cloud) -> None:
    server = cloud.lab.boot("paused", "compute1", metadata={"HA_Enabled": "True"})
    cloud.lab.set_faults({server["id"]: {"power_off": {"delay": 10}}})
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


def a_plan(cloud: Cloud, name: str) -> tuple[dict, str]:
    """Start a plan that stops a server after a while; return the server, and the plan's uuid."""
    server = cloud.lab.boot(name, "compute2")
    plan, done = run(
        cloud,
        action("sleep", name="waits", duration=15),
        action("stop", "waits", name="stops", resource_id=server["id"]),
        wait=False,
    )
    assert done["status"] == 0, done["said"]
    wait_for("it waits", lambda: shown(cloud, plan)[1]["sleep_waits"] == "ONGOING")
    cloud.set_state(plan, "PAUSED")
    return server, plan


def test_a_paused_plan_does_not_go_on_to_its_next_action_until_it_is_resumed(cloud: Cloud) -> None:
    server, plan = a_plan(cloud, "plan-resumed")
    let_time_pass(cloud, seconds=20)
    meanwhile = cloud.done(server)
    cloud.set_state(plan, "RUNNING")
    ended = cloud.end_of(plan)

    assert meanwhile == []
    assert (ended.state, ended.output["state"]) == ("SUCCESS", "SUCCEEDED"), ended.output
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
