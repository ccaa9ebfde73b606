"""The functions that workbooks call: what is tried again, and what is reported."""

import datetime
import types

import pytest

from mistral_actions import functions
from mistral_actions.errors import Failed, Unavailable, report

NOW = datetime.datetime(2026, 11, 20, 12, 0, 0)
LINES = [{"id": "1", "state": "FAILED"}]
NOT_ENDED = report("FAILED", "NOT_ENDED", "not yet", {"host": "c1", "servers": ["planned"]})


def execution(state, task_execution_id=None):
    return types.SimpleNamespace(state=state, task_execution_id=task_execution_id)


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
def test_what_is_tried_again(monkeypatch, result, again):
    database = types.SimpleNamespace(get_workflow_execution=lambda _: execution("RUNNING"))
    monkeypatch.setattr(functions, "_db", lambda: database)
    assert functions.try_again({"__execution": {"id": "e1"}}, result) is again


@pytest.mark.parametrize("state", ["CANCELLED", "ERROR", "SUCCESS"])
def test_nothing_is_tried_again_once_the_execution_has_ended(monkeypatch, state):
    database = types.SimpleNamespace(get_workflow_execution=lambda _: execution(state))
    monkeypatch.setattr(functions, "_db", lambda: database)
    assert functions.try_again({"__execution": {"id": "e1"}}, {"finished": False}) is False


@pytest.mark.parametrize(
    ("above", "again"), [("RUNNING", True), ("PAUSED", True), ("ERROR", False)]
)
def test_nothing_is_tried_again_once_the_execution_above_has_ended(monkeypatch, above, again):
    found = {"e1": execution("RUNNING", "t0"), "e0": execution(above)}
    task_above = types.SimpleNamespace(workflow_execution_id="e0")
    database = types.SimpleNamespace(
        get_workflow_execution=found.get, get_task_execution={"t0": task_above}.get
    )
    monkeypatch.setattr(functions, "_db", lambda: database)
    context = {"__execution": {"id": "e1"}}
    assert functions.try_again(context, {"finished": False}) is again


def task(result, name="some_task", state_info=None):
    times = {"created_at": NOW.isoformat(), "updated_at": NOW.isoformat()}
    return {"name": name, "result": result, "state_info": state_info, **times}


def failed(*tasks, before=None):
    return functions.failure_report(None, list(tasks), before)


def test_the_error_of_an_action_is_the_report():
    error = Failed("two stayed", "SERVERS_NOT_MOVED", {"host": "c1", "servers": LINES})
    assert failed(task(error.as_dict())) == error.as_dict()["report"]


def test_the_output_of_a_workflow_is_the_report():
    output = report("FAILED", "NO_RESERVED_HOST", "none was given", {"servers": LINES})
    assert failed(task(output)) == output
    assert failed(task({**output, "details": None}))["details"] == {}


@pytest.mark.parametrize(
    ("result", "info", "says"),
    [
        ("Heartbeat wasn't received.", None, "Heartbeat wasn't received."),
        (None, "Failed to run action", "Failed to run action"),
        (None, None, "no reason is known"),
        ({}, None, "no reason is known"),
        ({"report": "text"}, None, "text"),
        ({"report": None}, None, "None"),
        (["a", "list"], None, "a"),
        ("x" * 5000, None, "x"),
    ],
)
def test_whatever_a_task_left_behind_becomes_a_report(result, info, says):
    got = failed(task(result, name="disable_host", state_info=info))
    assert (got["state"], got["reason"]) == ("FAILED", "TASK_FAILED")
    assert got["message"].startswith("Task 'disable_host' failed: ")
    assert says in got["message"]
    assert len(got["message"]) <= 1000
    assert got["details"] == {}


def test_a_poll_that_never_finished_timed_out():
    poll = {"finished": False, "message": "Nova shows c1 up"}
    got = failed(task(poll, name="wait_until_host_down"), before=NOT_ENDED)
    assert got["reason"] == "TIMED_OUT"
    assert got["message"] == "wait_until_host_down did not reach its end in time: Nova shows c1 up."
    assert got["details"] == {"host": "c1", "servers": ["planned"]}


def test_without_a_failed_task_there_is_a_report_all_the_same():
    assert failed()["state"] == "FAILED"
    assert failed(before=NOT_ENDED)["details"] == {"host": "c1", "servers": ["planned"]}


def test_a_task_that_knows_the_servers_decides_alone():
    last = task(Failed("last", "TWO", {"servers": ["of the last"]}).as_dict())
    got = failed(last, before=report("FAILED", "ONE", "first", {"servers": LINES}))
    assert (got["reason"], got["message"]) == ("TWO", "last")
    assert got["details"]["servers"] == ["of the last"]


def test_servers_come_from_the_attempt_before_if_the_task_knows_none():
    before = report("FAILED", "SERVERS_NOT_MOVED", "1 stayed.", {"servers": LINES, "newest": 7})
    got = failed(task(Failed("c9 is down.", "RESERVED_HOST_DOWN").as_dict()), before=before)
    assert got["reason"] == "RESERVED_HOST_DOWN"
    assert got["message"] == "1 stayed. Then: c9 is down."
    assert got["details"] == {"servers": LINES, "newest": 7}


def test_a_poll_whose_last_try_was_published_is_not_told_twice():
    late = report("FAILED", "TIMED_OUT", "not in time", {"host": "c1", "servers": []})
    got = failed(task({"finished": False, "report": late}), before=late)
    assert (got["reason"], got["message"]) == ("TIMED_OUT", "not in time")


def test_servers_come_from_the_plan_if_nothing_was_tried_before():
    got = failed(task(Failed("no right", "FORBIDDEN").as_dict()), before=NOT_ENDED)
    assert (got["reason"], got["message"]) == ("FORBIDDEN", "no right")
    assert got["details"] == {"host": "c1", "servers": ["planned"]}


def test_a_report_of_the_plan_is_no_reason_for_a_failure():
    """The task succeeded, and Mistral failed behind it: say what Mistral says."""
    result = {"go_on": True, "report": NOT_ENDED}
    got = failed(task(result, state_info="No such task", name="plan_recovery"))
    assert got["reason"] == "TASK_FAILED"


@pytest.mark.parametrize(
    ("states", "left"),
    [
        ([], False),
        (["MOVED", "SKIPPED"], False),
        (["MOVED", "FAILED"], True),
        (["PENDING"], True),
        (["RUNNING"], True),
    ],
)
def test_another_method_is_tried_for_servers_that_are_still_to_be_moved(states, left):
    told = report("FAILED", "X", "x", {"servers": [{"state": state} for state in states]})
    assert functions.servers_left(None, told) is left
    assert functions.servers_left(None, report("FAILED", "X", "x", {})) is False
