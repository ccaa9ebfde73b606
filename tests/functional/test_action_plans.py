"""Action plans from the command line, on a real Mistral and a real Nova."""

import json
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.functional.support import Cloud, wait_for
from tests.programs import BIN

pytestmark = pytest.mark.usefixtures("faults")

OPENSTACK = str(BIN / "openstack")


def plan_command(cloud: Cloud, *command: str, text: str | None = None) -> dict[str, Any]:
    """Run `openstack recovery plan ...`; return status, output and messages."""
    done = subprocess.run(
        [OPENSTACK, "recovery", "plan", *command],
        env={**cloud.lab.env, "PYTHONWARNINGS": "ignore"},
        input=text,
        text=True,
        capture_output=True,
        check=False,
    )
    return {"status": done.returncode, "out": done.stdout, "said": done.stderr}


def action(type_: str, *parents: str, name: str, **parameters: object) -> dict[str, object]:
    return {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        "type": type_,
        "name": name,
        "parameters": parameters,
        "parents": [str(uuid.uuid5(uuid.NAMESPACE_OID, parent)) for parent in parents],
    }


def migrate(server: dict, *parents: str, name: str, **to: str) -> dict[str, object]:
    given = {"resource_id": server["id"], "migration_type": "live", "source_node": "compute1"}
    return action("migrate", *parents, name=name, **given, **to)


def run(cloud: Cloud, *actions: dict, rule: str = "ALWAYS", wait: bool = True) -> tuple[str, dict]:
    """Run a plan; return its uuid and what the command did."""
    plan = str(uuid.uuid4())
    text = json.dumps({"uuid": plan, "rule": rule, "actions": actions})
    waiting = ["--wait"] if wait else []
    return plan, plan_command(cloud, "run", "-", *waiting, text=text)


def shown(cloud: Cloud, plan: str) -> tuple[str, dict[str, str]]:
    """Return the state of a plan, and that of each action by its name."""
    found = json.loads(plan_command(cloud, "show", plan, "-f", "json")["out"])
    return found["state"], {one["task"]: one["state"] for one in found["actions"]}


def test_the_second_destination_is_tried_because_the_first_one_failed(cloud: Cloud) -> None:
    """Of one server in a chain, whose third task never comes to be; of another in a graph."""
    chained, joined = cloud.lab.boot("chained", "compute1"), cloud.lab.boot("joined", "compute1")
    cloud.update_service("compute2", status="disabled", disabled_reason="full")

    plan, done = run(
        cloud,
        migrate(chained, name="a1", destination_node="compute2"),
        migrate(chained, "a1", name="a2", destination_node="compute3"),
        migrate(chained, "a2", name="a3", destination_node="compute4"),
        migrate(joined, name="b1", destination_node="compute2"),
        migrate(joined, "b1", name="b2", destination_node="compute3"),
        migrate(joined, "b1", "b2", name="b3", destination_node="compute4"),
        rule="ANY",
    )

    cloud.update_service("compute2", status="enabled")
    assert done["status"] == 0, done["said"]
    ends = {"1": "FAILED", "2": "SUCCEEDED", "3": "SKIPPED"}
    states = {f"migrate_{one}{n}": end for one in "ab" for n, end in ends.items()}
    assert shown(cloud, plan) == ("SUCCEEDED", states)
    tasks = cloud.mistral.get(f"/executions/{plan}/tasks").json()["tasks"]
    assert {task["name"] for task in tasks} == {
        *(f"migrate_{name}" for name in ("a1", "a2", "b1", "b2", "b3")),
        "report_plan",
    }
    for server in (chained, joined):
        assert cloud.where(server) == ("ACTIVE", "compute3")
        assert cloud.migrations(server) == ["completed"]


def test_a_plan_is_started_once_however_often_it_is_run(cloud: Cloud) -> None:
    server = cloud.lab.boot("twice", "compute1")
    plan = str(uuid.uuid4())
    actions = [migrate(server, name="twice", destination_node="compute2")]
    text = json.dumps({"uuid": plan, "actions": actions})

    with ThreadPoolExecutor(2) as pool:
        both = list(
            pool.map(lambda _: plan_command(cloud, "run", "-", "--wait", text=text), range(2))
        )
    third = plan_command(cloud, "run", "-", "--wait", text=text)
    actions[0]["parameters"]["destination_node"] = "compute3"
    other = plan_command(cloud, "run", "-", text=json.dumps({"uuid": plan, "actions": actions}))

    assert [done["status"] for done in (*both, third)] == [0, 0, 0], both
    assert "not started again" in third["said"]
    assert cloud.migrations(server) == ["completed"]
    assert other["status"] == 1
    assert plan in other["said"]
    assert cloud.where(server) == ("ACTIVE", "compute2")


def test_cancelling_aborts_a_slow_live_migration_and_the_server_stays(cloud: Cloud) -> None:
    server = cloud.lab.boot("cancelled", "compute1")
    cloud.lab.set_faults({server["id"]: {"live_migration": {"delay": 60}}})
    plan, _ = run(
        cloud,
        migrate(server, name="slow", destination_node="compute2"),
        action("stop", "slow", name="after", resource_id=server["id"]),
        wait=False,
    )
    wait_for("it migrates", lambda: cloud.migrations(server) == ["running"])

    cancelled = plan_command(cloud, "cancel", plan, "--wait")
    again = plan_command(cloud, "cancel", plan)

    assert cancelled["status"] == 0, cancelled["said"]
    states = {"migrate_slow": "CANCELLED", "stop_after": "CANCELLED"}
    assert shown(cloud, plan) == ("CANCELLED", states)
    assert cloud.where(server) == ("ACTIVE", "compute1")
    assert again["status"] == 1
    assert "has ended already, CANCELLED" in again["said"]


@pytest.mark.parametrize("ended", [0, 1, 2])
def test_a_plan_can_be_cancelled_at_any_moment(cloud: Cloud, ended: int) -> None:
    """Before its first action has ended, after it, and during the last one."""
    names = ["first", "second", "third"]
    sleeps = [
        action("sleep", *names[:number][-1:], name=name, duration=1 if number < ended else 600)
        for number, name in enumerate(names)
    ]
    plan, _ = run(cloud, *sleeps, wait=False)
    wait_for(
        f"{ended} actions have ended",
        lambda: list(shown(cloud, plan)[1].values()).count("SUCCEEDED") >= ended,
    )

    cancelled = plan_command(cloud, "cancel", plan, "--wait")

    assert cancelled["status"] == 0, cancelled["said"]
    state, actions = shown(cloud, plan)
    assert state == "CANCELLED"
    assert [actions[f"sleep_{name}"] for name in names] == (
        ["SUCCEEDED"] * ended + ["CANCELLED"] * (3 - ended)
    )


def test_after_the_maintenance_of_a_host_its_servers_go_back_to_it(cloud: Cloud) -> None:
    """The host is enabled again before they do; one of them was deleted meanwhile."""
    servers = [cloud.lab.boot(f"back-{number}", "compute1") for number in range(3)]
    plan, done = run(
        cloud,
        action(
            "change_nova_service_state",
            name="close",
            resource_id="compute1",
            resource_name="compute1",
            state="disabled",
            disabled_reason="maintenance",
        ),
        *(migrate(server, "close", name=server["name"]) for server in servers),
    )
    assert done["status"] == 0, done["said"]
    assert cloud.service("compute1")["status"] == "disabled"
    assert all(cloud.where(server)[1] != "compute1" for server in servers)
    gone = servers.pop()
    cloud.nova.delete(f"/servers/{gone['id']}", microversion="2.79")
    wait_for("it is gone", lambda: "server" not in cloud.get(f"/servers/{gone['id']}"))

    rolled = plan_command(cloud, "rollback", plan, "--wait", "-f", "json")
    again = plan_command(cloud, "rollback", plan)

    assert rolled["status"] == 0, rolled["said"]
    assert cloud.service("compute1")["status"] == "enabled"
    assert [cloud.where(server) for server in servers] == [("ACTIVE", "compute1")] * 2
    steps = {one["task"]: one["state"] for one in json.loads(rolled["out"])["actions"]}
    assert steps.pop("undo_migrate_back_2") == "SKIPPED"
    assert set(steps.values()) == {"SUCCEEDED"}
    assert again["status"] == 1
    assert "already" in again["said"]


def test_a_plan_of_watchers_that_names_its_host_by_an_id_empties_it(cloud: Cloud) -> None:
    """As Watcher 2024.1 to 2025.2 writes the migrations of a host's maintenance."""
    servers = {
        "live": cloud.lab.boot("named-live", "compute1"),
        "cold": cloud.lab.boot("named-cold", "compute1", power="stopped"),
    }
    (host,) = [
        one["id"]
        for one in cloud.get("/os-hypervisors/detail")["hypervisors"]
        if one["hypervisor_hostname"] == "compute1"
    ]
    plan, close = str(uuid.uuid4()), str(uuid.uuid4())
    service = {"resource_id": host, "resource_name": "compute1", "state": "disabled"}
    actions = [
        watchers("change_nova_service_state", plan, UUID=close, Parents=[], **service),
        *(
            watchers(
                "migrate",
                plan,
                Parents=[close],
                migration_type=kind,
                source_node=host,
                resource_name=server["name"],
                resource_id=server["id"],
            )
            for kind, server in servers.items()
        ),
    ]
    about = {"UUID": plan, "Strategy": "host_maintenance", "State": "RECOMMENDED"}

    done = plan_command(cloud, "run", "-", "--wait", text=json.dumps(about) + json.dumps(actions))

    assert done["status"] == 0, done["said"]
    assert set(shown(cloud, plan)[1].values()) == {"SUCCEEDED"}
    assert cloud.service("compute1")["status"] == "disabled"
    cloud.update_service("compute1", status="enabled")
    where = {kind: cloud.where(server) for kind, server in servers.items()}
    assert {kind: status for kind, (status, _) in where.items()} == {
        "live": "ACTIVE",
        "cold": "SHUTOFF",
    }
    assert "compute1" not in {host for _, host in where.values()}


def watchers(type_: str, plan: str, **given: object) -> dict[str, object]:
    """Return an action as Watcher's client shows it; capitals are its columns."""
    columns = {name: value for name, value in given.items() if name[0].isupper()}
    return {
        "UUID": str(uuid.uuid4()),
        "State": "PENDING",
        "Action Plan": plan,
        "Action": type_,
        "Parameters": {name: value for name, value in given.items() if name not in columns},
        **columns,
    }


def test_mistral_killed_during_a_plan_goes_on_and_does_each_action_once(cloud: Cloud) -> None:
    servers = [cloud.lab.boot(f"once-{number}", "compute1") for number in range(2)]
    cloud.lab.set_faults({servers[0]["id"]: {"live_migration": {"delay": 6}}})
    plan, _ = run(
        cloud,
        migrate(servers[0], name="moves", destination_node="compute2"),
        action("stop", "moves", name="stops", resource_id=servers[1]["id"]),
        action("start", "stops", name="starts", resource_id=servers[1]["id"]),
        wait=False,
    )
    wait_for("it migrates", lambda: cloud.migrations(servers[0]) == ["running"])

    cloud.lab.kill_mistral()
    cloud.lab.start_mistral()
    ended = plan_command(cloud, "show", plan, "--wait")

    assert ended["status"] == 0, ended["said"]
    assert cloud.migrations(servers[0]) == ["completed"]
    found = cloud.get(f"/servers/{servers[1]['id']}/os-instance-actions")["instanceActions"]
    assert [one["action"] for one in reversed(found)] == ["create", "stop", "start"]
    assert set(shown(cloud, plan)[1].values()) == {"SUCCEEDED"}
