"""On the Mistral that operators run, with nothing of it patched, the pack works as in the lab."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from keystoneauth1 import session as keystoneauth
from keystoneauth1.exceptions import ClientException

from lab import broker
from lab.distributed import SERVERS, DistributedLab
from tests.chaos.play import played
from tests.chaos.requests import delete
from tests.chaos.wired import WiredLab
from tests.functional.people import People, boot_for_member, user_id, who_acted
from tests.functional.support import MISTRAL, Cloud, assert_ended, wait_for
from tests.pack import WORKBOOKS
from tests.programs import BIN

HOSTS = [f"compute{number}" for number in range(1, 11)]
INSTANCE, MIGRATE = "recovery.instance.recover", "recovery.node.migrate"
# what members may try with the pack's actions in workflows of their own
BY_HAND = """
version: '2.0'
name: by_hand
workflows:
  evacuate:
    input: [id, host, destination]
    tasks:
      step:
        action: recovery.evacuate_servers
        input:
          destination: <% $.destination %>
          plan:
            host: <% $.host %>
            since: '2026-01-01T00:00:00+00:00'
            tried_before: 0
            adopted: []
            left_out: []
            options: {evacuation_timeout: 90, concurrency: 1, lock_servers: false}
            servers:
              - <% dict(id=>$.id, name=>x, was=>active, ha=>false, locked=>true, dirty=>false) %>
            report: {state: FAILED, reason: X, message: x, details: {}}
  ask:
    input: [id, request]
    tasks:
      step:
        action: recovery.move_server
        input:
          todo:
            resource: <% dict(id=>$.id, name=>x) %>
            request: <% $.request %>
            asked: nothing
            newest_action: null
            kind: migration
            source: x
            newest_migration: 0
            report: {state: FAILED, reason: X, message: x, details: {type: migrate, undo: null}}
  isolate:
    input: [host]
    tasks:
      step: {action: recovery.isolate_host, input: {plan: <% dict(host=>$.host) %>}}
  stop:
    input: [id]
    tasks:
      step:
        action: recovery.check_stop
        input: {action: a, parameters: <% dict(server=>$.id) %>}
  lie:
    input: [execution]
    tasks:
      lie:
        action: std.noop
        on-success:
          publish:
            branch: {openstack: {roles: [admin], is_admin: true},
                     __execution: <% dict(id=>$.execution) %>}
            global: {changed: true, openstack: {roles: [admin], is_admin: true},
                     __execution: <% dict(id=>$.execution) %>}
          next: [step]
      step: {action: recovery.plan_host_recovery, input: {host: compute7}}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WiredLab]:
    if lacking := broker.missing("a Mistral of many processes"):
        pytest.skip(lacking)
    with WiredLab(tmp_path_factory.mktemp("lab"), HOSTS, version=MISTRAL) as lab:
        yield lab


@pytest.fixture(scope="module")
def installed(lab: DistributedLab) -> dict[str, str]:
    """What `openstack recovery sync` says of each workbook; the keeper is to look each minute."""
    done = openstack(lab, "recovery sync --public -f json")
    openstack(lab, "cron trigger create keeper recovery.keeper.look --pattern", "* * * * *")
    return {row["Workbook"]: row["Result"] for row in done}


def openstack(lab: DistributedLab, words: str, *more: str) -> Any:
    """Run a command that succeeds; return what it prints, as JSON if it can."""
    done = subprocess.run([BIN / "openstack", *words.split(), *more], check=True,
                          env={**os.environ, **lab.env}, stdout=subprocess.PIPE)
    return json.loads(done.stdout) if "json" in words else done.stdout


def test_the_wheel_is_all_that_a_stock_mistral_needs_for_the_pack_to_be_installed(
    installed: dict[str, str]
) -> None:
    assert installed == dict.fromkeys(WORKBOOKS, "created")


@pytest.mark.usefixtures("installed")
def test_whatever_is_killed_and_cut_meanwhile_each_server_is_moved_once(lab: WiredLab) -> None:
    """A round of `python -m tests.chaos`, with another seed in each run."""
    for host in HOSTS[-2:]:
        emptied(lab, host)
    ended = played(lab, 5 * random.randrange(10**6) + 4, "host", 2)  # of the last two hosts
    assert ended["wrong"] == [], ended


@pytest.mark.usefixtures("installed")
def test_two_engines_and_two_executors_move_each_server_of_a_dead_host_once(
    lab: DistributedLab
) -> None:
    servers = lab.boot_many(2, "compute1", "web")
    cloud = Cloud(lab)
    cloud.kill("compute1")
    assert_ended(cloud.recover("compute1"), "SUCCEEDED", "RECOVERED")
    assert_each_moved_once(cloud, "compute1", servers)
    assert "compute1" not in {where for _status, where in map(cloud.where, servers)}
    # each engine has handled results, and each executor has sent some; those of 15 do not say it
    telling = ("engine", "executor") if MISTRAL != "15" else ("engine",)
    assert [name for name in SERVERS if name.startswith(telling)
            and "'on_action_complete'" not in lab.servers[name].log.read_text()] == []


@pytest.fixture(scope="module")
def people(lab: DistributedLab, installed: dict[str, str]) -> People:
    return People(lab)


def test_a_member_has_own_servers_recovered_with_the_rights_of_the_service_user(
    lab: DistributedLab, people: People
) -> None:
    """Also as a trust, which a Senlin policy has."""
    administrator, member = people.cloud("lab"), people.cloud("lab-demo")
    trusted = people.trusted_by("lab-demo", "member")
    moved, stays = (boot_for_member(people, name, "compute7") for name in ("moved", "stays"))
    started = [
        trusted.start(MIGRATE, node_id=moved["id"]),
        member.start(INSTANCE, server="stays", process_all_instances=True),
    ]
    assert [member.end_of(one).reason for one in started] == ["MIGRATED", "RECOVERED"]
    administrator.kill("compute7")
    started = [
        member.start(MIGRATE, node_id=stays["id"]),
        member.start("recovery.node.rebuild_with_notice", node_id=moved["id"],
                     notify_url=lab.mistral_url),
    ]
    assert [member.end_of(one).reason for one in started] == ["EVACUATED", "REBUILT"]
    me, service = user_id(member), user_id(people.cloud("recovery"))
    *done, rebuilt = who_acted(administrator, moved)
    assert {user for _, user in [*done, *who_acted(administrator, stays)]} == {service}
    assert rebuilt == ("rebuild", me)  # which images somebody may use, Glance says


def test_who_may_not_have_it_done_is_refused_before_anything_is_touched(
    lab: DistributedLab, people: People
) -> None:
    administrator, member = people.cloud("lab"), people.cloud("lab-demo")
    mine = boot_for_member(people, "mine", "compute8")
    theirs = lab.boot("theirs", "compute8")
    reader = people.new("reader", "demo", "reader")
    elsewhere = people.cloud(lab.add_user("demo", "elsewhere", "member"), project_name="elsewhere")
    on_mine, on_theirs = {"server": mine["id"]}, {"server": theirs["id"]}
    tried = [
        (member, "recovery.host.recover", {"host": "compute8"}, "FORBIDDEN"),
        (member, "recovery.process.recover", {"host": "compute8", "process": "nova-compute"},
         "FORBIDDEN"),
        (people.trusted_by("lab-demo", "member"), "recovery.host.recover", {"host": "compute8"},
         "FORBIDDEN"),
        (people.trusted_by("lab", "member", project_name="demo"), "recovery.host.recover",
         {"host": "compute8"}, "FORBIDDEN"),
        (member, INSTANCE, on_theirs, "UNKNOWN_SERVER"),
        (member, INSTANCE, {"server": "theirs"}, "UNKNOWN_SERVER"),
        (elsewhere, INSTANCE, on_mine, "UNKNOWN_SERVER"),
        (reader, INSTANCE, on_mine, "FORBIDDEN"),
        (member, MIGRATE, {"node_id": theirs["id"]}, "UNKNOWN_SERVER"),
        (member, MIGRATE, {"node_id": mine["id"], "host": "compute9"}, "FORBIDDEN"),
        (member, "recovery.node.prepare", {"node_id": theirs["id"]}, "UNKNOWN_SERVER"),
    ]
    started = [(cloud, cloud.start(name, **given)) for cloud, name, given, _ in tried]
    ended = [cloud.end_of(execution) for cloud, execution in started]
    assert [one.reason for one in ended] == [reason for *_, reason in tried]
    assert "with the role admin or recovery only" in ended[0].state_info
    assert "user demo, project demo, roles member, reader" in ended[0].state_info
    assert_untouched(administrator, "compute8", mine, theirs)


def test_no_workflow_or_request_of_a_members_own_making_gets_more_done(
    lab: DistributedLab, people: People
) -> None:
    administrator, member = people.cloud("lab"), people.cloud("lab-demo")
    colleague = people.cloud("lab", project_name="demo")
    mine = boot_for_member(people, "made", "compute8")
    theirs = lab.boot("not-made", "compute8")
    member.mistral.post("/workbooks", data=BY_HAND, headers={"Content-Type": "text/plain"})
    of_colleague = colleague.start("recovery.host.recover", host="compute8", dry_run=True)
    move = {"migrate": {"host": "compute9"}}
    tried: list[tuple[str, dict[str, Any], str]] = [
        ("evacuate", {"id": theirs["id"], "host": "compute8", "destination": None}, "GONE"),
        ("evacuate", {"id": mine["id"], "host": "compute8", "destination": "compute9"},
         "FORBIDDEN"),
        ("ask", {"id": theirs["id"], "request": {"os-stop": None}}, "GONE"),
        ("ask", {"id": f"{mine['id']}/../{theirs['id']}", "request": {"os-stop": None}},
         "FORBIDDEN"),
        ("ask", {"id": mine["id"], "request": move}, "FORBIDDEN"),
        ("ask", {"id": mine["id"], "request": {"unlock": None}}, "FORBIDDEN"),
        ("ask", {"id": mine["id"], "request": {"createImage": {"name": "x"}}}, "FORBIDDEN"),
        ("isolate", {"host": "compute8"}, "FORBIDDEN"),
        ("stop", {"id": mine["id"]}, "FORBIDDEN"),
        ("lie", {"execution": of_colleague}, "UNAUTHORIZED"),
    ]
    started = [member.start(f"by_hand.{name}", **given) for name, given, _ in tried]
    found = [code_of_step(member, execution) for execution in started]
    assert found == [code for *_, code in tried]

    query = f"workflow_execution_id={of_colleague}&limit=1"
    (task,) = member.mistral.get(f"/tasks?{query}").json()["tasks"]
    claims = [{"root_execution_id": of_colleague}, {"task_execution_id": task["id"]},
              {"root_execution_id": of_colleague, "task_execution_id": task["id"]}]
    for claim in claims:
        body = {"workflow_name": "recovery.host.recover", "params": json.dumps(claim),
                "input": json.dumps({"host": "compute8"})}
        execution = member.mistral.post("/executions", json=body).json()["id"]
        assert member.end_of(execution).reason in ("FORBIDDEN", "CANCELLED")

    by_hand = {"name": "recovery.isolate_host", "params": json.dumps({"run_sync": True}),
               "input": json.dumps({"plan": {"host": "compute8"}})}
    for cloud in (member, administrator):
        answer = cloud.mistral.post("/action_executions", json=by_hand).json()
        assert json.loads(answer["output"])["result"]["code"] == "UNAUTHORIZED"
    assert_untouched(administrator, "compute8", mine, theirs)


def assert_untouched(administrator: Cloud, host: str, *servers: dict[str, Any]) -> None:
    service = administrator.service(host)
    assert (service["status"], service["forced_down"]) == ("enabled", False)
    assert [who_acted(administrator, server) for server in servers] == [[]] * len(servers)


def code_of_step(cloud: Cloud, execution: str) -> str:
    """Return with which code the action of the task `step`, or its server, has ended."""
    cloud.end_of(execution)
    tasks = cloud.mistral.get(f"/tasks?workflow_execution_id={execution}").json()["tasks"]
    (step,) = (one["id"] for one in tasks if one["name"] == "step")
    result = json.loads(cloud.mistral.get(f"/tasks/{step}").json()["result"])
    return str(result.get("code") or result["report"]["details"]["servers"][0]["reason"])


def test_a_recovery_goes_on_when_the_token_of_who_has_only_the_role_recovery_is_revoked(
    lab: DistributedLab, people: People
) -> None:
    administrator, operator = people.cloud("lab"), people.new("operator", "demo", "recovery")
    servers = [lab.boot("long", "compute8")]
    lab.set_faults({"*": {"spawn": {"delay": 2}}})
    administrator.kill("compute8")
    execution = operator.start(host="compute8", concurrency=1)
    wait_for("the first evacuation", lambda: administrator.evacuations("compute8"))
    token = operator.nova.session.get_token()
    administrator.nova.delete(f"{lab.identity_url}/auth/tokens", headers={"X-Subject-Token": token})
    answer = keystoneauth.Session().get(  # which does not get another one
        f"{operator.nova.get_endpoint()}/servers", headers={"X-Auth-Token": token},
        authenticated=False, raise_exc=False)
    assert answer.status_code == 401
    assert_ended(administrator.end_of(execution), "SUCCEEDED", "RECOVERED")
    lab.set_faults({})
    assert_each_moved_once(administrator, "compute8", servers)


@pytest.mark.usefixtures("installed")
def test_a_recovery_whose_executor_is_killed_in_a_call_to_nova_is_ended_by_the_other_one(
    lab: DistributedLab
) -> None:
    """Mistral ends the lost action in the name of nobody; the next try has its caller back."""
    servers = lab.boot_many(3, "compute2", "once")
    cloud = Cloud(lab)
    cloud.kill("compute2")
    lab.kill("executor2")  # then it is the other one that has the action
    lab.set_faults({"*": {"spawn": {"delay": 2}}})
    execution = cloud.start(host="compute2", concurrency=1)
    wait_for("the first evacuation", lambda: cloud.evacuations("compute2"))
    lab.nova.signal(signal.SIGSTOP)
    wait_for("an action hangs in a call to Nova", hangs(cloud))
    lab.start("executor2")
    lab.kill("executor1")
    lab.nova.signal(signal.SIGCONT)
    assert_ended(cloud.end_of(execution), "SUCCEEDED", "RECOVERED")
    assert_each_moved_once(cloud, "compute2", servers)
    assert not any(cloud.server(server)["locked"] for server in servers)


@pytest.mark.usefixtures("installed")
def test_a_lost_action_that_both_engines_end_lets_each_server_be_moved_once(
    lab: DistributedLab
) -> None:
    """They stand still until it is overdue, as after a pause of their machines, and go on."""
    # now and then one of them is done before the other has looked: that proves nothing
    ended_by_both = (recover_while_engines_stand_still(lab, host) for host in HOSTS[2:5])
    assert any(ended_by_both)


def recover_while_engines_stand_still(lab: DistributedLab, host: str) -> set[str]:
    """See that each server is moved once; return the actions that both engines have ended."""
    servers = lab.boot_many(6, host, f"of-{host}")
    cloud = Cloud(lab)
    cloud.kill(host)
    lab.set_faults({"*": {"spawn": {"delay": 2}}})
    execution = cloud.start(host=host, concurrency=2)
    wait_for("the first evacuation", lambda: cloud.evacuations(host))
    lab.nova.signal(signal.SIGSTOP)
    wait_for("an action hangs in a call to Nova", hangs(cloud))
    lab.kill("executor1", "executor2")
    lost = time.monotonic()
    signal_engines(lab, signal.SIGSTOP)
    lab.nova.signal(signal.SIGCONT)
    lab.start("executor1", "executor2")
    wait_for("the action is overdue", lambda: time.monotonic() > lost + 25)
    signal_engines(lab, signal.SIGCONT)
    assert_ended(cloud.end_of(execution), "SUCCEEDED", "RECOVERED")
    assert_each_moved_once(cloud, host, servers)
    assert not any(cloud.server(server)["locked"] for server in servers)
    lab.set_faults({})
    one, other = (
        set(re.findall(r"heartbeat wasn't received: (\S+)", lab.servers[name].log.read_text()))
        for name in ("engine1", "engine2")
    )
    return one & other


@pytest.mark.skipif(MISTRAL == "15", reason="it starts tasks without a message")
@pytest.mark.usefixtures("installed")
def test_what_stands_still_since_rabbitmq_died_with_a_message_goes_on_when_the_keeper_looks(
    lab: DistributedLab
) -> None:
    cloud = Cloud(lab)
    lost = lose_starts(lab, cloud)
    assert lost

    def noted() -> bool:
        """Whoever it was: the cron trigger may look at the same time."""
        openstack(lab, "recovery keeper look --idle 10")
        return all("[looked at again" in cloud.execution(one)["description"] for one in lost)

    wait_for("the keeper has looked at all", noted)
    for one in lost:
        assert_ended(cloud.end_of(one), "SUCCEEDED", "DONE")


@pytest.mark.usefixtures("installed")
def test_a_cron_trigger_lets_the_keeper_look_each_minute(lab: DistributedLab) -> None:
    """Begun by `installed`: it has had its minute when this test comes."""

    def reports() -> list[Any]:
        query = ("/executions?workflow_name=recovery.keeper.look&state=SUCCESS"
                 "&fields=id,description,output")
        looks = Cloud(lab).mistral.get(query).json()["executions"]
        return [json.loads(one["output"])["report"]["state"] for one in looks
                if "cron_trigger" in (one["description"] or "")]

    wait_for("a look by the trigger", reports)


def lose_starts(lab: DistributedLab, cloud: Cloud) -> set[str]:
    """Start workflows whose first task is never started; return their executions.

    RabbitMQ gives each engine half of the messages. One that stands still does not take them, and
    they die with RabbitMQ.
    """
    os.killpg(lab.servers["engine2"].pid or 0, signal.SIGSTOP)
    given = {"plan": None, "action": None, "parameters": {}}
    body = {"workflow_name": "recovery.action.nop", "input": json.dumps(given)}

    def start() -> None:
        with contextlib.suppress(ClientException):  # its engine is killed
            cloud.mistral.post("/executions", json=body)

    for _ in range(8):  # half of them are not even begun
        threading.Thread(target=start, daemon=True).start()

    def idle() -> set[str]:
        found = cloud.mistral.get("/tasks?state=IDLE&name=nop").json()["tasks"]
        return {task["workflow_execution_id"] for task in found}

    seen: list[tuple[float, set[str]]] = []

    def left() -> set[str]:
        """Return the tasks that are IDLE if they are the same as 5 s ago: nobody starts them."""
        seen.append((time.monotonic(), idle()))
        return next((then for at, then in seen if at < seen[-1][0] - 5 and then == seen[-1][1]),
                    set())

    before = wait_for("tasks that nobody starts", left)
    lab.kill("rabbitmq", "engine2")
    lost = before & idle()
    lab.start("rabbitmq", "engine2")
    return lost


def emptied(lab: DistributedLab, host: str) -> None:
    """Delete the servers of other tests that have come to a host."""
    cloud = Cloud(lab)
    delete(cloud, cloud.get(f"/servers/detail?all_tenants=1&host={host}")["servers"])


def assert_each_moved_once(cloud: Cloud, host: str, servers: list[dict[str, Any]]) -> None:
    """Of all on the host: those of other tests may have come there."""
    records = cloud.evacuations(host)
    assert {server["id"] for server in servers} <= records.keys()
    assert set(map(tuple, records.values())) == {("done",)}


def signal_engines(lab: DistributedLab, number: signal.Signals) -> None:
    """Send a signal to both engines, and to what they have forked."""
    for name in ("engine1", "engine2"):
        leader = lab.servers[name].pid
        assert leader is not None
        os.killpg(leader, number)


def hangs(cloud: Cloud) -> Callable[[], bool]:
    """Return what says whether the same action has run at two looks."""
    seen: set[str] = set()

    def look() -> bool:
        running = cloud.mistral.get("/action_executions?state=RUNNING").json()["action_executions"]
        again = seen & {action["id"] for action in running}
        seen.update(action["id"] for action in running)
        return bool(again)

    return look


@pytest.mark.usefixtures("installed")
def test_a_server_that_nova_has_forgotten_is_begun_anew_with_reset_stuck(
    lab: DistributedLab
) -> None:
    """Its destination died: to Nova it is being evacuated, for ever."""
    emptied(lab, "compute6")
    server, cloud = lab.boot("forgotten", "compute6"), Cloud(lab)
    cloud.kill("compute6")
    lab.set_faults({"*": {"spawn": {"delay": 60}}})
    execution = cloud.start(host="compute6", evacuation_timeout=5)
    destination = wait_for("a destination", lambda: destination_of(lab, "compute6"))
    cloud.kill(destination)
    ended = cloud.end_of(execution)
    assert ended.servers["forgotten"]["reason"] == "TIMED_OUT"
    assert "`openstack recovery host compute6 --reset-stuck`" in ended.report["message"]
    lab.set_faults({})
    ended = cloud.recover("compute6", reset_stuck=True, evacuation_timeout=5)
    assert_ended(ended, "SUCCEEDED", "RECOVERED")
    assert cloud.where(server)[1] not in ("compute6", destination)
    assert not cloud.server(server)["locked"]
    assert cloud.done(server).count("evacuate") == 2


def destination_of(lab: DistributedLab, host: str) -> str | None:
    """Return where the first server of a host is being evacuated to, once that is known."""
    records = lab.migrations(host)
    return records[0]["dest_compute"] if records else None
