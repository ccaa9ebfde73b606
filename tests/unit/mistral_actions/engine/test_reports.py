"""The report of a workflow: folded from what its tasks have told, in the order of their ends."""

import pytest

from mistral_actions.engine import reports
from mistral_actions.errors import Failed, report
from tests.unit.mistral_actions.fake_executions import CONTEXT, SECOND, FakeExecution, asking

LINES = [{"id": "1", "state": "FAILED"}]
PLANNED = {"host": "c1", "servers": ["planned"]}
NOT_ENDED = report("FAILED", "NOT_ENDED", "not yet", PLANNED)
MOVED = report("SUCCEEDED", "RECOVERED", "1 server evacuated.", {"servers": LINES})
STAYED = report("FAILED", "SERVERS_NOT_MOVED", "1 stayed.", {"servers": LINES, "newest": 7})
DOWN = Failed("c9 is down.", "RESERVED_HOST_DOWN").as_dict()
CANCELLED = "Cancelled before its end: nothing more is begun, and what has begun goes on by itself."
NO_REPORTS = [None, "bystander", 7, {"state": "FAILED"}]


@pytest.fixture
def mistral(monkeypatch):
    """Let Mistral's database have this execution only."""

    def install(given=None, *tasks):
        found = FakeExecution(given, tasks)
        monkeypatch.setattr("mistral_actions.engine.database.api", lambda: found)
        return found

    return install


def ended(mistral, *tasks, given=None):
    mistral(given, *tasks)
    return reports.ending(CONTEXT)


# ---- what one task tells


def test_the_error_of_an_action_is_the_report(mistral):
    error = Failed("two stayed", "SERVERS_NOT_MOVED", {"host": "c1", "servers": LINES})
    assert ended(mistral, {"result": error.as_dict()}) == error.as_dict()["report"]


def test_the_output_of_a_workflow_has_the_report(mistral):
    told = report("FAILED", "NO_RESERVED_HOST", "none was given", {"servers": LINES})
    output = {"result": "none was given", "report": told}
    assert ended(mistral, {"output": output, "state": "ERROR"}) == told
    output["report"] = {**told, "details": None}
    assert ended(mistral, {"output": output, "state": "ERROR"})["details"] == {}


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
@pytest.mark.parametrize("kind", ["action", "workflow"])
def test_whatever_a_failed_task_left_behind_becomes_a_report(mistral, kind, result, info, says):
    left = {"result": result} if kind == "action" else {"output": {"result": result}}
    got = ended(mistral, {"name": "disable_host", "state": "ERROR", "state_info": info, **left})
    assert (got["state"], got["reason"]) == ("FAILED", "TASK_FAILED")
    assert got["message"].startswith("Task 'disable_host' failed: ")
    assert says in got["message"]
    assert len(got["message"]) <= 1000
    assert got["details"] == {}


def test_a_task_whose_action_never_ran_is_told_in_mistrals_words(mistral):
    lost = mistral(NOT_ENDED).task("a", state="ERROR", state_info="Can not evaluate YAQL")
    execution = mistral(NOT_ENDED)
    execution.tasks = [lost]
    got = reports.ending(CONTEXT)
    assert got == report("FAILED", "TASK_FAILED", "Task 'a' failed: Can not evaluate YAQL", PLANNED)


def test_a_poll_that_never_finished_timed_out(mistral):
    poll = {"finished": False, "message": "Nova shows c1 up"}
    got = ended(mistral, {"name": "wait", "result": poll, "state": "ERROR"}, given=NOT_ENDED)
    assert got == report(
        "FAILED", "TIMED_OUT", "wait did not reach its end in time: Nova shows c1 up.", PLANNED
    )


def test_a_poll_that_never_finished_tells_how_far_it_came(mistral):
    told = report("FAILED", "NOT_ENDED", "2 of 3", {"servers": LINES})
    poll = {"finished": False, "message": "2 of 3", "report": told}
    got = ended(mistral, {"result": poll, "state": "ERROR"}, given=NOT_ENDED)
    assert (got["reason"], got["details"]) == ("TIMED_OUT", {"host": "c1", "servers": LINES})


def test_a_report_of_the_plan_is_no_reason_for_a_failure(mistral):
    """The task succeeded, and Mistral failed behind it: say what Mistral says."""
    result = {"go_on": True, "report": NOT_ENDED}
    got = ended(mistral, {"result": result, "state": "ERROR", "state_info": "No such task"})
    assert got["reason"] == "TASK_FAILED"


def test_the_last_run_of_a_task_counts(mistral):
    execution = mistral(NOT_ENDED)
    task = execution.task(result={"report": STAYED}, state="SUCCESS")
    execution.runs[-1].accepted = False
    execution.run(task, {"result": {"report": MOVED}})
    execution.run(task, {"result": "late"}, accepted=False)
    assert reports.ending(CONTEXT) == MOVED


# ---- one after the other


def test_the_last_success_that_tells_something_says_all(mistral):
    plan, move = {"result": {"report": NOT_ENDED}}, {"result": {"report": MOVED}}
    assert ended(mistral, plan, {"result": DOWN}, move, {"result": {"finished": True}}) == MOVED


def test_tasks_that_end_in_one_second_are_told_in_the_order_in_which_they_led_to_each_other(
    mistral,
):
    execution = mistral(
        None, *[{"result": {"report": told}} for told in (NOT_ENDED, STAYED, MOVED)]
    )
    for task, id_ in zip(execution.tasks, "cba", strict=True):
        task.created_at = task.finished_at = SECOND
        execution.runs[execution.tasks.index(task)].task_execution_id = task.id = id_
    for task, cause in zip(execution.tasks[1:], "cb", strict=True):
        task.runtime_context = {"triggered_by": [{"task_id": cause}]}
    assert reports.ending(CONTEXT) == MOVED


def test_a_task_that_is_run_again_has_ended_last(mistral):
    """It is older than what was behind its failure."""
    execution = mistral(NOT_ENDED, {"result": {"report": MOVED}}, {"result": DOWN})
    execution.tasks[0].finished_at = 9 * SECOND
    execution.tasks[0].runtime_context = {}
    assert reports.ending(CONTEXT) == MOVED


def test_a_failure_that_knows_the_servers_decides_alone(mistral):
    last = Failed("last", "TWO", {"servers": ["of the last"]}).as_dict()
    first = report("FAILED", "ONE", "first", {"host": "c1", "servers": LINES})
    got = ended(mistral, {"result": last}, given=first)
    assert (got["reason"], got["message"]) == ("TWO", "last")
    assert got["details"] == {"host": "c1", "servers": ["of the last"]}


def test_servers_come_from_the_attempt_before_if_the_failure_knows_none(mistral):
    got = ended(mistral, {"result": DOWN}, given=STAYED)
    assert (got["state"], got["reason"]) == ("FAILED", "RESERVED_HOST_DOWN")
    assert got["message"] == "1 stayed. Then: c9 is down."
    assert got["details"] == STAYED["details"]


def test_servers_come_from_the_plan_if_nothing_was_tried_before(mistral):
    got = ended(mistral, {"result": DOWN}, given=NOT_ENDED)
    assert (got["reason"], got["message"]) == ("RESERVED_HOST_DOWN", "c9 is down.")
    assert got["details"] == PLANNED


@pytest.mark.parametrize("given", NO_REPORTS)
def test_what_a_person_typed_as_a_report_is_none(mistral, given):
    refused = Failed("start another one", "BAD_INPUT").as_dict()
    assert ended(mistral, {"result": refused}, given=given) == refused["report"]


# ---- the end


def test_a_workflow_without_a_recovering_task_was_carried_out(mistral):
    text = "recovery.test.run was carried out; none of its tasks recovers servers."
    for given, details in ((NOT_ENDED, PLANNED), (None, {})):
        got = ended(mistral, {"name": "alert", "result": ["sent"]}, given=given)
        assert got == report("SUCCEEDED", "CARRIED_OUT", text, details)


WAITING = [{"id": "1", "state": "MOVED"}, {"id": "2", "state": "PENDING", "reason": "WAITS"}]
LEFT = (
    "All tasks have ended, and 1 of 2 servers were not seen at their end. Run the recovery again:"
    " it does what is left, and nothing twice."
)


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_nothing_has_ended_well_while_a_server_waits(mistral, state):
    lines = [WAITING[0], {**WAITING[1], "state": state}]
    told = report("SUCCEEDED", "RECOVERED", "2 servers evacuated.", {"servers": lines})
    got = ended(mistral, {"result": {"finished": True, "report": told}}, given=NOT_ENDED)
    assert got == report("FAILED", "SERVERS_LEFT", LEFT, {"servers": lines})


def test_a_dry_run_has_ended_well_although_all_servers_wait(mistral):
    told = report("SUCCEEDED", "DRY_RUN", "Would evacuate 1.", {"servers": WAITING})
    assert ended(mistral, {"result": {"report": told}}) == told


@pytest.mark.parametrize(
    "spec",
    [{"publish": {"report": "<% ... %>"}}, {"workflow": "recovery.methods.host_auto_failure"}],
)
def test_a_task_that_was_to_tell_of_the_end_and_did_not_is_a_failure(mistral, spec):
    given = report("FAILED", "NOT_ENDED", "not yet", {"servers": WAITING})
    poll = {"finished": False, "message": "1 of 2"}
    execution = mistral(given, {"name": "evacuate", "result": poll, "state": "SUCCESS"})
    execution.own.spec["tasks"]["evacuate"].update(spec)
    assert reports.ending(CONTEXT) == report("FAILED", "SERVERS_LEFT", LEFT, {"servers": WAITING})


def test_servers_are_skipped_by_a_method_that_has_no_task_for_them(mistral):
    given = report("FAILED", "NOT_ENDED", "not yet", {"servers": [*WAITING, "typed"]})
    got = ended(mistral, {"name": "alert", "result": "sent", "state": "SUCCESS"}, given=given)
    assert got["reason"] == "CARRIED_OUT"
    why = "no task of the recovery method recovers servers"
    skipped = {"id": "2", "state": "SKIPPED", "reason": "NO_TASK", "message": why}
    assert got["details"]["servers"] == [WAITING[0], skipped, "typed"]


def test_an_end_of_a_task_counts_whatever_stands_beside_it(mistral):
    execution = mistral(NOT_ENDED)
    task = execution.task("evacuate", result={"finished": True, "report": MOVED})
    execution.run(task, {"result": {"finished": False, "report": NOT_ENDED}})
    assert reports.ending(CONTEXT) == MOVED


def test_a_failure_of_an_optional_task_is_a_remark(mistral):
    optional = {"name": "alert", "result": "451 later", "tags": ["optional"]}
    got = ended(mistral, optional, {"result": {"report": MOVED}}, given=NOT_ENDED)
    said = "Task 'alert' failed: 451 later"
    assert (got["state"], got["reason"]) == ("SUCCEEDED", "RECOVERED")
    assert got["message"] == f"1 server evacuated. Without alert: {said}"
    assert got["details"]["failed_tasks"] == [{"task": "alert", "message": said}]
    assert MOVED["details"] == {"servers": LINES}


def test_a_failure_of_an_optional_task_is_not_the_reason_of_another(mistral):
    optional = {"name": "alert", "result": "451 later", "tags": ["optional"]}
    assert ended(mistral, optional, {"result": DOWN})["message"] == "c9 is down."


def test_notices_are_listed_and_decide_nothing(mistral):
    taken = {"result": {"report": report("SUCCEEDED", "NOTIFIED", "taken", {})}, "tags": ["notice"]}
    lost = {"result": Failed("not taken", "NOTICE_FAILED").as_dict(), "tags": ["notice"]}
    got = ended(mistral, {"name": "a", **taken}, {"result": DOWN}, {"name": "b", **lost})
    assert got["message"] == "c9 is down."
    assert [one["reason"] for one in got["details"]["notices"]] == ["NOTIFIED", "NOTICE_FAILED"]


def test_a_workflow_that_refuses_before_its_notices_has_none(mistral):
    execution = mistral(None, {"result": DOWN})
    execution.own.spec["tasks"]["announce"] = {"tags": ["notice"]}
    assert reports.ending(CONTEXT)["details"] == {"notices": []}


# ---- cancel and pause


@pytest.mark.parametrize("given", [None, NOT_ENDED, "bystander"])
@pytest.mark.parametrize("state", ["RUNNING", "DELAYED", "IDLE", "PAUSED", "WAITING"])
def test_who_ends_an_execution_while_a_task_runs_has_cancelled_it(mistral, given, state):
    plan = {"result": {"report": NOT_ENDED}}
    got = ended(mistral, plan, {"result": DOWN}, {"name": "c", "state": state}, given=given)
    assert got == report("FAILED", "CANCELLED", CANCELLED, PLANNED)
    assert reports.servers_left(CONTEXT, got) is False


def test_who_ends_a_paused_execution_before_its_next_task_has_cancelled_it(mistral):
    execution = mistral(None, {"result": {"report": NOT_ENDED}})
    execution.tasks[-1].processed, execution.tasks[-1].has_next_tasks = False, True
    assert reports.ending(CONTEXT)["reason"] == "CANCELLED"
    execution.tasks[-1].has_next_tasks = False
    assert reports.ending(CONTEXT)["reason"] == "CARRIED_OUT"


@pytest.mark.parametrize(
    "result",
    [
        {"finished": False, "report": report("FAILED", "NOT_ENDED", "2 of 3", {"servers": LINES})},
        {
            "finished": True,
            "report": report("SUCCEEDED", "X", "3", {"host": "c1", "servers": LINES}),
        },
        Failed("no", "SERVERS_NOT_MOVED", {"servers": LINES}).as_dict(),
    ],
)
def test_after_a_cancel_that_is_the_reason_however_far_the_task_came(mistral, result):
    state = "ERROR" if result.get("finished") is not True else "SUCCESS"
    execution = mistral(NOT_ENDED, {"result": result, "state": state})
    execution.own.state = "CANCELLED"
    expected = report("FAILED", "CANCELLED", CANCELLED, {"host": "c1", "servers": LINES})
    assert reports.ending(asking(execution.tasks[-1])) == expected


# ---- a task that asks


def test_a_task_that_has_failed_finds_its_own_failure(mistral):
    execution = mistral(STAYED, {"result": DOWN, "processed": False})
    told = reports.ending(asking(execution.tasks[-1]))
    assert told["message"] == "1 stayed. Then: c9 is down."


def test_a_task_that_begins_finds_what_those_before_it_have_told(mistral):
    execution = mistral(None, {"result": {"report": NOT_ENDED}}, {"name": "b", "state": "RUNNING"})
    assert reports.ending(asking(execution.tasks[-1])) == NOT_ENDED


@pytest.mark.parametrize("kind", ["action", "workflow"])
def test_a_task_that_is_run_again_knows_how_far_its_last_run_came(mistral, kind):
    execution = mistral(NOT_ENDED)
    task = execution.task("b", state="RUNNING", output=None if kind == "action" else {})
    for newest in (4, 9):
        error = Failed("no", "X", {"newest_migration": newest, "servers": ["s"]}).as_dict()
        left = {"result": error} if kind == "action" else {"report": error["report"]}
        execution.run(task, left, state="ERROR", accepted=False)
    told = reports.ending(asking(task))
    assert told == {**NOT_ENDED, "details": {**PLANNED, "newest_migration": 9}}


@pytest.mark.parametrize("output", [None, {}, "lost", {"result": "its process died"}])
def test_a_run_that_left_no_report_says_nothing(mistral, output):
    execution = mistral(NOT_ENDED)
    task = execution.task("b", state="RUNNING")
    execution.run(task, output, state="ERROR")
    assert reports.ending(asking(task)) == NOT_ENDED


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
