"""Two engines let a task try again whose action was lost: it goes on once."""

import itertools

import pytest

from mistral_actions.base import RecoveryAction
from tests.unit.mistral_actions.fake_nova import FakeNova
from tests.unit.mistral_actions.recovering import plan_of

EVACUATE = "evacuate_instances_task"


@pytest.fixture
def engines(mistral, monkeypatch):
    """Return a function that makes a Mistral with two engines."""
    # not at the top: it loads Mistral, and the filters of conftest.py do not hold yet
    from tests.workbooks.two_engines import TwoEngines

    return lambda apart: TwoEngines(mistral, monkeypatch, apart)


@pytest.fixture
def recover(mistral, engines, monkeypatch):
    """Recover a host; a run of a task is lost, and two engines see that, one after the other."""
    from tests.workbooks.two_engines import LOST

    def run(apart, task=EVACUATE, which=1, beside=False):
        nova, both = FakeNova(), engines(apart)
        for number in range(4):
            nova.add(f"web{number}")
        plan = plan_of(nova, evacuate_all=True, concurrency=2)
        began, start, counted = both.agenda.time, nova.now, itertools.count(1)

        def before_a_call(name, arguments):
            if name == "act" and "evacuate" in arguments[2]:
                both.pass_time(2)  # the request is under way
            passed = both.agenda.time - began
            nova.advance((passed - (nova.now - start)).total_seconds())

        def result_of(name, *_):
            if name == task and next(counted) == which:
                return LOST
            if name == EVACUATE and beside:
                leave_results_beside()
            return None if name == EVACUATE else {"data": {"finished": True}}

        nova.hook = before_a_call
        monkeypatch.setattr("mistral_actions.base.nova_of", lambda _: nova)
        inputs = {"plan": plan, "report": plan["report"]}
        done = mistral.run("recovery.methods.host_auto_failure", inputs, result_of)
        assert done.stopped is None
        return nova, done

    return run


def leave_results_beside():
    """Accept all polls that were rejected, as an engine does that is late with one."""
    from mistral.db.v2 import api

    with api.transaction():
        for one in api.get_action_executions(name="recovery.evacuate_servers", state="SUCCESS"):
            one.accepted = True


def all_moved_once(nova, done):
    assert set(nova.counted("evacuate").values()) == {1}
    assert nova.beside_running == []
    told = done.output["report"]
    assert (done.state, told["state"], told["reason"]) == ("SUCCESS", "SUCCEEDED", "RECOVERED")
    assert [line["state"] for line in told["details"]["servers"]] == ["MOVED"] * 4
    return True


# The next try waits for a second, and its pass for two more: the second engine is there before the
# next try, in the middle of its pass, and behind it.
@pytest.mark.parametrize(("apart", "which"), [(0.3, 1), (1.5, 2), (4, 1)])
def test_servers_are_evacuated_once_although_two_engines_end_a_lost_pass(recover, apart, which):
    assert all_moved_once(*recover(apart, which=which))


def test_a_pass_that_is_not_alone_would_ruin_servers(recover, monkeypatch):
    """So the test above can fail."""
    monkeypatch.setattr("mistral_actions.recovery.evacuation.EvacuateServers.run", run_anyway)
    nova, _ = recover(1.5, which=2)
    assert nova.beside_running != []


def run_anyway(action, context):
    action.alone = True
    return RecoveryAction.run(action, context)


@pytest.mark.parametrize("apart", [0.3, 1.5])
def test_what_follows_a_task_is_run_once_although_two_engines_end_its_lost_action(recover, apart):
    nova, done = recover(apart, task="prepare_HA_enabled_instances_task")
    assert done.tasks.count(EVACUATE) == 1
    assert all_moved_once(nova, done)


def test_results_that_stay_beside_each_other_are_read(recover):
    assert all_moved_once(*recover(0.3, beside=True))
