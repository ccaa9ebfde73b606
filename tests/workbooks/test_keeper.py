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
    lossy.polls = 1
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
