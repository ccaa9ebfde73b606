"""What a chain does, step by step, and what its end says."""

import pytest

from driver.senlin import chain
from driver.senlin.model import CONTINUE, FAIL, REBUILD, RECREATE, WORKFLOW, Recovery, Step
from driver.senlin.state import Answer
from tests.unit.driver.senlin.fake_world import FakeWorld, decided, stopped


def workflow(name, **more):
    return Step(WORKFLOW, workflow=name, **more)


def run(world, *steps, action="action-1"):
    decision = decided(world, Recovery(steps), action)
    assert decision.answer in (Answer.BEGIN, Answer.RESUME)
    return chain.run(steps, decision.state, world)


def test_the_steps_are_done_in_their_order():
    world = FakeWorld()
    outcome = run(world, workflow("before"), Step(REBUILD), workflow("after"))
    assert outcome.failure == ""
    assert outcome.state.notes == ("1 WORKFLOW before", "2 REBUILD", "3 WORKFLOW after")
    assert [step for _, step, _ in world.posts] == [0, 2]
    assert world.nova == [(REBUILD, "server-1")]


def test_recreate_gives_the_following_steps_the_new_server():
    world = FakeWorld()
    outcome = run(world, Step(RECREATE), workflow("after"))
    assert outcome.state.server == world.server == "server-2"


@pytest.mark.parametrize("end", ["ERROR", "CANCELLED"])
def test_an_execution_that_failed_ends_the_chain(end):
    world = FakeWorld(ends={"before": end})
    outcome = run(world, workflow("before"), Step(REBUILD))
    assert f"step 1 of 2, WORKFLOW before: execution {world.posts[0][2]} ended {end}" in (
        outcome.failure
    )
    assert world.nova == []


def test_what_mistral_says_of_the_failure_is_told():
    outcome = run(FakeWorld(ends={"before": "ERROR"}), workflow("before"))
    assert outcome.failure.endswith("ended ERROR: it broke")


def test_on_error_continue_goes_on_and_says_so():
    world = FakeWorld(ends={"before": "ERROR"})
    outcome = run(world, workflow("before", on_error=CONTINUE), Step(REBUILD))
    assert outcome.failure == ""
    assert "failed" in outcome.state.notes[0]
    assert "on_error" in outcome.state.notes[0]
    assert world.nova == [(REBUILD, "server-1")]


def test_a_workflow_that_is_not_there_ends_the_chain():
    outcome = run(FakeWorld(), workflow("missing"), Step(REBUILD))
    assert "workflow missing does not exist in Mistral" in outcome.failure


def test_a_paused_execution_is_waited_for_until_the_timeout():
    world = FakeWorld(ends={"asks": "PAUSED"})
    outcome = run(world, workflow("asks", timeout=100))
    assert "was PAUSED when the step's timeout of 100 s was over" in outcome.failure
    assert any("waiting for someone to resume" in text for text in world.texts)
    assert world.cancelled == [world.posts[0][2]]
    assert 100 < world.clock - 1000 < 120


def test_a_paused_execution_is_cancelled_if_the_policy_says_fail():
    world = FakeWorld(ends={"asks": "PAUSED"})
    outcome = run(world, workflow("asks", on_paused=FAIL))
    assert "on_paused" in outcome.failure
    assert world.cancelled == [world.posts[0][2]]


def test_an_execution_that_was_deleted_ends_the_chain():
    world = FakeWorld(looks=100)
    world.sleep = lambda seconds: world.executions.clear()
    outcome = run(world, workflow("before"))
    assert "was deleted in Mistral" in outcome.failure
    assert len(world.posts) == 1


def test_mistral_may_be_away_for_a_while():
    world = FakeWorld()
    world.away = 5
    assert run(world, workflow("before")).failure == ""
    assert any("Mistral does not answer" in text for text in world.texts)


def test_mistral_away_for_the_whole_step_ends_the_chain():
    world = FakeWorld()
    world.away = 10**6
    outcome = run(world, workflow("before", timeout=60))
    assert "could not be followed (Mistral does not answer)" in outcome.failure


def test_an_answer_that_was_lost_starts_no_second_execution():
    world = FakeWorld()
    world.lose_answer = True
    assert run(world, workflow("before")).failure == ""
    assert len(world.posts) == 2
    assert len(world.executions) == 1


def test_a_cancelled_action_cancels_the_execution():
    world = FakeWorld(looks=100)
    world.sleep = lambda seconds: setattr(world, "stop", stopped())
    outcome = run(world, workflow("before", on_error=CONTINUE), Step(REBUILD))
    assert outcome.write
    assert "stopped, the Senlin action was cancelled; execution" in outcome.failure
    assert world.cancelled == [world.posts[0][2]]
    assert world.nova == []


def test_a_node_that_is_gone_is_not_written_to_but_its_execution_is_cancelled():
    world = FakeWorld(looks=100)
    world.sleep = lambda seconds: setattr(world, "stop", stopped(write=False))
    outcome = run(world, workflow("before"))
    assert not outcome.write
    assert world.cancelled == [world.posts[0][2]]


def test_an_engine_that_lost_its_action_leaves_the_execution_to_the_next():
    world = FakeWorld(looks=100)
    world.sleep = lambda seconds: setattr(world, "stop", stopped(write=False, cancel=False))
    outcome = run(world, workflow("before"))
    assert not outcome.write
    assert world.cancelled == []


def test_an_operation_that_failed_ends_the_chain():
    world = FakeWorld()
    world.nova_ends[REBUILD] = "the server went to ERROR"
    outcome = run(world, workflow("before"), Step(REBUILD), workflow("after"))
    assert outcome.failure == "step 2 of 3, REBUILD: the server went to ERROR"
    assert len(world.posts) == 1


def test_a_server_that_is_not_active_at_the_end_is_a_failure():
    world = FakeWorld()
    world.active = False
    outcome = run(world, workflow("before"))
    assert "not ACTIVE in Nova" in outcome.failure


def test_a_server_that_is_just_coming_up_is_waited_for():
    world = FakeWorld()
    answers = iter([False, True])
    world.server_active = lambda: next(answers)
    assert run(world, workflow("before")).failure == ""


def test_a_nova_that_does_not_say_at_the_end_is_a_failure():
    world = FakeWorld()

    def silent():
        raise chain.StepFailed("Nova does not show the server")

    world.server_active = silent
    assert "Nova does not show the server" in run(world, workflow("before")).failure
