"""The functions that workbooks call: what is tried again, how often, and when no more."""

import types

import pytest

from mistral_actions.engine import executions
from mistral_actions.errors import Failed, Unavailable

CONTEXT = {"__execution": {"id": "e1"}, "__task_execution": {"id": "t1", "name": "some_task"}}


def execution(state, task_execution_id=None):
    return types.SimpleNamespace(id="e1", state=state, task_execution_id=task_execution_id)


@pytest.fixture(autouse=True)
def mistral(monkeypatch):
    """Mistral's database with one execution, which runs."""
    found = types.SimpleNamespace(execution=execution("RUNNING"))
    database = types.SimpleNamespace(get_workflow_execution=lambda _: found.execution)
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: database)
    return found


@pytest.mark.parametrize(
    ("result", "again"),
    [
        ({"finished": False}, True),
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
        ([{"finished": False}], False),
        (True, False),
        (0, False),
    ],
)
def test_what_is_tried_again(result, again):
    assert executions.try_again(CONTEXT, result) is again
    assert executions.run_state(CONTEXT) == "RUNNING"


@pytest.mark.parametrize("state", ["CANCELLED", "ERROR", "SUCCESS"])
def test_nothing_is_tried_again_once_the_execution_has_ended(mistral, state):
    mistral.execution = execution(state)
    assert executions.try_again(CONTEXT, {"finished": False}) is False
    assert executions.run_state(CONTEXT) == "ENDED"


@pytest.mark.parametrize(
    ("above", "again"), [("RUNNING", True), ("PAUSED", True), ("ERROR", False)]
)
def test_nothing_is_tried_again_once_the_execution_above_has_ended(monkeypatch, above, again):
    found = {"e1": execution("RUNNING", "t0"), "e0": execution(above)}
    task_above = types.SimpleNamespace(workflow_execution_id="e0")
    database = types.SimpleNamespace(
        get_workflow_execution=found.get, get_task_execution={"t0": task_above}.get
    )
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: database)
    assert executions.try_again(CONTEXT, {"finished": False}) is again
    assert (executions.run_state(CONTEXT) == "ENDED") is not again


@pytest.mark.parametrize("state", ["PAUSED", "CANCELLED", "ERROR", "SUCCESS", "RUNNING"])
@pytest.mark.parametrize("whose", ["e2", "e1", "e0"])
def test_a_run_is_running_only_while_all_executions_that_it_is_for_run(monkeypatch, state, whose):
    above = {"e2": "t1", "e1": "t0", "e0": None}
    found = {one: execution(state if one == whose else "RUNNING", above[one]) for one in above}
    tasks = {f"t{n}": types.SimpleNamespace(workflow_execution_id=f"e{n}") for n in (0, 1)}
    database = types.SimpleNamespace(get_workflow_execution=found.get, get_task_execution=tasks.get)
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: database)
    stands = executions.run_state({"__execution": {"id": "e2"}})
    assert stands == (state if state in ("RUNNING", "PAUSED") else "ENDED")


@pytest.mark.parametrize(
    ("plan", "count"), [({"options": {"stop_timeout": 120}}, 120), ({}, 0), ("bystander", 0)]
)
def test_a_number_of_tries_comes_from_the_plan_if_it_is_one(plan, count):
    assert executions.tries(None, plan, "stop_timeout") == count
