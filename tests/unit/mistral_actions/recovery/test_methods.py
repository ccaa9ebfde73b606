"""What the recovery methods are told of themselves, and how their `finally` is started."""

import datetime
import types
import uuid

import pytest

from mistral_actions.engine import methods as functions
from mistral_actions.errors import report
from mistral_actions.recovery import methods

METHOD = "recovery.methods.host_auto_failure"
SERVERS = [{"id": "1", "name": "server1", "state": "PENDING"}]
NOT_ENDED = report("FAILED", "NOT_ENDED", "compute1 has failed.", {"servers": SERVERS})
MOVED = report("SUCCEEDED", "RECOVERED", "1 server evacuated.", {"servers": []})


def task(number, name, state="SUCCESS", published=None, result=None, state_info=None):
    created = datetime.datetime(2026, 11, 20, 12, 0, number)
    return types.SimpleNamespace(
        id=str(number), name=name, state=state, published=published, created_at=created,
        result=result, state_info=state_info,
    )  # fmt: skip


@pytest.fixture
def mistral(monkeypatch):
    """Mistral's database with one execution of a method."""
    method = types.SimpleNamespace(
        id="e1", workflow_name=METHOD, state="RUNNING", state_info=None, output=None, tasks=[],
        input={"plan": {"host": "compute1"}, "report": NOT_ENDED},
    )  # fmt: skip
    database = types.SimpleNamespace(
        get_workflow_execution=lambda _: method,
        load_workflow_execution=lambda found: method if found == "e1" else None,
        get_task_executions=lambda workflow_execution_id: method.tasks,
    )
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: database)
    return method


@pytest.mark.parametrize("state", ["RUNNING", "PAUSED", "IDLE", "SUCCESS", "ERROR", "CANCELLED"])
def test_a_method_has_ended_in_whatever_way(mistral, state):
    mistral.state = state
    assert functions.method_ended(None, "e1") is (state in ("SUCCESS", "ERROR", "CANCELLED"))


def test_a_method_that_was_deleted_has_ended_and_nothing_is_known_of_it(mistral):
    assert functions.method_ended(None, "gone") is True
    found = functions.method_data(None, "gone")
    assert (found["plan"], found["results"], found["report"]["reason"]) == ({}, {}, "NOT_FOUND")


def test_finally_knows_the_plan_the_end_and_what_each_task_had_returned(mistral):
    mistral.state, mistral.output = "SUCCESS", {"report": MOVED}
    mistral.tasks = [
        task(2, "b", published={"results": {"a": 1, "b": 2}, "report": MOVED}),
        task(1, "a", published={"results": {"a": 1}}),
        task(3, "c", "ERROR", published=None),
    ]
    found = functions.method_data(None, "e1")
    assert found == {
        "plan": {"host": "compute1"},
        "results": {"a": 1, "b": 2},
        "report": MOVED,
    }


@pytest.mark.parametrize(("state", "code"), [("CANCELLED", "CANCELLED"), ("ERROR", "TASK_FAILED")])
def test_after_a_cancel_finally_knows_the_servers_of_the_last_report(mistral, state, code):
    mistral.state, mistral.state_info = state, "by the night shift"
    mistral.tasks = [task(1, "a")]
    found = functions.method_data(None, "e1")["report"]
    assert (found["state"], found["reason"]) == ("FAILED", code)
    assert found["message"] == f"{METHOD} ended {state}. by the night shift"
    assert found["details"] == {"servers": SERVERS}
    mistral.tasks.append(task(2, "b", published={"report": MOVED}))
    assert functions.method_data(None, "e1")["report"]["details"] == {"servers": []}


def test_however_often_finally_is_started_there_is_one(monkeypatch):
    started = []

    def start_workflow(workflow, **more):
        started.append((workflow, more["wf_ex_id"], more["wf_input"]))

    engine = types.SimpleNamespace(start_workflow=start_workflow)
    monkeypatch.setattr(methods.mistral, "engine", lambda: engine)
    own = str(uuid.uuid4())
    for _ in range(2):
        result = methods.StartFinally(f"{METHOD}_finally", own).run(None)
    assert started[0] == started[1]
    workflow, execution_id, given = started[0]
    assert (workflow, given) == (f"{METHOD}_finally", {"execution_id": own})
    assert result == {"execution_id": execution_id}
    assert execution_id != own
