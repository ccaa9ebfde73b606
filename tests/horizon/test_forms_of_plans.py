"""Actions, and what cancels and undoes a plan of them, when a person starts them by the form."""

import json
import uuid

from tests.functional.support import Cloud, assert_ended, wait_for
from tests.functional.test_action_plans import action, run
from tests.horizon.browser import Person
from tests.pack import ACTIONS

NOT_THERE = str(uuid.uuid4())


def test_an_action_with_the_parameters_of_the_form_does_nothing(
    admin: Person, cloud: Cloud
) -> None:
    started = [admin.execute(one, plan="None", action="by hand") for one in ACTIONS]
    assert [cloud.end_of(one).reason for one in started] == ["NOTHING_TO_DO"] * len(ACTIONS)


def test_an_action_does_what_the_parameters_say_that_were_typed(
    admin: Person, cloud: Cloud
) -> None:
    moves, grows, dead, stops = (cloud.lab.boot(f"action-{n}", host) for n, host in enumerate(
        ("compute8", "compute8", "compute11", "compute8")))
    starts = cloud.lab.boot("action-starts", "compute8", power="stopped")
    cloud.kill("compute11")
    typed = {
        "migrate": {"resource_id": moves["id"], "migration_type": "live",
                    "source_node": "compute8", "destination_node": "compute9"},
        "resize": {"resource_id": grows["id"], "flavor": "2"},
        "evacuate": {"resource_id": dead["id"], "destination_node": "compute9"},
        "stop": {"resource_id": stops["id"]},
        "start": {"resource_id": starts["id"]},
        "change_nova_service_state": {"resource_name": "compute12", "state": "disabled"},
        "sleep": {"duration": "1"},
        "nop": {"message": "by hand"},
        "change_node_power_state": {"resource_id": NOT_THERE, "state": "off"},
        "volume_migrate": {"resource_id": NOT_THERE, "migration_type": "retype",
                           "destination_type": "fast"},
    }
    assert sorted(f"recovery.action.{kind}" for kind in typed) == sorted(ACTIONS)

    started = {kind: admin.execute(f"recovery.action.{kind}", plan="None", action="by hand",
                                   parameters=json.dumps(typed[kind])) for kind in typed}
    ended = {kind: cloud.end_of(started[kind]) for kind in typed}

    for kind, service in (("change_node_power_state", "node"), ("volume_migrate", "volume")):
        refused = ended.pop(kind)
        assert_ended(refused, "FAILED", "REJECTED")
        assert refused.state_info.startswith(f"Failed looking up {service} {NOT_THERE}: the ")
    for one in ended.values():
        assert_ended(one, "SUCCEEDED", "DONE")
    assert [cloud.where(server) for server in (moves, dead)] == [("ACTIVE", "compute9")] * 2
    assert cloud.server(grows)["flavor"]["original_name"] == "m1.small"
    assert [cloud.where(server)[0] for server in (stops, starts)] == ["SHUTOFF", "ACTIVE"]
    assert cloud.service("compute12")["status"] == "disabled"
    assert ended["nop"].report["message"] == "by hand"


def test_a_plan_that_was_typed_is_cancelled(admin: Person, cloud: Cloud) -> None:
    plan, done = run(cloud, action("sleep", name="sleeps", duration=3600), wait=False)
    assert done["status"] == 0, done["said"]
    wait_for("it sleeps", lambda: cloud.tasks(plan))
    cancel = cloud.end_of(admin.execute("recovery.action_plan.cancel", plan=f' "{plan}" '))
    assert_ended(cancel, "SUCCEEDED", "CANCELLED")
    ended = cloud.end_of(plan)
    assert ended.report["state"] == "CANCELLED"
    assert admin.end(plan) == ("Error", ended.report["message"])


def test_a_plan_is_undone_within_the_time_of_the_form_or_the_one_that_was_typed(
    admin: Person, cloud: Cloud
) -> None:
    server = cloud.lab.boot("undone", "compute8")
    plan, done = run(cloud, action("stop", name="stops", resource_id=server["id"]))
    assert done["status"] == 0, done["said"]
    assert admin.open_form("recovery.action_plan.rollback")["max_age"] == '"3600"'

    too_old = admin.execute("recovery.action_plan.rollback", plan=plan, max_age="0")
    state, hover = admin.end(too_old)
    assert state == "Error"
    assert "more than max_age (0 s)" in hover
    undone = cloud.end_of(admin.execute("recovery.action_plan.rollback", plan=plan))

    assert_ended(undone, "SUCCEEDED", "ROLLED_BACK")
    assert cloud.done(server) == ["stop", "start"]
