"""What Mistral has lost is found and given back; what goes on by itself is left alone."""

import pytest

PATHS = ["one", "other", "both", "inner/step"]
WHOLE, PART = "recovery.losses.whole", "recovery.losses.part"


@pytest.fixture
def lossy(mistral, monkeypatch):
    from tests.workbooks.lossy import Lossy  # Mistral must have been loaded

    found = Lossy(mistral, monkeypatch)
    yield found
    found.cancel_all()


LOSSES = {
    "the message that starts a first task": (
        lambda lossy: lossy.lose_start_of("one"), WHOLE, "NOT_STARTED", ["one"]),
    "the message that starts a later task": (
        lambda lossy: lossy.lose_start_of("inner"), WHOLE, "NOT_STARTED", ["inner"]),
    "the message that starts a task of a sub-workflow": (
        lambda lossy: lossy.lose_start_of("step"), PART, "NOT_STARTED", ["step"]),
    "the refresh of a join": (
        lambda lossy: lossy.lose_jobs("_refresh_task_state", 2), WHOLE, "NOT_JOINED", ["both"]),
    "the job of a next try": (
        lambda lossy: lossy.lose_jobs("_continue_task", 1), WHOLE, "NOT_TRIED", ["one"]),
    "the look whether a sub-workflow has ended": (
        lambda lossy: lossy.lose_end_of(PART), PART, "NOT_ENDED", []),
    "the look whether the whole has ended": (
        lambda lossy: lossy.lose_end_of(WHOLE), WHOLE, "NOT_ENDED", []),
    "the end of a sub-workflow": (
        lambda lossy: lossy.lose_result_of(PART), WHOLE, "NOT_NOTICED", ["inner"]),
}


@pytest.mark.parametrize(("lose", "where", "what", "tasks"), LOSSES.values(), ids=LOSSES)
def test_what_was_lost_is_found_and_given_back_and_all_is_done_once(
    lossy, lose, where, what, tasks
):
    lose(lossy)
    lossy.polls = {"one": 1}
    stuck = lossy.start()
    assert lossy.state(stuck).state == "RUNNING"
    lossy.wait(24)
    assert lossy.look()["reason"] == "NOTHING_STANDS_STILL"

    lossy.wait(7)
    told = lossy.look(dry_run=True)
    (row,) = told["details"]["executions"]
    assert (told["reason"], row["asked"]) == ("DRY_RUN", False)
    assert (row["workflow"], row["root"]) == (where, stuck)
    assert (row["what"], row["tasks"]) == (what, tasks)

    told = lossy.look()
    assert (told["state"], told["reason"]) == ("SUCCEEDED", "LOOKED_AGAIN")
    assert lossy.state(stuck).report["state"] == "SUCCEEDED"
    assert sorted(lossy.runs_of_others()) == sorted([*PATHS, "one"])
    assert lossy.state(stuck).description.startswith("[looked at again, last 2030-01-01 ")
    assert lossy.look()["reason"] == "NOTHING_STANDS_STILL"


def lose_and_wait(lossy):
    lossy.lose_start_of("one")
    stuck = lossy.start()
    lossy.wait()
    return stuck


def test_at_no_moment_of_a_run_that_is_slow_but_moves_does_anything_stand_still(lossy):
    """Not even for a second: it waits for its next try, for a join, or for a workflow below."""
    lossy.polls = {"one": 9, "both": 9, "inner/step": 9}
    found = lossy.watch(160)
    assert lossy.state(lossy.start()).state == "SUCCESS"
    assert found == [[]] * 160


def test_an_action_that_goes_on_and_on_keeps_an_execution_from_standing_still(lossy):
    lossy.hangs = "inner/step"
    slow = lossy.start()
    lossy.wait(3600)
    assert lossy.look()["reason"] == "NOTHING_STANDS_STILL"
    assert lossy.state(slow).state == "RUNNING"


def test_what_a_person_has_paused_is_left_alone_until_somebody_resumes_it(lossy):
    stuck = lose_and_wait(lossy)
    lossy.set_state(stuck, "pause_workflow")
    lossy.wait()
    assert lossy.look()["reason"] == "NOTHING_STANDS_STILL"
    assert lossy.state(stuck).state == "PAUSED"
    assert lossy.state(stuck).description == ""


def pause_while_parents_end(lossy):
    """Pause an execution; both tasks before its join end meanwhile."""
    lossy.pause_at = "other"
    paused = lossy.start()
    assert lossy.state(paused).state == "PAUSED"
    return paused


def test_a_join_whose_parents_ended_in_a_pause_goes_on_although_mistral_does_not_look(lossy):
    stuck = pause_while_parents_end(lossy)
    lossy.set_state(stuck, "resume_workflow")
    lossy.wait()
    (row,) = lossy.look()["details"]["executions"]
    assert (row["what"], row["tasks"]) == ("NOT_JOINED", ["both"])
    assert lossy.state(stuck).state == "SUCCESS"
    assert sorted(lossy.runs_of_others()) == sorted(PATHS)


def test_what_follows_tasks_that_ended_just_when_somebody_resumed_is_begun(lossy):
    stuck = pause_while_parents_end(lossy)
    lossy.write_state(stuck, "RUNNING")
    lossy.wait()
    (row,) = lossy.look()["details"]["executions"]
    assert (row["what"], row["tasks"]) == ("NOT_FOLLOWED", ["one", "other"])
    lossy.wait()
    lossy.look()  # at the join, see above
    assert lossy.state(stuck).state == "SUCCESS"
    assert sorted(lossy.runs_of_others()) == sorted(PATHS)


@pytest.mark.parametrize("state", ["PAUSED", "ERROR"])
def test_what_is_lost_below_an_execution_that_somebody_paused_or_ended_is_left_alone(lossy, state):
    lossy.lose_start_of("step")
    root = lossy.start()
    lossy.write_state(root, state)
    lossy.wait()
    assert lossy.look()["reason"] == "NOTHING_STANDS_STILL"


def test_two_keepers_at_once_give_back_once(lossy):
    stuck = lose_and_wait(lossy)
    told = lossy.look_twice()
    reasons = sorted(one["reason"] for one in told)
    assert reasons == ["LOOKED_AGAIN", "NOTHING_STANDS_STILL"]
    assert lossy.state(stuck).state == "SUCCESS"
    assert sorted(lossy.runs_of_others()) == sorted(PATHS)


def test_of_a_keeper_that_dies_before_its_commit_nothing_is_left(lossy, monkeypatch):
    from mistral.db.v2 import api

    stuck = lose_and_wait(lossy)
    with monkeypatch.context() as dying:
        dying.setattr(api, "update_workflow_execution", dies)
        with pytest.raises(EngineDied):
            lossy.look()
    lossy.another_engine()
    assert (lossy.state(stuck).state, lossy.state(stuck).description) == ("RUNNING", "")
    lossy.wait()
    lossy.look()
    assert lossy.state(stuck).state == "SUCCESS"
    assert sorted(lossy.runs_of_others()) == sorted(PATHS)


class EngineDied(BaseException):
    """Nothing of Mistral's catches it."""


def dies(*_):
    raise EngineDied


def test_what_a_keeper_that_dies_after_its_commit_had_asked_for_another_engine_does(lossy):
    stuck = lose_and_wait(lossy)
    lossy.jobs.asleep = True
    assert lossy.look()["reason"] == "LOOKED_AGAIN"
    lossy.jobs.asleep = False
    lossy.wait()
    assert lossy.look()["reason"] == "NOTHING_STANDS_STILL"  # it is scheduled
    lossy.another_engine()
    assert lossy.state(stuck).state == "SUCCESS"
    assert sorted(lossy.runs_of_others()) == sorted(PATHS)


def test_what_the_keeper_has_given_back_and_mistral_loses_again_is_given_back_again(lossy):
    stuck = lose_and_wait(lossy)
    lossy.lose_start_of("one")
    lossy.look()
    lossy.wait()
    lossy.look()
    seen = lossy.state(stuck)
    assert seen.state == "SUCCESS"
    assert seen.description.startswith("[looked at again 2 times, last 2030-01-01 ")
