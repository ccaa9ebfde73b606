"""A failed task that is run again, when the cause is gone, goes on where it stopped."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.plain_clients import client, failed_task, sub_execution, tasks
from tests.functional.services import WebServer
from tests.functional.support import Cloud, Ended
from tests.functional.test_action_plans import action, migrate, run, shown

pytestmark = pytest.mark.usefixtures("faults")

HA = {"HA_Enabled": "True"}
FULL = {"spawn": {"fail": "disk full"}}
METHODS = """
process_failure:
  pre: [alert, fence]
  main: [disable_compute_node_task, confirm_compute_node_disabled_task]
tasks:
  alert:
    action: std.http
    input: {method: PUT, url: URL/alert}
  fence:
    action: std.http
    input: {method: PUT, url: URL/fence}
"""


def failed(cloud: Cloud, workflow: str, **given: object) -> Ended:
    ended = cloud.end_of(cloud.start(workflow, **given))
    assert ended.state == "ERROR", ended.output
    return ended


def rerun(cloud: Cloud, execution: str, task: str | None = None) -> Ended:
    """Run the failed task of an execution again, the fault being gone; wait for the end."""
    cloud.lab.set_faults({})
    task_id = task or failed_task(cloud, execution)["ID"]
    client(cloud, "mistral", "task-rerun", task_id)
    return cloud.end_of(execution)


def failed_inside(cloud: Cloud, execution: str) -> str:
    """Return the failed task of the innermost workflow."""
    task = failed_task(cloud, execution)
    while "recovery.methods" not in task["Workflow name"]:
        task = failed_task(cloud, sub_execution(cloud, task["ID"]))
    return str(task["ID"])


@pytest.mark.parametrize("inside", [False, True], ids=["the recovery's task", "the method's task"])
def test_only_the_servers_that_were_not_moved_are_tried_again(cloud: Cloud, inside: bool) -> None:
    host = "compute2" if inside else "compute1"
    moves = cloud.lab.boot(f"moves-{inside}", host)
    stays = cloud.lab.boot(f"stays-{inside}", host, power="stopped")
    cloud.lab.set_faults({stays["id"]: FULL})
    cloud.kill(host)
    ended = failed(cloud, "recovery.host.recover", host=host)
    assert ended.servers[stays["name"]]["reason"] == "EVACUATION_FAILED"

    ended = rerun(cloud, ended.id, failed_inside(cloud, ended.id) if inside else None)

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert ended.report["state"] == "SUCCEEDED"
    assert {line["state"] for line in ended.servers.values()} == {"MOVED"}
    assert cloud.migrations(moves) == ["done"]
    assert cloud.migrations(stays) == ["failed", "done"]
    assert [cloud.where(server)[0] for server in (moves, stays)] == ["ACTIVE", "SHUTOFF"]
    assert not any(cloud.server(server)["locked"] for server in (moves, stays))


def test_the_reserved_hosts_are_tried_again(cloud: Cloud) -> None:
    server = cloud.lab.boot("reserved", "compute3")
    cloud.lab.set_faults({"*": FULL})
    cloud.kill("compute3")
    given = {"method": "reserved_host", "reserved_hosts": "compute7,compute8"}
    ended = failed(cloud, "recovery.host.recover", host="compute3", **given)
    assert cloud.migrations(server) == ["failed", "failed"]

    ended = rerun(cloud, ended.id)

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(server) == ("ACTIVE", "compute7")
    assert cloud.migrations(server) == ["failed", "failed", "done"]


def test_a_rerun_that_fails_again_can_be_run_once_more(cloud: Cloud) -> None:
    server = cloud.lab.boot("thrice", "compute4")
    cloud.lab.set_faults({server["id"]: FULL})
    cloud.kill("compute4")
    ended = failed(cloud, "recovery.host.recover", host="compute4")
    with pytest.raises(AssertionError, match="Only with-items task"):
        client(cloud, "mistral", "task-rerun", "--resume", failed_task(cloud, ended.id)["ID"])
    client(cloud, "openstack", "task", "execution", "rerun", failed_task(cloud, ended.id)["ID"])
    again = cloud.end_of(ended.id)
    assert (again.state, again.reason) == ("ERROR", "SERVERS_NOT_MOVED")
    assert cloud.migrations(server) == ["failed", "failed"]

    ended = rerun(cloud, ended.id)

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.migrations(server) == ["failed", "failed", "done"]


def test_a_refused_recovery_goes_on_when_its_refusal_is_run_again(cloud: Cloud) -> None:
    server = cloud.lab.boot("refused", "compute5")
    ended = failed(cloud, "recovery.host.recover", host="compute5")
    assert ended.reason == "HOST_UP"
    assert failed_task(cloud, ended.id)["Name"] == "confirm_host_failed"
    cloud.kill("compute5")

    ended = rerun(cloud, ended.id)

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.migrations(server) == ["done"]


@pytest.mark.parametrize("inside", [False, True], ids=["the recovery's task", "the method's task"])
@pytest.mark.parametrize(
    ("operation", "done"),
    [("power_off", ["stop", "stop", "start"]), ("power_on", ["stop", "start", "start"])],
)
def test_only_what_failed_of_a_restart_is_done_again(
    cloud: Cloud, operation: str, done: list[str], inside: bool
) -> None:
    server = cloud.lab.boot(f"{operation}-{inside}", "compute6", metadata=HA)
    cloud.lab.set_faults({server["id"]: {operation: {"fail": "no power"}}})
    ended = failed(cloud, "recovery.instance.recover", server=server["id"])
    before = cloud.done(server)
    if operation == "power_on" and inside:  # the task that saw it only looks: see the guide
        task = failed_inside(cloud, ended.id)
        assert rerun(cloud, ended.id, task).reason == "START_FAILED"
        assert cloud.done(server) == before
        return

    ended = rerun(cloud, ended.id, failed_inside(cloud, ended.id) if inside else None)

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert (ended.report["state"], ended.servers[server["name"]]["state"]) == (
        "SUCCEEDED", "RECOVERED"
    )
    assert cloud.done(server) == done
    assert cloud.where(server) == ("ACTIVE", "compute6")


def test_a_process_recovery_goes_on_when_its_host_is_known_to_nova(cloud: Cloud) -> None:
    ended = failed(cloud, "recovery.process.recover", host="late-host")
    assert ended.reason == "UNKNOWN_HOST"
    cloud.lab.start_host("late-host")

    ended = rerun(cloud, ended.id)

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert ended.report["state"] == "SUCCEEDED"
    assert cloud.service("late-host")["status"] == "disabled"


@pytest.fixture
def web(cloud: Cloud, tmp_path: Path) -> Iterator[WebServer]:
    """It is asked by tasks of the operator's own, which the method for processes begins with."""
    with WebServer() as server:
        file = tmp_path / "recovery-methods.yaml"
        file.write_text(METHODS.replace("URL", server.url))
        client(cloud, "openstack", "recovery", "methods", "apply", str(file))
        yield server


@pytest.mark.parametrize(
    ("inside", "asked"),
    [(False, ["alert", "fence", "alert", "fence"]), (True, ["alert", "fence", "fence"])],
    ids=["the recovery's task", "the method's task"],
)
def test_a_method_runs_from_its_start_or_from_its_own_task_that_failed(
    cloud: Cloud, web: WebServer, inside: bool, asked: list[str]
) -> None:
    cloud.lab.start_host(host := f"process-{inside}")
    web.answers = [200, 503]
    ended = failed(cloud, "recovery.process.recover", host=host)
    assert failed_task(cloud, ended.id)["Name"] == "process_failure"
    assert cloud.service(host)["status"] == "enabled"

    ended = rerun(cloud, ended.id, failed_inside(cloud, ended.id) if inside else None)

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert ended.report["state"] == "SUCCEEDED"
    assert cloud.service(host)["status"] == "disabled"
    assert [request.path for request in web.requests] == [f"/{one}" for one in asked]


def test_an_action_that_was_started_by_hand_is_started_anew(cloud: Cloud) -> None:
    server = cloud.lab.boot("by-hand", "compute8")
    cloud.lab.set_faults({server["id"]: {"power_off": {"fail": "no power"}}})
    by_hand = {"plan": None, "action": None, "parameters": {"resource_id": server["id"]}}
    ended = failed(cloud, "recovery.action.stop", **by_hand)
    assert ended.reason == "STOP_FAILED"
    assert rerun(cloud, ended.id).reason == "STOP_FAILED"  # it looks at what was done only
    assert cloud.done(server) == ["stop"]

    ended = cloud.end_of(cloud.start("recovery.action.stop", **by_hand))

    assert (ended.state, ended.reason) == ("SUCCESS", "DONE"), ended.state_info
    assert cloud.done(server) == ["stop", "stop"]


def test_an_action_of_a_plan_that_failed_is_carried_out_and_the_others_are_not_repeated(
    cloud: Cloud,
) -> None:
    """`last` follows both: it had run after the failure, and finds itself done."""
    fails = cloud.lab.boot("plan-fails", "compute7")
    stops = cloud.lab.boot("plan-stops", "compute7")
    last = cloud.lab.boot("plan-last", "compute7")
    cloud.lab.set_faults({fails["id"]: {"pre_live_migration": {"fail": "no room"}}})
    move = migrate(fails, name="fails", destination_node="compute8")
    move["parameters"]["source_node"] = "compute7"
    plan, done = run(
        cloud,
        move,
        action("stop", name="stops", resource_id=stops["id"]),
        action("stop", "fails", "stops", name="last", resource_id=last["id"]),
    )
    assert done["status"] == 1, done["said"]
    assert shown(cloud, plan)[0] == "FAILED"
    assert cloud.where(fails) == ("ACTIVE", "compute7")

    ended = rerun(cloud, plan)

    assert (ended.state, ended.report["state"]) == ("SUCCESS", "SUCCEEDED"), ended.output
    states = {"migrate_fails": "SUCCEEDED", "stop_stops": "SUCCEEDED", "stop_last": "SUCCEEDED"}
    assert shown(cloud, plan) == ("SUCCEEDED", states)
    assert cloud.where(fails) == ("ACTIVE", "compute8")
    assert cloud.migrations(fails)[-1] == "completed"
    assert len(cloud.migrations(fails)) == 2
    assert cloud.done(stops) == cloud.done(last) == ["stop"]


def test_a_task_that_has_not_failed_is_not_run_again(cloud: Cloud) -> None:
    cloud.lab.boot("whole", "compute8")
    ended = cloud.recover("compute8", dry_run=True)
    (task,) = tasks(cloud, ended.id)

    with pytest.raises(AssertionError, match="must be in ERROR for rerun"):
        client(cloud, "mistral", "task-rerun", task["ID"])

    assert cloud.execution(ended.id)["state"] == "SUCCESS"
    assert json.loads(cloud.execution(ended.id)["output"])["report"]["reason"] == "DRY_RUN"
    assert uuid.UUID(task["ID"])
