"""The functions that workbooks call: what Mistral's database knows of other recoveries."""

import datetime
import types

import pytest

from mistral_actions.engine import executions

NOW = datetime.datetime(2026, 11, 20, 12, 0, 0)


def execution(number, host, state="RUNNING", minute=0, **given):
    return types.SimpleNamespace(
        id=f"e{number}",
        state=state,
        workflow_name="recovery.host.recover",
        spec={"tasks": {"confirm": {"tags": ["gate"]}, "write": {"tags": ["past_gate"]}}},
        created_at=NOW + datetime.timedelta(minutes=minute),
        input={"host": host, "dry_run": None, **given},
    )


class Database:
    """Mistral's database, of which two tables are known."""

    def __init__(self, executions=(), plans=(), steps=(), environment=None):
        self.executions, self.plans = list(executions), list(plans)
        self.steps, self.environment = list(steps), environment
        self.gates, self.past = {}, {}

    def get_workflow_execution(self, execution_id):
        return next(one for one in self.executions if one.id == execution_id)

    def get_workflow_executions(self, workflow_name, state):
        assert workflow_name in ("recovery.host.recover", "recovery.instance.recover")
        return [one for one in self.executions if one.state == state]

    def get_task_executions(self, **query):
        if query.get("workflow_name") == {"has": "recovery."}:
            return [step for step in self.steps if step.state == query["state"]]
        if of := query.get("workflow_execution_id"):
            return {"confirm": self.gates, "write": self.past}[query["name"]["in"][0]].get(of, [])
        assert query["name"] == "plan_recovery"
        assert query["workflow_name"] == "recovery.host.recover"
        assert query["sort_dirs"] == ["desc"]
        return [types.SimpleNamespace(published=plan) for plan in self.plans]

    def load_environment(self, name):
        assert name == "recovery"
        return self.environment


@pytest.fixture
def records(monkeypatch):
    def look(host, own, *others, plans=(), steps=()):
        monkeypatch.setattr(
            "mistral_actions.engine.database.api", lambda: Database([own, *others], plans, steps)
        )
        asking = {"id": "t1", "name": "plan_recovery"}
        context = {"__execution": {"id": own.id}, "__task_execution": asking}
        return executions.recovery_records(context, host)

    return look


def test_no_other_recovery_no_plans(records):
    found = records("c1", execution(1, "c1"))
    assert found == {"running": None, "in_flight": False, "plans": []}


def step(host, root="e2", action=executions.EVACUATE, minutes_ago=0, **more):
    then = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    then -= datetime.timedelta(minutes=minutes_ago)
    execution = types.SimpleNamespace(root_execution_id=root, input={"plan": {"host": host}})
    known = {
        "workflow_name": "recovery.methods.host_auto_failure",
        "state": "RUNNING",
        "spec": {"action": action},
        "workflow_execution": execution,
        "created_at": then,
        "updated_at": None,
    }
    return types.SimpleNamespace(**known | more)


@pytest.mark.parametrize(
    ("steps", "in_flight"),
    [
        ([], False),
        ([{"host": "c2"}], False),
        ([{"host": "c1", "root": "e1"}], False),
        ([{"host": "c1", "minutes_ago": 3}], False),
        ([{"host": "c1", "action": "std.email"}], False),
        ([{"host": "c1", "state": "SUCCESS"}], False),
        ([{"host": "c2"}, {"host": "c1", "state": "DELAYED"}], True),
        ([{"host": "c1", "workflow_name": "recovery.methods.host_rh_failure"}], True),
    ],
)
def test_a_step_of_this_host_that_still_runs_is_known(records, steps, in_flight):
    found = records('"c1"', execution(1, "c1"), steps=[step(**one) for one in steps])
    assert found["in_flight"] is in_flight


@pytest.mark.parametrize("plan", ["guest", None, {}, ["c1"]])
def test_a_step_that_a_person_started_with_no_plan_acts_on_no_host(records, plan):
    by_hand = step("c1")
    by_hand.workflow_execution.input["plan"] = plan
    assert records("c1", execution(1, "c1"), steps=[by_hand])["in_flight"] is False


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
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: database)
    look = ("recovery.instance.recover", "server")
    before = [
        {"id": "e2", "of": "web", "decided": True},
        {"id": "e5", "of": "db", "decided": True},
    ]
    assert executions.older_recoveries(context, *look) == before


def gate(state):
    return types.SimpleNamespace(state=state)


@pytest.mark.parametrize(
    ("gates", "minute", "decided"),
    [
        ([], 4, True),
        ([gate("RUNNING")], 4, True),
        ([gate("ERROR")], 4, None),
        ([], 6, None),
        ([gate("RUNNING")], 6, False),
        ([gate("SUCCESS")], 6, True),
        ([gate("ERROR")], 6, None),
    ],
)
def test_who_has_passed_a_gate_goes_before_and_who_was_refused_there_does_not(
    monkeypatch, gates, minute, decided
):
    database = Database([execution(1, "c1", minute=5), execution(2, "c1", minute=minute)])
    database.gates["e2"] = gates
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: database)
    found = executions.older_recoveries(
        {"__execution": {"id": "e1"}}, "recovery.host.recover", "host"
    )
    assert [one["decided"] for one in found] == ([] if decided is None else [decided])


@pytest.mark.parametrize("state", ["RUNNING", "SUCCESS", "ERROR"])
def test_who_has_begun_a_task_past_the_gate_goes_before_whoever_is_older(monkeypatch, state):
    """Also one that fails and leads on, as a notice that nobody takes."""
    database = Database([execution(1, "c1", minute=5), execution(2, "c1", minute=6)])
    database.past["e2"] = [gate(state)]
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: database)
    (found,) = executions.older_recoveries(
        {"__execution": {"id": "e1"}}, "recovery.host.recover", "host"
    )
    assert found["decided"]


def test_recoveries_of_other_hosts_do_not_matter(records):
    own, older = execution(1, "c1", minute=5), execution(2, "c2")
    plans = [{"plan": {"host": "c2"}}, {"plan": {"host": "c1", "n": 2}}, {}, {"plan": None}]
    plans.append({"plan": {"host": "c1", "n": 1}})
    found = records("c1", own, older, plans=plans)
    assert found["running"] is None
    assert [plan["n"] for plan in found["plans"]] == [2, 1]


def test_the_settings_are_the_environment_recovery(monkeypatch):
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: Database())
    assert executions.recovery_settings({}) == {}
    environment = types.SimpleNamespace(variables={"concurrency": 3})
    monkeypatch.setattr(
        "mistral_actions.engine.database.api", lambda: Database(environment=environment)
    )
    assert executions.recovery_settings({}) == {"concurrency": 3}
