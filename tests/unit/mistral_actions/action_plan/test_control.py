"""Cancelling and rolling back a plan: what is refused, and that its execution is stopped."""

import sys
import types

import pytest

from mistral_actions.action_plan import control
from mistral_actions.errors import Failed, RecoveryError

PLAN = "2b7e9b1a-0000-4000-8000-000000000001"


def facts(**more):
    return {
        "plan": PLAN,
        "known": True,
        "state": "ONGOING",
        "ended": False,
        "ended_at": None,
        "age": None,
        "busy": [],
        "succeeded": ["migrate_web"],
        "abort_errors": [],
        "older_cancel": None,
        "rolled_back": None,
        "rollback": f"recovery.plan.{PLAN}.rollback",
        **more,
    }


def ended(**more):
    return facts(**{"state": "SUCCEEDED", "ended": True, "age": 60.0, **more})


def refused(action):
    with pytest.raises(RecoveryError) as error:
        action.act_for(None)
    return error.value


@pytest.mark.parametrize(
    ("known", "code", "says"),
    [
        ({"plan": None, "known": False}, "BAD_INPUT", "plan"),
        ({"plan": "plan", "known": False}, "BAD_INPUT", "uuid"),
        ({"plan": PLAN.upper(), "known": False}, "BAD_INPUT", "lower case"),
        ({"plan": PLAN, "known": False}, "UNKNOWN_PLAN", PLAN),
        (ended(), "PLAN_ENDED", "SUCCEEDED"),
        (ended(older_cancel="c1"), "PLAN_ENDED", "SUCCEEDED"),
        (facts(older_cancel="c1"), "CANCEL_RUNNING", "c1"),
    ],
)
def test_what_cannot_be_cancelled_is_refused_with_the_reason(known, code, says):
    error = refused(control.CheckPlanCancel(known))
    assert error.code == code
    assert says in error.message


def test_a_plan_that_runs_can_be_cancelled():
    result = control.CheckPlanCancel(facts()).act_for(None)
    assert result["report"]["reason"] == "NOT_ENDED"


def test_a_cancel_waits_until_no_action_runs_and_names_those_that_do():
    busy = control.CheckPlanStopped(facts(busy=["migrate_web"])).act_for(None)
    assert busy == {"finished": False, "message": "migrate_web has not ended"}
    assert control.CheckPlanStopped(facts()).act_for(None)["finished"] is True


@pytest.fixture
def stopped(monkeypatch):
    """Stand for Mistral's engine: what was stopped."""
    calls = []
    client = types.SimpleNamespace(stop_workflow=lambda *arguments: calls.append(arguments))
    clients = types.SimpleNamespace(get_engine_client=lambda: client)
    monkeypatch.setitem(sys.modules, "mistral.rpc", types.SimpleNamespace(clients=clients))
    monkeypatch.setitem(sys.modules, "mistral", types.SimpleNamespace())
    return calls


def test_the_execution_of_a_cancelled_plan_is_stopped(stopped):
    result = control.StopPlan(facts()).act_for(None)
    assert stopped == [(PLAN, "CANCELLED", "The plan was cancelled.")]
    assert (result["report"]["state"], result["report"]["reason"]) == ("SUCCEEDED", "CANCELLED")


def test_a_plan_is_stopped_although_an_abort_failed_and_the_cancel_fails(stopped):
    errors = [{"task": "migrate_web", "message": "not yours"}]
    with pytest.raises(Failed, match="migrate_web: not yours") as failed:
        control.StopPlan(facts(abort_errors=errors)).act_for(None)
    assert failed.value.code == "ABORT_FAILED"
    assert failed.value.details["abort_errors"] == errors
    assert len(stopped) == 1


@pytest.mark.parametrize(
    ("known", "more", "code"),
    [
        ({"plan": PLAN, "known": False}, {}, "UNKNOWN_PLAN"),
        (facts(), {}, "WRONG_STATE"),
        (facts(state="CANCELLING"), {}, "WRONG_STATE"),
        (ended(age=3601.0), {}, "TOO_OLD"),
        (ended(age=61.0), {"max_age": "60"}, "TOO_OLD"),
        (ended(), {"max_age": "soon"}, "BAD_INPUT"),
        (ended(rolled_back="r1"), {}, "ALREADY_ROLLED_BACK"),
        (
            ended(),
            {"others": [{"id": "r1", "of": PLAN, "decided": True}]},
            "ALREADY_ROLLED_BACK",
        ),
    ],
)
def test_what_cannot_be_rolled_back_is_refused_with_the_reason(known, more, code):
    assert refused(control.CheckPlanRollback(known, **more)).code == code


def test_a_plan_that_ended_within_the_window_is_rolled_back():
    others = [{"id": "r1", "of": "another plan", "decided": True}]
    for age, limit in ((3600.0, None), (60.0, "60"), (10**6, 10**6)):
        action = control.CheckPlanRollback(ended(age=age), limit, others)
        result = action.act_for(None)
        assert result["rollback"] == f"recovery.plan.{PLAN}.rollback"
        assert result["go_on"] is True


def test_of_two_rollbacks_that_begin_at_once_the_undecided_one_waits():
    others = [{"id": "r1", "of": PLAN, "decided": False}]
    result = control.CheckPlanRollback(ended(), None, others).act_for(None)
    assert result["finished"] is False
    assert "rollback" not in result


def test_a_plan_of_which_nothing_succeeded_has_nothing_to_roll_back():
    result = control.CheckPlanRollback(ended(succeeded=[])).act_for(None)
    told = result["report"]
    assert (told["state"], told["reason"]) == ("SKIPPED", "NOTHING_TO_ROLL_BACK")
    assert result["go_on"] is False
