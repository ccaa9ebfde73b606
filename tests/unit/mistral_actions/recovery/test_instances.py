"""The actions about a failed server: what they leave alone, and that they stop it once."""

import json
import re

import pytest

from mistral_actions.engine import reports
from mistral_actions.errors import BadInput, Failed, Forbidden, Refused
from mistral_actions.recovery import instance_steps, instances
from tests.unit.mistral_actions.fake_executions import CONTEXT, FakeExecution
from tests.unit.mistral_actions.fake_nova import FakeNova, Killed

HOST = "compute2"
HA = {"HA_Enabled": "True"}
STEPS = (
    instance_steps.StopServer,
    instance_steps.StartServer,
    instance_steps.CheckServerActive,
)


def add(nova, name="web", vm_state="active", **more):
    return nova.add(name, HOST, vm_state, **{"metadata": HA, "host_status": "UP", **more})


def other(execution_id, of):
    return {"id": execution_id, "of": of, "decided": True}


def planned(nova, server="web", dry_run=None, running=(), settings=None, **options):
    action = instances.PlanInstanceRecovery(server, dry_run, options, settings, list(running))
    return json.loads(json.dumps(action.act(nova)))


def written(nova):
    return [arguments[2] for name, arguments in nova.calls if name == "act"]


def poll(nova, step, plan, most=20):
    """Run a step as its task does: again, a second later, until it has finished."""
    for _ in range(most):
        result = step(plan).act(nova)
        assert json.loads(json.dumps(result)) == result
        if result["finished"]:
            return result
        nova.advance(1)
    return result


def recover(nova, plan):
    """Run all steps; return the report of the last one."""
    for step in STEPS:
        result = poll(nova, step, plan)
        assert result["finished"], result
    return result["report"]


# ---- the plan


@pytest.mark.parametrize("given", ["web", '"web"', " web ", "id", "ID"])
def test_a_server_is_found_by_name_and_by_id(nova, given):
    server = add(nova)
    plan = planned(nova, {"id": server["id"], "ID": server["id"].upper()}.get(given, given))
    assert plan["server"] == {"id": server["id"], "name": "web", "host": HOST, "was": "active"}
    assert plan["go_on"] is True
    assert plan["report"]["reason"] == "NOT_ENDED"
    assert written(nova) == []


def test_a_name_that_looks_like_an_id_is_found(nova):
    server = add(nova, name="00000000-0000-0000-0000-000000000000")
    assert planned(nova, server["name"])["server"]["id"] == server["id"]


@pytest.mark.parametrize(
    "name",
    ['"web"', "'web'", "None", "null", "123", "-web", "true", "a b=c", "w\u00e9b \U0001f680"],
)
def test_a_name_that_exists_as_it_stands_is_meant_as_it_stands(nova, name):
    for other in ("web", "123 ", name):
        add(nova, name=other)
    assert planned(nova, name)["server"]["name"] == name


def test_a_number_is_the_name_that_somebody_typed(nova):
    server = add(nova, name="123")
    assert planned(nova, 123)["server"]["id"] == server["id"]


@pytest.mark.parametrize("given", ["None", "null", '"None"'])
def test_the_word_for_nothing_given_is_said_to_be_one_if_no_server_is_called_so(nova, given):
    add(nova)
    with pytest.raises(BadInput, match="Some clients write this where nothing was given") as no:
        planned(nova, given)
    assert no.value.code == "UNKNOWN_SERVER"


@pytest.mark.parametrize(("name", "of"), [('"web"', "web"), ("None", "None"), ("123", "123")])
def test_a_server_with_an_odd_name_is_not_recovered_twice_at_once(nova, name, of):
    add(nova, name=name)
    with pytest.raises(Refused) as no:
        planned(nova, name, running=[other("e1", of)])
    assert no.value.code == "RECOVERY_RUNNING"


def test_an_ambiguous_name_is_refused_with_the_candidates(nova):
    servers = [add(nova), {**add(nova, name="other"), "name": "web"}]
    nova.all[servers[1]["id"]]["name"] = "web"
    with pytest.raises(BadInput, match="2 servers are called 'web', give the id of one: ") as no:
        planned(nova)
    assert no.value.code == "AMBIGUOUS_SERVER"
    assert all(server["id"] in no.value.message for server in servers)
    assert "project customer, active, on compute2" in no.value.message


def test_of_many_candidates_five_are_named(nova):
    for number in range(7):
        nova.all[add(nova, name=f"n{number}")["id"]]["name"] = "web"
    with pytest.raises(BadInput, match="; and 2 more") as no:
        planned(nova)
    assert no.value.message.count("project") == 5


@pytest.mark.parametrize(
    ("server", "options", "code", "says"),
    [
        ("nobody", {}, "UNKNOWN_SERVER", "Nova has no server 'nobody'"),
        ("00000000-0000-0000-0000-000000000000", {}, "UNKNOWN_SERVER", "openstack server list"),
        (None, {}, "BAD_INPUT", "must be the name or the id of a server"),
        ('""', {}, "BAD_INPUT", "'server' is missing"),
        (["web"], {}, "BAD_INPUT", "'server' is"),
        ("web", {"dry_run": "perhaps"}, "BAD_INPUT", "'dry_run' is 'perhaps'"),
        ("web", {"stop_timeout": "0"}, "BAD_INPUT", "from 1 to 86400"),
        ("web", {"start_timeout": "soon"}, "BAD_INPUT", "'start_timeout' is 'soon'"),
        ("web", {"process_all_instances": 7}, "BAD_INPUT", "true or false"),
        ("web", {"settings": {"stop_timeout": -1}}, "BAD_INPUT", "environment 'recovery'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_write(nova, server, options, code, says):
    add(nova)
    with pytest.raises(BadInput, match=says) as refused:
        planned(nova, server, **options)
    assert refused.value.code == code
    assert written(nova) == []


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("paused", "PAUSED"),
        ("rescued", "RESCUED"),
        ("suspended", "SUSPENDED"),
        ("shelved", "SHELVED"),
        ("shelved_offloaded", "SHELVED"),
        ("building", "BUILDING"),
        ("soft-delete", "DELETED"),
    ],
)
def test_a_server_whose_state_is_meant_is_left_alone(nova, state, code):
    add(nova, vm_state=state)
    plan = planned(nova, process_all_instances=True)
    told = plan["report"]
    assert plan["go_on"] is False
    assert (told["state"], told["reason"]) == ("SKIPPED", code)
    assert told["message"].startswith("web is left alone: it is ")
    (line,) = told["details"]["servers"]
    assert (line["state"], line["reason"], line["was"]) == ("SKIPPED", code, state)


def test_a_server_that_is_being_deleted_is_left_alone(nova):
    add(nova, task="deleting")
    assert planned(nova)["report"]["reason"] == "DELETED"


@pytest.mark.parametrize(
    ("metadata", "options", "reason"),
    [
        ({}, {}, "NOT_HA"),
        ({"HA_Enabled": "False"}, {}, "NOT_HA"),
        ({"HA_Enabled": "true"}, {}, "NOT_ENDED"),
        ({}, {"process_all_instances": '"True"'}, "NOT_ENDED"),
        ({}, {"settings": {"process_all_instances": True}}, "NOT_ENDED"),
        ({"mine": "1"}, {"ha_metadata_key": "mine"}, "NOT_ENDED"),
        (HA, {"ha_metadata_key": "mine"}, "NOT_HA"),
    ],
)
def test_only_servers_with_the_key_are_recovered_unless_all_are(nova, metadata, options, reason):
    add(nova, metadata=metadata)
    told = planned(nova, **options)["report"]
    assert told["reason"] == reason
    assert told["state"] == ("SKIPPED" if reason == "NOT_HA" else "FAILED")


def test_a_server_whose_key_has_another_word_is_left_alone_and_the_word_is_told(nova):
    add(nova, metadata={"HA_Enabled": "enabled"})
    told = planned(nova)["report"]
    assert told["reason"] == "NOT_HA"
    assert "it has no metadata HA_Enabled=True, but 'enabled'" in told["message"]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("active", "Would stop and start web on compute2."),
        ("error", "Would stop and start web on compute2."),
        ("stopped", "Would start web on compute2."),
        ("resized", "Would reset to active .*, stop and start web"),
    ],
)
def test_a_dry_run_says_what_would_be_done(nova, state, says):
    add(nova, vm_state=state)
    plan = planned(nova, dry_run='"True"', running=[other("e7", "web")])
    assert plan["go_on"] is False
    assert plan["report"]["reason"] == "DRY_RUN"
    assert planned(nova, dry_run=True)["report"] == plan["report"]
    assert re.search(says, plan["report"]["message"])
    assert written(nova) == []


@pytest.mark.parametrize("status", ["DOWN", "UNKNOWN", "MAINTENANCE"])
def test_a_server_on_a_dead_host_is_left_to_the_recovery_of_the_host(nova, status):
    nova.add("web", "compute1", metadata=HA, host_status=status)
    with pytest.raises(Refused, match="openstack recovery host compute1") as refused:
        planned(nova)
    assert refused.value.code == "HOST_DOWN"


def test_a_disabled_host_that_is_up_is_no_obstacle(nova):
    add(nova, host_status="MAINTENANCE")
    assert planned(nova)["go_on"] is True


def test_its_owner_who_is_not_shown_the_host_can_recover_it(nova):
    server = add(nova)
    del server["OS-EXT-SRV-ATTR:host"], server["host_status"]
    plan = planned(nova, server["id"])
    assert plan["server"]["host"] is None
    assert recover(nova, plan)["reason"] == "RECOVERED"


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_second_recovery_of_a_server_is_refused_however_it_was_named(nova, by):
    server = add(nova)
    with pytest.raises(Refused, match="by execution e7") as refused:
        planned(nova, running=[other("e6", "x"), other("e7", server[by])])
    assert refused.value.code == "RECOVERY_RUNNING"
    assert planned(nova, running=[other("e7", "other")])["go_on"] is True


def test_a_server_that_a_host_recovery_has_locked_is_refused(nova):
    add(nova, lock="Recovery of host compute1")
    with pytest.raises(Refused, match="'Recovery of host compute1'") as refused:
        planned(nova)
    assert refused.value.code == "RECOVERY_RUNNING"


# ---- the steps


@pytest.mark.parametrize("state", ["active", "error"])
def test_a_server_is_stopped_and_started(nova, state):
    server = add(nova, vm_state=state)
    plan = planned(nova)
    told = recover(nova, plan)
    assert written(nova) == [{"os-stop": None}, {"os-start": None}]
    assert (told["state"], told["reason"]) == ("SUCCEEDED", "RECOVERED")
    assert told["message"] == "web was restarted and is active."
    (line,) = told["details"]["servers"]
    assert (line["state"], line["reason"], line["was"]) == ("RECOVERED", "RESTARTED", state)
    assert (line["from"], line["to"]) == (HOST, HOST)
    assert told["details"]["server"] == server["id"]


def test_a_server_that_is_stopped_already_is_only_started(nova):
    add(nova, vm_state="stopped")
    told = recover(nova, planned(nova))
    assert written(nova) == [{"os-start": None}]
    assert told["details"]["servers"][0]["reason"] == "STARTED"


def test_a_resized_server_is_reset_to_active_first(nova):
    add(nova, vm_state="resized")
    recover(nova, planned(nova))
    reset, *rest = written(nova)
    assert reset == {"os-resetState": {"state": "active"}}
    assert rest == [{"os-stop": None}, {"os-start": None}]


def test_a_server_that_nova_is_busy_with_is_stopped_when_that_has_ended(nova):
    server = add(nova, task="rebooting")
    plan = planned(nova)
    result = instance_steps.StopServer(plan).act(nova)
    assert result["finished"] is False
    assert result["message"] == "Nova shows web active, rebooting"
    assert result["report"]["reason"] == "TIMED_OUT"
    assert "not stopped in time: Nova shows web active, rebooting" in result["report"]["message"]
    server["OS-EXT-STS:task_state"] = None
    assert recover(nova, plan)["reason"] == "RECOVERED"


def test_a_poll_that_was_the_last_one_is_the_report_of_the_workflow(nova, monkeypatch):
    add(nova, task="rebooting")
    plan = planned(nova)
    result = instance_steps.StopServer(plan).act(nova)
    execution = FakeExecution(plan["report"], [{"result": result, "state": "ERROR"}])
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: execution)
    assert reports.ending(CONTEXT) == result["report"]
    assert result["report"]["reason"] == "TIMED_OUT"


def test_a_conflict_is_looked_at_again(nova):
    server = add(nova)
    plan = planned(nova)

    def somebody_reboots(name, _):
        if name == "act":
            server["OS-EXT-STS:task_state"] = "rebooting"

    nova.hook = somebody_reboots
    assert instance_steps.StopServer(plan).act(nova)["finished"] is False
    server.update({"OS-EXT-STS:vm_state": "stopped", "OS-EXT-STS:task_state": None})
    assert instance_steps.StartServer(plan).act(nova)["finished"] is False
    assert nova.done == []


def test_a_look_that_took_long_is_repeated_before_anything_is_done(nova, monkeypatch):
    add(nova)
    plan = planned(nova)
    clock = iter([0, 6, 6, 7])
    monkeypatch.setattr(instance_steps.time, "monotonic", lambda: next(clock))
    assert instance_steps.StopServer(plan).act(nova)["finished"] is False
    assert written(nova) == []
    assert instance_steps.StopServer(plan).act(nova)["finished"] is False
    assert written(nova) == [{"os-stop": None}]


def test_a_stop_that_nova_gives_up_is_a_failure_and_the_server_is_not_started(nova):
    add(nova)
    nova.power_fails = {"stopped"}
    plan = planned(nova)
    with pytest.raises(Failed, match="Nova could not stop web: it is active") as failed:
        poll(nova, instance_steps.StopServer, plan)
    assert failed.value.code == "STOP_FAILED"
    (line,) = failed.value.details["servers"]
    assert (line["state"], line["reason"]) == ("FAILED", "STOP_FAILED")


def test_a_start_that_nova_gives_up_is_a_failure(nova):
    add(nova)
    nova.power_fails = {"active"}
    plan = planned(nova)
    with pytest.raises(Failed, match="Nova could not start web: it is stopped") as failed:
        recover(nova, plan)
    assert failed.value.code == "START_FAILED"
    assert "openstack server event list" in failed.value.message


def test_a_server_in_a_state_that_cannot_be_started_is_a_failure(nova):
    server = add(nova)
    plan = planned(nova)
    server["OS-EXT-STS:vm_state"] = "error"
    with pytest.raises(Failed, match="cannot be started: it is error"):
        instance_steps.StartServer(plan).act(nova)


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_is_paused_or_deleted_meanwhile_ends_the_recovery(nova, step):
    server = add(nova)
    plan = planned(nova)
    server["OS-EXT-STS:vm_state"] = "paused"
    with pytest.raises(Refused, match="has stopped: meanwhile it is paused") as paused:
        step(plan).act(nova)
    assert paused.value.code == "PAUSED"
    del nova.all[server["id"]]
    with pytest.raises(Refused, match="web was deleted meanwhile") as deleted:
        step(plan).act(nova)
    assert deleted.value.code == "DELETED"
    assert written(nova) == []


def test_a_missing_right_is_not_hidden(nova):
    add(nova)
    plan = planned(nova)

    def forbid(name, _):
        if name == "act":
            raise Forbidden("Policy doesn't allow os_compute_api:servers:stop")

    nova.hook = forbid
    with pytest.raises(Forbidden):
        instance_steps.StopServer(plan).act(nova)


# ---- run again


def test_a_stop_that_runs_again_after_the_server_was_started_does_nothing(nova):
    """The process of an earlier try was taken for dead, and its successor is long through."""
    add(nova)
    plan = planned(nova)
    recover(nova, plan)
    assert instance_steps.StopServer(plan).act(nova)["finished"] is True
    assert instance_steps.StartServer(plan).act(nova)["finished"] is True
    assert len(nova.done) == 2


def test_a_server_that_was_stopped_before_the_plan_can_be_stopped_again(nova):
    add(nova)
    recover(nova, planned(nova))
    recover(nova, planned(nova))
    assert [action for _, action, _time in nova.done] == ["stop", "start"] * 2


def test_a_server_that_its_user_has_started_meanwhile_is_not_stopped(nova):
    server = add(nova, vm_state="stopped")
    plan = planned(nova)
    nova.act(server["id"], "its user starts it", {"os-start": None})
    nova.advance(2)
    assert recover(nova, plan)["reason"] == "RECOVERED"
    assert [action for _, action, _time in nova.done] == ["start"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("state", ["active", "stopped", "resized", "error"])
def test_killed_at_any_call_and_run_again_it_is_stopped_and_started_once(when, state):
    """A step dies at the n-th call to Nova, before or after Nova has done it, and runs again."""
    for deadly in range(1, 40):
        nova = FakeNova()
        add(nova, vm_state=state)
        left = [deadly]

        def die(name, arguments, left=left):
            left[0] -= 1
            if left[0] == 0:
                raise Killed

        setattr(nova, "hook" if when == "before" else "afterwards", die)
        plan = until_it_lives(nova, planned)
        for step in STEPS:
            result = until_it_lives(nova, poll, step, plan)
        assert result["report"]["reason"] == "RECOVERED"
        stops = ["stop"] if state != "stopped" else []
        assert [action for _, action, _time in nova.done] == [*stops, "start"]
        if left[0] > 0:
            return
    raise AssertionError("the recovery has more calls than were tried")


def until_it_lives(nova, run, *arguments):
    try:
        return run(nova, *arguments)
    except Killed:
        nova.advance(1)
        return run(nova, *arguments)
