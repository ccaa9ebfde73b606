"""What is reported: of a task that failed, of one that succeeded, and of a workflow."""

import datetime
import types

import pytest

from mistral_actions.engine import reports
from mistral_actions.errors import Failed, report

NOW = datetime.datetime(2026, 11, 20, 12, 0, 0)
LINES = [{"id": "1", "state": "FAILED"}]
NOT_ENDED = report("FAILED", "NOT_ENDED", "not yet", {"host": "c1", "servers": ["planned"]})
MOVED = report("SUCCEEDED", "RECOVERED", "1 server evacuated.", {"servers": LINES})
CONTEXT = {"__execution": {"id": "e1"}}
CANCELLED = "Cancelled before its end: nothing more is begun, and what has begun goes on by itself."


@pytest.fixture(autouse=True)
def mistral(monkeypatch):
    """Mistral's database with one execution, which is not over."""
    found = types.SimpleNamespace(over=False, tasks=[])
    database = types.SimpleNamespace(
        get_workflow_execution=lambda id_: types.SimpleNamespace(id=id_),
        get_task_executions=lambda workflow_execution_id: found.tasks,
    )
    monkeypatch.setattr(reports, "_db", lambda: database)
    monkeypatch.setattr(reports, "_result_of", lambda task: task.result)
    monkeypatch.setattr(reports, "is_over", lambda context: found.over)
    return found


def task(result, name="some_task", state_info=None):
    times = {"created_at": NOW.isoformat(), "updated_at": NOW.isoformat()}
    return {"name": name, "result": result, "state_info": state_info, **times}


def failed(*tasks, before=None):
    return reports.failure_report(CONTEXT, list(tasks), before)


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
    "result",
    [
        {"finished": False, "report": report("FAILED", "NOT_ENDED", "2 of 3", {"servers": LINES})},
        {"finished": True, "report": report("SUCCEEDED", "RECOVERED", "3", {"servers": LINES})},
        Failed("no", "SERVERS_NOT_MOVED", {"servers": LINES}).as_dict(),
    ],
)
def test_after_a_cancel_that_is_the_reason_however_far_the_task_came(mistral, result):
    mistral.over = True
    got = failed(task(result), before=NOT_ENDED)
    assert got == report("FAILED", "CANCELLED", CANCELLED, {"host": "c1", "servers": LINES})
    assert reports.servers_left(None, got) is False
    if "finished" in result:
        assert reports.step_report(CONTEXT, result, NOT_ENDED) == got


@pytest.mark.parametrize(
    ("result", "published"),
    [({"report": MOVED}, MOVED), (MOVED, MOVED), ({"finished": False}, NOT_ENDED)],
)
def test_a_step_publishes_its_report_or_that_before_it(result, published):
    assert reports.step_report(CONTEXT, result, NOT_ENDED) == published


@pytest.mark.parametrize("before", [None, "bystander", 7, {"state": "FAILED"}])
def test_what_a_person_typed_as_a_report_is_none(before):
    refused = Failed("start another one", "BAD_INPUT")
    assert failed(task(refused.as_dict()), before=before) == refused.as_dict()["report"]


# ---- a workflow that ends in ERROR


def ended(name, state="SUCCESS", *, published=None, handled=False, info=None):
    return types.SimpleNamespace(
        id=name, name=name, state=state, published=published, error_handled=handled,
        created_at=NOW, result=None, state_info=info,
    )  # fmt: skip


def test_a_failure_is_reported_as_a_task_has_told_it():
    told = report("FAILED", "SERVERS_NOT_MOVED", "1 stayed.", {"servers": LINES})
    assert reports.error_report(CONTEXT, told) == told


@pytest.mark.parametrize("told", [None, NOT_ENDED, "bystander"])
def test_who_ends_an_execution_has_cancelled_it(mistral, told):
    mistral.tasks = [
        ended("a", published={"report": NOT_ENDED}), ended("b", "ERROR", handled=True),
        ended("c", "RUNNING"),
    ]  # fmt: skip
    details = {"host": "c1", "servers": ["planned"]}
    expected = report("FAILED", "CANCELLED", CANCELLED, details)
    assert reports.error_report(CONTEXT, told) == expected


def test_a_task_that_mistral_cannot_run_is_no_cancel(mistral):
    mistral.tasks = [ended("a", "ERROR", info="Can not evaluate YAQL expression")]
    got = reports.error_report(CONTEXT, NOT_ENDED)
    assert (got["state"], got["reason"]) == ("FAILED", "TASK_FAILED")
    assert got["message"] == "Task 'a' failed: Can not evaluate YAQL expression"
    assert got["details"] == NOT_ENDED["details"]


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
    assert reports.servers_left(None, told) is left
    assert reports.servers_left(None, report("FAILED", "X", "x", {})) is False
