"""What a chain does, step by step, and what its end says."""

import pytest

from driver.senlin import chain
from driver.senlin.model import (
    CONTINUE,
    FAIL,
    REBUILD,
    RECREATE,
    WORKFLOW,
    ChainStep,
    RecoveryChain,
)
from driver.senlin.state import Answer
from tests.unit.driver.senlin.fake_adapter import FakeAdapter, decided, stopped


def workflow(name, **more):
    return ChainStep(WORKFLOW, workflow=name, **more)


def run(adapter, *steps, action="action-1"):
    decision = decided(adapter, RecoveryChain(steps), action)
    assert decision.answer in (Answer.BEGIN, Answer.RESUME)
    return chain.run(steps, decision.state, adapter)


def test_the_steps_are_done_in_their_order():
    adapter = FakeAdapter()
    outcome = run(adapter, workflow("before"), ChainStep(REBUILD), workflow("after"))
    assert outcome.failure == ""
    assert outcome.state.notes == ("1 WORKFLOW before", "2 REBUILD", "3 WORKFLOW after")
    assert [step for _, step, _ in adapter.posts] == [0, 2]
    assert adapter.nova == [(REBUILD, "server-1")]


def test_recreate_gives_the_following_steps_the_new_server():
    adapter = FakeAdapter()
    outcome = run(adapter, ChainStep(RECREATE), workflow("after"))
    assert outcome.state.server == adapter.server == "server-2"


@pytest.mark.parametrize("end", ["ERROR", "CANCELLED"])
def test_an_execution_that_failed_ends_the_chain(end):
    adapter = FakeAdapter(ends={"before": end})
    outcome = run(adapter, workflow("before"), ChainStep(REBUILD))
    assert f"step 1 of 2, WORKFLOW before: execution {adapter.posts[0][2]} ended {end}" in (
        outcome.failure
    )
    assert adapter.nova == []


def test_what_mistral_says_of_the_failure_is_told():
    outcome = run(FakeAdapter(ends={"before": "ERROR"}), workflow("before"))
    assert outcome.failure.endswith("ended ERROR: it broke")


def test_on_error_continue_goes_on_and_says_so():
    adapter = FakeAdapter(ends={"before": "ERROR"})
    outcome = run(adapter, workflow("before", on_error=CONTINUE), ChainStep(REBUILD))
    assert outcome.failure == ""
    assert "failed" in outcome.state.notes[0]
    assert "on_error" in outcome.state.notes[0]
    assert adapter.nova == [(REBUILD, "server-1")]


def test_a_workflow_that_is_not_there_ends_the_chain():
    outcome = run(FakeAdapter(), workflow("missing"), ChainStep(REBUILD))
    assert "workflow missing does not exist in Mistral" in outcome.failure


def test_a_paused_execution_is_waited_for_until_the_timeout():
    adapter = FakeAdapter(ends={"asks": "PAUSED"})
    outcome = run(adapter, workflow("asks", timeout=100))
    assert "was PAUSED when the step's timeout of 100 s was over" in outcome.failure
    assert any("waiting for someone to resume" in text for text in adapter.texts)
    assert adapter.cancelled == [adapter.posts[0][2]]
    assert 100 < adapter.clock - 1000 < 120


def test_a_paused_execution_is_cancelled_if_the_policy_says_fail():
    adapter = FakeAdapter(ends={"asks": "PAUSED"})
    outcome = run(adapter, workflow("asks", on_paused=FAIL))
    assert "on_paused" in outcome.failure
    assert adapter.cancelled == [adapter.posts[0][2]]


def test_an_execution_that_was_deleted_ends_the_chain():
    adapter = FakeAdapter(looks=100)
    adapter.sleep = lambda seconds: adapter.executions.clear()
    outcome = run(adapter, workflow("before"))
    assert "was deleted in Mistral" in outcome.failure
    assert len(adapter.posts) == 1


def test_mistral_may_be_away_for_a_while():
    adapter = FakeAdapter()
    adapter.away = 5
    assert run(adapter, workflow("before")).failure == ""
    assert any("Mistral does not answer" in text for text in adapter.texts)


def test_mistral_away_for_the_whole_step_ends_the_chain():
    adapter = FakeAdapter()
    adapter.away = 10**6
    outcome = run(adapter, workflow("before", timeout=60))
    assert "could not be followed (Mistral does not answer)" in outcome.failure


def test_an_answer_that_was_lost_starts_no_second_execution():
    adapter = FakeAdapter()
    adapter.lose_answer = True
    assert run(adapter, workflow("before")).failure == ""
    assert len(adapter.posts) == 2
    assert len(adapter.executions) == 1


def test_a_cancelled_action_cancels_the_execution():
    adapter = FakeAdapter(looks=100)
    adapter.sleep = lambda seconds: setattr(adapter, "stop", stopped())
    outcome = run(adapter, workflow("before", on_error=CONTINUE), ChainStep(REBUILD))
    assert outcome.write
    assert "stopped, the Senlin action was cancelled; execution" in outcome.failure
    assert adapter.cancelled == [adapter.posts[0][2]]
    assert adapter.nova == []


def test_a_node_that_is_gone_is_not_written_to_but_its_execution_is_cancelled():
    adapter = FakeAdapter(looks=100)
    adapter.sleep = lambda seconds: setattr(adapter, "stop", stopped(write=False))
    outcome = run(adapter, workflow("before"))
    assert not outcome.write
    assert adapter.cancelled == [adapter.posts[0][2]]


def test_an_engine_that_lost_its_action_leaves_the_execution_to_the_next():
    adapter = FakeAdapter(looks=100)
    adapter.sleep = lambda seconds: setattr(adapter, "stop", stopped(write=False, cancel=False))
    outcome = run(adapter, workflow("before"))
    assert not outcome.write
    assert adapter.cancelled == []


def test_an_operation_that_failed_ends_the_chain():
    adapter = FakeAdapter()
    adapter.nova_ends[REBUILD] = "the server went to ERROR"
    outcome = run(adapter, workflow("before"), ChainStep(REBUILD), workflow("after"))
    assert outcome.failure == "step 2 of 3, REBUILD: the server went to ERROR"
    assert len(adapter.posts) == 1


def test_a_server_that_is_not_active_at_the_end_is_a_failure():
    adapter = FakeAdapter()
    adapter.active = False
    outcome = run(adapter, workflow("before"))
    assert "not ACTIVE in Nova" in outcome.failure


def test_a_server_that_is_just_coming_up_is_waited_for():
    adapter = FakeAdapter()
    answers = iter([False, True])
    adapter.server_active = lambda: next(answers)
    assert run(adapter, workflow("before")).failure == ""


def test_a_nova_that_does_not_say_at_the_end_is_a_failure():
    adapter = FakeAdapter()

    def silent():
        raise chain.StepFailed("Nova does not show the server")

    adapter.server_active = silent
    assert "Nova does not show the server" in run(adapter, workflow("before")).failure
