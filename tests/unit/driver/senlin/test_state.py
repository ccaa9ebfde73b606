"""What a request to recover a node means, given what earlier ones left."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driver.senlin.model import POLLING, ChainStep, RecoveryChain
from driver.senlin.state import KEY, STALE, Answer, Request, State, decide

RECOVERY = RecoveryChain((ChainStep("REBUILD"),), attempts=3, backoff=60)
NOW = 10_000_000.0
OLD = State("action-1", "digest", "server-1", saved=NOW - 30)
RUNNING = dataclasses.replace(OLD, step=1, started=True, execution="execution-1")
FAILED = OLD.ended(NOW - 30, "it failed")


def answer(old, now=NOW, recovery=RECOVERY, **changes):
    request = Request("action-2", "digest", "server-1", well=False, by_person=False)
    return decide(old, dataclasses.replace(request, **changes), recovery, now)


def test_a_node_without_a_state_begins():
    decision = answer(None, detail="ERROR: gone")
    assert decision.answer is Answer.BEGIN
    assert decision.state == State("action-2", "digest", "server-1", detail="ERROR: gone")


@pytest.mark.parametrize("by_person", [True, False])
def test_what_a_dead_engine_left_is_resumed_under_the_first_actions_name(by_person):
    decision = answer(RUNNING, by_person=by_person)
    assert decision.answer is Answer.RESUME
    assert (decision.state.action, decision.state.step) == ("action-1", 1)


@pytest.mark.parametrize(
    "changes",
    [{"digest": "other"}, {"server": "server-2"}, {"well": True}, {"now": NOW + STALE}],
)
def test_what_was_left_for_something_else_is_dropped_and_cancelled(changes):
    decision = answer(RUNNING, **changes)
    assert decision.answer is Answer.BEGIN
    assert (decision.state.action, decision.state.step) == ("action-2", 0)
    assert decision.abandoned == "execution-1"


def test_the_health_manager_is_held_back_after_a_failure():
    assert answer(FAILED).answer is Answer.NOT_YET
    assert answer(FAILED).state.asked == NOW
    late = answer(FAILED, now=NOW + 31)
    assert (late.answer, late.state.attempt) == (Answer.BEGIN, 2)


def test_the_pause_doubles_and_ends_at_an_hour():
    assert [RECOVERY.pause(number) for number in (1, 2, 3, 7, 100)] == [60, 120, 240, 3600, 3600]


def test_after_the_last_attempt_the_node_is_left_to_a_person():
    spent = dataclasses.replace(FAILED, attempt=3, asked=NOW + 3000)
    assert answer(spent, now=NOW + 3600).answer is Answer.NO_MORE


@pytest.mark.parametrize("changes", [{"by_person": True}, {"digest": "other"}, {"well": True}])
def test_attempts_count_anew(changes):
    spent = dataclasses.replace(FAILED, attempt=3)
    decision = answer(spent, **changes)
    assert (decision.answer, decision.state.attempt) == (Answer.BEGIN, 1)


def test_a_node_that_nobody_asked_for_in_a_long_time_was_well_meanwhile():
    spent = dataclasses.replace(FAILED, attempt=3)
    assert answer(spent, now=NOW + RECOVERY.quiet).state.attempt == 1


def test_a_clock_that_went_back_holds_nobody_up():
    assert answer(FAILED, now=NOW - 1000).answer is Answer.BEGIN


texts = st.text(max_size=8)
states = st.builds(
    State,
    texts,
    texts,
    texts,
    attempt=st.integers(1, 9),
    step=st.integers(0, 9),
    started=st.booleans(),
    began=st.floats(0, 1e10),
    notes=st.lists(texts, max_size=3).map(tuple),
    running=st.booleans(),
)


@settings(print_blob=True, deadline=None)
@given(states)
def test_a_state_survives_the_database(state):
    data = json.loads(json.dumps({KEY: state.written(5.0), "other": 1}))
    assert State.read(data) == dataclasses.replace(state, saved=5.0)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {KEY: None},
        {KEY: {}},
        {KEY: {"action": 1}},
        {KEY: {**OLD.written(1.0), "step": "x"}},
    ],
)
def test_a_state_that_cannot_be_understood_is_none(data):
    assert State.read(data) is None


def test_executions_of_other_steps_and_actions_have_other_ids():
    ids = {
        dataclasses.replace(OLD, action=action, step=step).begun(node, 0.0, True).execution
        for action in "ab"
        for step in (0, 1)
        for node in "xy"
    }
    assert len(ids) == 8


@pytest.mark.parametrize(
    ("detection", "all_failed", "active", "again"),
    [
        ((POLLING,), False, False, True),
        ((POLLING,), False, True, False),
        (("NODE_STATUS_POLL_URL",), False, False, False),
        ((POLLING, "NODE_STATUS_POLL_URL"), False, False, True),
        ((POLLING, "NODE_STATUS_POLL_URL"), True, False, False),
        (("HYPERVISOR_STATUS_POLLING",), False, True, True),
    ],
)
def test_whether_the_health_manager_asks_again_follows_from_its_detection(
    detection, all_failed, active, again
):
    recovery = RecoveryChain((), detection=detection, all_failed=all_failed)
    assert recovery.asks_again(active) is again
