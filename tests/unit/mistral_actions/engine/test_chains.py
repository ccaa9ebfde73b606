"""Two engines have let one task try again: which result counts, who works, who goes on."""

import datetime
import types

import pytest

from mistral_actions.engine import chains, executions, results
from tests.unit.mistral_actions.fake_executions import asking

LOST = "Heartbeat wasn't received."
POLL, END = {"finished": False, "message": "3 of 8"}, {"finished": True, "report": {}}
BUSY, GONE = {"code": "NOVA_UNAVAILABLE", "retriable": True}, {"code": "GONE"}


@pytest.mark.parametrize(
    ("left", "counts"),
    [
        ([POLL, END], END),
        ([END, POLL], END),
        ([GONE, POLL], GONE),
        ([END, LOST, BUSY], END),
        ([END, GONE], GONE),
        ([LOST, POLL], POLL),
        ([POLL, LOST], LOST),
        ([["a", "list"], POLL], ["a", "list"]),
    ],
)
def test_an_end_counts_before_a_try_and_of_a_kind_the_last(mistral, left, counts):
    task = mistral.task(result=left[0])
    for result in left[1:]:
        mistral.run(task, {"result": result})
    assert results.outcome(asking(task)) == counts
    assert executions.try_again(asking(task)) is (counts in (LOST, POLL))


def test_what_a_rejected_run_has_left_does_not_count(mistral):
    task = mistral.task(result=POLL)
    mistral.run(task, {"result": END}, accepted=False)
    assert results.outcome(asking(task)) == POLL


def test_a_run_is_alone_unless_another_one_is_at_work(mistral):
    task, other = mistral.task(result=LOST, state="RUNNING"), mistral.task(state="RUNNING")
    mistral.run(other, None, state="RUNNING", given={"alone": True})
    assert chains.alone(asking(task)) is True
    mistral.run(task, None, state="RUNNING", given={"alone": True})
    assert chains.alone(asking(task)) is False
    mistral.runs[-1].state = "ERROR"
    assert chains.alone(asking(task)) is True


def test_a_run_that_is_to_do_nothing_keeps_none_from_its_work(mistral):
    task = mistral.task(result=LOST, state="RUNNING")
    mistral.run(task, None, state="RUNNING", given={"alone": False})
    assert chains.alone(asking(task)) is True


@pytest.mark.parametrize(
    ("of", "what", "taken", "left"),
    [
        ("t0", "policies._continue_task", None, False),
        ("t0", "policies._continue_task", 1, True),  # it has begun: this may be the run that ends
        ("t0", "policies._continue_task", 25, False),  # its engine has died
        ("t9", "policies._continue_task", None, True),
        ("t0", "policies._fail_task_if_incomplete", None, True),
    ],
)
@pytest.mark.parametrize("result", [POLL, END])
def test_whoever_ends_a_run_drops_the_other_tries_of_the_task(
    mistral, of, what, taken, left, result
):
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    job = types.SimpleNamespace(
        id="j1", func_name=f"mistral.engine.{what}", func_args={"task_ex_id": of},
        captured_at=taken and now - datetime.timedelta(seconds=taken),
    )  # fmt: skip
    mistral.jobs = [job]
    executions.try_again(asking(mistral.task(result=result)))
    assert mistral.jobs == ([job] if left else [])


@pytest.mark.parametrize(("begun", "left"), [(False, False), (True, True)])
def test_with_the_legacy_scheduler_they_are_dropped_too(mistral, begun, left):
    call = types.SimpleNamespace(
        id="c1", target_method_name="mistral.engine.policies._continue_task",
        method_arguments={"task_ex_id": "t0"}, processing=begun,
    )  # fmt: skip
    mistral.calls = [call]
    executions.try_again(asking(mistral.task(result=POLL)))
    assert mistral.calls == ([call] if left else [])


def test_a_task_that_is_not_ours_has_one_chain_too(mistral):
    """Its `fail-on` asks for the state of the run."""
    task = mistral.task(result="sent")
    mistral.jobs = [
        types.SimpleNamespace(
            id="j1", func_name="mistral.engine.policies._continue_task",
            func_args={"task_ex_id": task.id}, captured_at=None,
        )
    ]  # fmt: skip
    executions.run_state(asking(task))
    assert mistral.jobs == []
