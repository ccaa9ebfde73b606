"""nop and sleep, and what all checks of actions have in common."""

import datetime

import pytest

from mistral_actions.action_plan import idle
from mistral_actions.errors import BadInput


def ago(seconds):
    """Return a time as YAQL's `execution().created_at` gives it."""
    time = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    return f"{time:%Y-%m-%d %H:%M:%S}"


def sleep(duration, passed, **more):
    return idle.Sleep("a1", ago(passed), {"duration": duration}, **more).act_for(None)


@pytest.mark.parametrize("duration", [0, 5, 5.5, "5", '"5"'])
def test_a_sleep_ends_when_its_time_has_passed(duration):
    result = sleep(duration, 10)
    assert "finished" not in result
    assert result["report"]["state"] == "SUCCEEDED"


def test_a_sleep_goes_on_until_then_whatever_process_looks():
    result = sleep(100, 10)
    assert result["finished"] is False
    assert result["report"]["reason"] == "NOT_ENDED"
    assert "of 100 s have passed" in result["message"]


def test_a_sleep_of_a_cancelled_plan_ends_at_once():
    result = sleep(100, 10, cancelled=True)
    assert "finished" not in result
    assert result["report"]["state"] == "CANCELLED"


@pytest.mark.parametrize("duration", [-1, 86401, "long", True, [5], float("nan")])
def test_a_duration_that_is_none_is_refused(duration):
    with pytest.raises(BadInput, match="seconds, from 0 to 86400") as refused:
        sleep(duration, 0)
    assert refused.value.details["type"] == "sleep"


def test_a_nop_says_its_message():
    result = idle.Nop("a1", {"message": "<% hello %>"}).act_for(None)
    assert result["report"]["message"] == "<% hello %>"
    assert result["report"]["state"] == "SUCCEEDED"
    assert idle.Nop("a1", {}).act_for(None)["report"]["state"] == "SUCCEEDED"
