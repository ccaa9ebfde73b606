"""The functions that workbooks call: what is tried again, how often, and when no more."""

import types

import pytest

from mistral_actions.engine import executions
from mistral_actions.errors import Failed, Unavailable
from tests.unit.mistral_actions.fake_executions import asking

POLL = {"finished": False}


def execution(state, task_execution_id=None):
    return types.SimpleNamespace(id="e1", state=state, task_execution_id=task_execution_id)


@pytest.mark.parametrize(
    ("result", "again"),
    [
        (POLL, True),
        ({"finished": True}, False),
        ({"finished": 0}, False),
        ({"finished": None}, False),
        ({}, False),
        (Unavailable("busy").as_dict(), True),
        (Failed("no").as_dict(), False),
        ({"retriable": "true"}, False),
        ("Heartbeat wasn't received.", True),
        ("", True),
        (None, False),
        ([], False),
        ([POLL], False),
        (True, False),
        (0, False),
    ],
)
def test_what_is_tried_again(mistral, result, again):
    context = asking(mistral.task(result=result))
    assert executions.try_again(context) is again
    assert executions.run_state(context) == "RUNNING"


def test_a_task_without_a_result_is_not_tried_again(mistral):
    task = mistral.task(state="ERROR")
    mistral.runs = []
    assert executions.try_again(asking(task)) is False


def test_the_output_of_a_workflow_is_no_poll_that_is_tried_again(mistral):
    lost = mistral.task(output={"result": "its process died"}, state="ERROR")
    assert executions.try_again(asking(lost)) is False


@pytest.mark.parametrize("state", ["CANCELLED", "ERROR", "SUCCESS"])
def test_nothing_is_tried_again_once_the_execution_has_ended(mistral, state):
    context = asking(mistral.task(result=POLL))
    mistral.own.state = state
    assert executions.try_again(context) is False
    assert executions.run_state(context) == "ENDED"


@pytest.mark.parametrize(
    ("above", "again"), [("RUNNING", True), ("PAUSED", True), ("ERROR", False)]
)
def test_nothing_is_tried_again_once_the_execution_above_has_ended(
    mistral, monkeypatch, above, again
):
    context = asking(mistral.task(result=POLL))
    mistral.own.task_execution_id = "above"
    mistral.tasks.append(types.SimpleNamespace(id="above", workflow_execution_id="e0"))
    found = {"e1": mistral.own, "e0": execution(above)}
    monkeypatch.setattr(mistral, "get_workflow_execution", found.get)
    assert executions.try_again(context) is again
    assert (executions.run_state(context) == "ENDED") is not again


@pytest.mark.parametrize("state", ["PAUSED", "CANCELLED", "ERROR", "SUCCESS", "RUNNING"])
@pytest.mark.parametrize("whose", ["e2", "e1", "e0"])
def test_a_run_is_running_only_while_all_executions_that_it_is_for_run(monkeypatch, state, whose):
    above = {"e2": "t1", "e1": "t0", "e0": None}
    found = {one: execution(state if one == whose else "RUNNING", above[one]) for one in above}
    tasks = {f"t{n}": types.SimpleNamespace(workflow_execution_id=f"e{n}") for n in (0, 1)}
    database = types.SimpleNamespace(get_workflow_execution=found.get, get_task_execution=tasks.get)
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: database)
    stands = executions.run_state({"__execution": {"id": "e2"}, "__task_execution": None})
    assert stands == (state if state in ("RUNNING", "PAUSED") else "ENDED")


@pytest.mark.parametrize(
    ("plan", "count"), [({"options": {"stop_timeout": 120}}, 120), ({}, 0), ("bystander", 0)]
)
def test_a_number_of_tries_comes_from_the_plan_if_it_is_one(plan, count):
    assert executions.tries(None, plan, "stop_timeout") == count
