"""The actions about a failed nova-compute: what is left alone, and how it is disabled."""

import json

import pytest

from mistral_actions.engine import reports
from mistral_actions.errors import BadInput, Refused, Unavailable
from mistral_actions.recovery import hosts, processes
from tests.unit.mistral_actions.fake_executions import CONTEXT, FakeExecution

HOST = "compute2"


def planned(nova, host=HOST, process=None, dry_run=None, settings=None, **options):
    action = processes.PlanProcessRecovery(host, process, dry_run, options, settings)
    return json.loads(json.dumps(action.act(nova)))


def written(nova):
    return [arguments for name, arguments in nova.calls if name in ("act", "update_service")]


@pytest.mark.parametrize(
    "process", [None, "nova-compute", "Nova-Compute", '"nova-compute"', '"None"']
)
def test_a_failed_nova_compute_is_disabled_with_the_reason(nova, process):
    plan = planned(nova, process=process, disable_reason="it leaks")
    assert plan["report"]["reason"] == "NOT_ENDED"
    assert processes.CheckHostDisabled(plan).act(nova)["finished"] is False
    for _ in range(2):
        hosts.DisableHost(plan).act(nova)
    result = processes.CheckHostDisabled(plan).act(nova)
    assert result["finished"] is True
    assert (result["report"]["state"], result["report"]["reason"]) == ("SUCCEEDED", "RECOVERED")
    assert f"service set --enable {HOST} nova-compute" in result["report"]["message"]
    service = nova.services[HOST]
    assert (service["status"], service["disabled_reason"]) == ("disabled", "it leaks")
    assert service["forced_down"] is False


def test_another_process_is_left_alone_and_nova_is_not_asked(nova):
    plan = planned(nova, host="controller1", process="libvirtd")
    assert plan["go_on"] is False
    told = plan["report"]
    assert (told["state"], told["reason"]) == ("SKIPPED", "NOT_NOVA_COMPUTE")
    assert "libvirtd on controller1 is left alone" in told["message"]
    assert nova.calls == []


@pytest.mark.parametrize(("reason", "says"), [("repair", "repair"), (None, "none was given")])
def test_a_service_that_is_disabled_already_keeps_its_reason(nova, reason, says):
    nova.services[HOST].update(status="disabled", disabled_reason=reason)
    plan = planned(nova)
    assert plan["go_on"] is False
    assert (plan["report"]["state"], plan["report"]["reason"]) == ("SKIPPED", "ALREADY_DISABLED")
    assert plan["report"]["message"].endswith(f"reason: {says}")
    assert written(nova) == []


def test_a_dry_run_only_looks(nova):
    plan = planned(nova, dry_run='"True"')
    assert plan["go_on"] is False
    assert plan["report"]["reason"] == "DRY_RUN"
    assert plan["report"]["message"].endswith("which Nova shows up.")
    assert written(nova) == []


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ({"host": "compute9"}, "UNKNOWN_HOST", "did you mean 'compute"),
        ({"host": None}, "BAD_INPUT", "'host' is missing"),
        ({"process": 7}, "BAD_INPUT", "Input 'process' is '7'"),
        ({"dry_run": "perhaps"}, "BAD_INPUT", "Input 'dry_run' is 'perhaps'"),
        ({"disable_timeout": "0"}, "BAD_INPUT", "from 1 to 86400"),
        ({"settings": {"disable_reason": 1}}, "BAD_INPUT", "environment 'recovery'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_write(nova, options, code, says):
    with pytest.raises((BadInput, Refused), match=says) as refused:
        planned(nova, **options)
    assert refused.value.code == code
    assert written(nova) == []


def test_a_poll_that_was_the_last_one_is_the_report_of_the_workflow(nova, monkeypatch):
    plan = planned(nova)
    result = processes.CheckHostDisabled(plan).act(nova)
    execution = FakeExecution(plan["report"], [{"result": result, "state": "ERROR"}])
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: execution)
    assert reports.ending(CONTEXT) == result["report"]
    assert result["report"]["reason"] == "TIMED_OUT"


@pytest.mark.parametrize("arrived", [True, False])
def test_an_answer_that_waits_for_the_dead_process_is_not_waited_for(nova, arrived):
    plan = planned(nova)

    def no_answer(name, _):
        if name == "update_service":
            raise Unavailable("no answer within 10 s")

    setattr(nova, "afterwards" if arrived else "hook", no_answer)
    if arrived:
        hosts.DisableHost(plan).act(nova)
    else:
        with pytest.raises(Unavailable):
            hosts.DisableHost(plan).act(nova)
    assert nova.services[HOST]["status"] == ("disabled" if arrived else "enabled")
