"""The functions that workbooks call."""

import datetime
import types

import pytest

from mistral_actions import functions
from mistral_actions.errors import Failed, Unavailable, report

NOW = datetime.datetime(2026, 11, 20, 12, 0, 0)
LINES = [{"id": "1", "state": "FAILED"}]
NOT_ENDED = report("FAILED", "NOT_ENDED", "not yet", {"host": "c1", "servers": ["planned"]})


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
    database = types.SimpleNamespace(get_workflow_execution=lambda _: execution(1, "c1"))
    monkeypatch.setattr(functions, "_db", lambda: database)
    assert functions.try_again({"__execution": {"id": "e1"}}, result) is again


@pytest.mark.parametrize("state", ["CANCELLED", "ERROR", "SUCCESS"])
def test_nothing_is_tried_again_once_the_execution_has_ended(monkeypatch, state):
    database = types.SimpleNamespace(get_workflow_execution=lambda _: execution(1, "c1", state))
    monkeypatch.setattr(functions, "_db", lambda: database)
    assert functions.try_again({"__execution": {"id": "e1"}}, {"finished": False}) is False


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


# ---- what Mistral's database knows


def execution(number, host, state="RUNNING", minute=0, **given):
    return types.SimpleNamespace(
        id=f"e{number}",
        state=state,
        created_at=NOW + datetime.timedelta(minutes=minute),
        input={"host": host, "dry_run": None, **given},
    )


class Database:
    """Mistral's database, of which two tables are known."""

    def __init__(self, executions=(), plans=(), steps=(), environment=None):
        self.executions, self.plans = list(executions), list(plans)
        self.steps, self.environment = list(steps), environment

    def get_workflow_execution(self, execution_id):
        return next(one for one in self.executions if one.id == execution_id)

    def get_workflow_executions(self, workflow_name, state):
        assert workflow_name in ("recovery.host.recover", "recovery.instance.recover")
        return [one for one in self.executions if one.state == state]

    def get_task_executions(self, **query):
        if query["name"] != "plan_recovery":
            return [
                step
                for step in self.steps
                if step.name == query["name"]
                and step.workflow_execution_id
                == query.get("workflow_execution_id", step.workflow_execution_id)
            ]
        assert query["workflow_name"] == "recovery.host.recover"
        assert query["sort_dirs"] == ["desc"]
        return [types.SimpleNamespace(published=plan) for plan in self.plans]

    def load_environment(self, name):
        assert name == "recovery"
        return self.environment


@pytest.fixture
def records(monkeypatch):
    def look(host, own, *others, plans=(), steps=()):
        monkeypatch.setattr(functions, "_db", lambda: Database([own, *others], plans, steps))
        return functions.recovery_records({"__execution": {"id": own.id}}, host)

    return look


def test_no_other_recovery_no_plans(records):
    found = records("c1", execution(1, "c1"))
    assert found == {"running": None, "in_flight": False, "plans": []}


def step(host, execution_id="e2", name="evacuate_servers", minutes_ago=0):
    then = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    then -= datetime.timedelta(minutes=minutes_ago)
    return types.SimpleNamespace(
        name=name,
        workflow_execution_id=execution_id,
        in_context={"plan": {"host": host}},
        created_at=then,
        updated_at=None,
    )


@pytest.mark.parametrize(
    ("steps", "in_flight"),
    [
        ([], False),
        ([{"host": "c2"}], False),
        ([{"host": "c1", "execution_id": "e1"}], False),
        ([{"host": "c1", "minutes_ago": 3}], False),
        ([{"host": "c2"}, {"host": "c1"}], True),
        ([{"host": "c1", "name": "evacuate_to_reserved_host"}], True),
    ],
)
def test_a_step_of_this_host_that_still_runs_is_known(records, steps, in_flight):
    found = records('"c1"', execution(1, "c1"), steps=[step(**one) for one in steps])
    assert found["in_flight"] is in_flight


@pytest.mark.parametrize("state", ["RUNNING", "PAUSED"])
def test_an_older_recovery_of_this_host_wins(records, state):
    own, older = execution(1, "c1", minute=5), execution(2, "c1", state, minute=4)
    assert records("c1", own, older)["running"] == "e2"
    older.state = "SUCCESS"
    assert records("c1", own, older)["running"] is None


def test_of_two_that_start_at_once_exactly_one_goes_on(records):
    one, two = execution(1, "c1"), execution(2, "c1")
    assert records("c1", one, two)["running"] is None
    assert records("c1", two, one)["running"] == "e1"


@pytest.mark.parametrize("host", ["c1", '"c1"', " c1 ", "'c1'"])
def test_a_host_quoted_by_a_form_is_the_same_host(records, host):
    own, older = execution(1, "c1", minute=5), execution(2, host)
    assert records(host, own, older)["running"] == "e2"


@pytest.mark.parametrize("said", [True, "True", '"True"', "yes", "what?"])
def test_an_older_dry_run_is_in_nobodys_way(records, said):
    own, older = execution(1, "c1", minute=5), execution(2, "c1", dry_run=said)
    assert records("c1", own, older)["running"] is None


@pytest.mark.parametrize("said", [False, "False", '"False"', "", '"None"'])
def test_an_older_one_that_is_no_dry_run_is(records, said):
    own, older = execution(1, "c1", minute=5), execution(2, "c1", dry_run=said)
    assert records("c1", own, older)["running"] == "e2"


def test_older_recoveries_of_servers_are_known_by_what_they_were_given(monkeypatch):
    own = execution(1, None, minute=5)
    others = [
        execution(2, None, minute=4, server='"web"'),
        execution(3, None, minute=6, server="younger"),
        execution(4, None, minute=4, server="dry", dry_run=True),
        execution(5, None, "PAUSED", minute=4, server="db"),
        execution(6, None, "ERROR", minute=4, server="ended"),
    ]
    context = {"__execution": {"id": "e1"}}
    database = Database([own, *others])
    monkeypatch.setattr(functions, "_db", lambda: database)
    look = ("recovery.instance.recover", "server", "stop_server")
    before = [
        {"id": "e2", "of": "web", "decided": True},
        {"id": "e5", "of": "db", "decided": True},
    ]
    assert functions.older_recoveries(context, *look) == before


def test_recoveries_of_other_hosts_do_not_matter(records):
    own, older = execution(1, "c1", minute=5), execution(2, "c2")
    plans = [{"plan": {"host": "c2"}}, {"plan": {"host": "c1", "n": 2}}, {}, {"plan": None}]
    plans.append({"plan": {"host": "c1", "n": 1}})
    found = records("c1", own, older, plans=plans)
    assert found["running"] is None
    assert [plan["n"] for plan in found["plans"]] == [2, 1]


def test_the_settings_are_the_environment_recovery(monkeypatch):
    monkeypatch.setattr(functions, "_db", lambda: Database())
    assert functions.recovery_settings({}) == {}
    environment = types.SimpleNamespace(variables={"concurrency": 3})
    monkeypatch.setattr(functions, "_db", lambda: Database(environment=environment))
    assert functions.recovery_settings({}) == {"concurrency": 3}
