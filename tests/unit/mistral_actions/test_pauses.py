"""While a recovery is paused, its steps that are tried again and again begin nothing new."""

import types

import pytest

from mistral_actions import pauses


def execution(state, task_execution_id=None):
    return types.SimpleNamespace(state=state, task_execution_id=task_execution_id)


@pytest.mark.parametrize("state", ["PAUSED", "CANCELLED", "ERROR", "SUCCESS", "RUNNING"])
@pytest.mark.parametrize("of", ["its own", "the one above", "the root"])
def test_a_try_may_begin_something_only_while_all_executions_that_it_is_for_run(
    monkeypatch, state, of
):
    states = dict.fromkeys(("its own", "the one above", "the root"), "RUNNING") | {of: state}
    executions = {
        "e2": execution(states["its own"], "t1"),
        "e1": execution(states["the one above"], "t0"),
        "e0": execution(states["the root"]),
    }
    tasks = {f"t{n}": types.SimpleNamespace(workflow_execution_id=f"e{n}") for n in (0, 1)}
    database = types.SimpleNamespace(
        get_workflow_execution=executions.__getitem__, get_task_execution=tasks.__getitem__
    )
    monkeypatch.setattr(pauses, "_db", lambda: database)

    assert pauses.may_begin({"__execution": {"id": "e2"}}) is (state == "RUNNING")
