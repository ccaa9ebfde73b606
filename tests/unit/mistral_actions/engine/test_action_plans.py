"""What the functions about plans find in Mistral's database, here one of plain records.

That they find it in a real one is seen in tests/workbooks/test_plans.py.
"""

import datetime
import types
import uuid

import pytest

from mistral_actions.engine import action_plans as functions
from mistral_actions.errors import report

PLAN = str(uuid.UUID(int=255))
NOW = datetime.datetime(2026, 11, 20, 12)
RUN = f"recovery.plan.{PLAN}.run"
OWN = "own"
CONTEXT = {"__execution": {"id": OWN}}


def output(state, reason="DONE", undo=None, abort_error=None):
    details = {"undo": undo, "abort_error": abort_error}
    return {"report": report(state, reason, "So it is.", details)}


def record(**fields):
    known = {"output": None, "input": {}, "state_info": None, "updated_at": None, "created_at": NOW}
    return types.SimpleNamespace(**{**known, **fields})


class Database:
    """Executions of workflows and of tasks; filters as Mistral's."""

    def __init__(self):
        self.executions, self.tasks = [], []

    def execution(self, id_, name, state="RUNNING", minute=0, **more):
        created = NOW + datetime.timedelta(minutes=minute)
        more = {"task_execution_id": None, "root_execution_id": None, "spec": {}, **more}
        self.executions.append(
            record(id=id_, workflow_name=name, state=state, created_at=created, **more)
        )

    def task(self, name, state, told=None, of=PLAN, sub="SUCCESS", steps=("check",), minute=0):
        """Add a task and its sub-workflow with these steps."""
        self.tasks.append(
            record(id=f"{of}/{name}", name=name, state=state, workflow_execution_id=of)
        )
        more = {"task_execution_id": f"{of}/{name}", "output": told}
        self.execution(f"sub-{name}", "recovery.action.stop", sub, minute, **more)
        for step in steps:
            self.tasks.append(record(id=step, name=step, workflow_execution_id=f"sub-{name}"))

    def load_workflow_execution(self, id_):
        return next((one for one in self.executions if one.id == id_), None)

    get_workflow_execution = load_workflow_execution

    def get_workflow_executions(self, **query):
        return self._find(self.executions, query)

    def get_task_executions(self, **query):
        return self._find(self.tasks, query)

    def _find(self, records, query):
        query.pop("fields", None)
        return [one for one in records if all(self._is(one, *item) for item in query.items())]

    def _is(self, one, key, wanted):
        value = getattr(one, key)
        return value in wanted["in"] if isinstance(wanted, dict) else value == wanted


@pytest.fixture
def database(monkeypatch):
    found = Database()
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: found)
    monkeypatch.setattr(functions, "_now", lambda: NOW + datetime.timedelta(minutes=30))
    return found


def spec(rule="ALWAYS", **children):
    tasks = {
        name: {
            "workflow": "recovery.action.stop",
            "input": {"action": f"id-{name}"},
            "on-success": list(of),
        }
        for name, of in children.items()
    }
    return {"tasks": {**tasks, "report_plan": {"action": "std.noop"}}, "vars": {"rule": rule}}


def cancel(database, state="RUNNING", id_="c1", plan=PLAN, minute=0, told=None):
    database.execution(id_, functions.CANCEL, state, minute, input={"plan": plan}, output=told)


@pytest.mark.parametrize(
    ("state", "cancelled"),
    [("RUNNING", True), ("PAUSED", True), ("SUCCESS", True), ("ERROR", False)],
)
def test_a_plan_is_cancelled_once_its_cancel_has_begun(database, state, cancelled):
    assert functions.plan_cancelled(CONTEXT, PLAN) is False
    cancel(database, state)
    cancel(database, plan="another", id_="c2")
    assert functions.plan_cancelled(CONTEXT, PLAN) is cancelled


def test_a_rollback_is_not_stopped_by_the_cancel_of_its_plan(database):
    cancel(database)
    assert functions.plan_cancelled(CONTEXT, None) is False
    assert functions.plan_cancelled(CONTEXT, '"None"') is False


def test_what_a_form_has_put_in_quotes_is_the_same_plan(database):
    database.execution(PLAN, RUN, spec=spec(a=[]))
    cancel(database, plan=f'"{PLAN}"')
    assert functions.plan_cancelled(CONTEXT, f" {PLAN}") is True
    facts = functions.plan_facts(CONTEXT, f'"{PLAN}"')
    assert (facts["plan"], facts["older_cancel"]) == (PLAN, "c1")


@pytest.mark.parametrize("nothing", [None, "", '"None"'])
def test_of_no_plan_nothing_is_known(database, nothing):
    assert functions.plan_facts(CONTEXT, nothing) == {"plan": None, "known": False}


def test_an_alternative_is_satisfied_by_a_success_in_its_own_execution(database):
    database.task("a", "SUCCESS", output("SUCCEEDED"), of=OWN)
    database.task("b", "ERROR", output("FAILED"), of=OWN)
    database.task("c", "SUCCESS", output("SUCCEEDED"), of="other")
    assert functions.satisfied_by(CONTEXT, ["b", "a"]).startswith("a, ")
    assert functions.satisfied_by(CONTEXT, ["b"]) is None
    assert functions.satisfied_by(CONTEXT, ["c"]) is None


@pytest.mark.parametrize(
    ("told", "parameters"),
    [
        (output("SUCCEEDED", undo={"parameters": {"x": 1}}), {"x": 1}),
        (output("SUCCEEDED"), None),
        (output("FAILED", undo={"parameters": {"x": 1}}), None),
        (output("SKIPPED", undo={"parameters": {"x": 1}}), None),
        ({"result": "stopped"}, None),
        (None, None),
    ],
)
def test_only_what_succeeded_and_has_a_record_is_undone(database, told, parameters):
    database.task("a", "SUCCESS", told)
    assert functions.undo_parameters(CONTEXT, PLAN, "a") == parameters
    assert functions.undo_parameters(CONTEXT, PLAN, "b") is None


def test_the_report_has_a_line_per_action(database):
    database.execution(OWN, RUN, spec=spec(a="b", b=["report_plan"]))
    database.task("a", "SUCCESS", output("SUCCEEDED"), of=OWN)
    database.task("b", "ERROR", output("FAILED"), of=OWN)
    told = functions.plan_report(CONTEXT)
    assert (told["state"], told["reason"]) == ("FAILED", "ACTIONS_FAILED")
    assert told["details"]["actions"][1] == {
        "action": "id-b",
        "task": "b",
        "type": "stop",
        "state": "FAILED",
        "reason": "DONE",
        "message": "So it is.",
    }


@pytest.mark.parametrize(
    ("ends", "state", "reason"),
    [
        (("SUCCEEDED", "SKIPPED"), "SUCCEEDED", "ROLLED_BACK"),
        (("SKIPPED", "SKIPPED"), "SKIPPED", "NOTHING_TO_ROLL_BACK"),
        (("SUCCEEDED", "FAILED"), "FAILED", "ACTIONS_FAILED"),
    ],
)
def test_the_report_of_a_rollback(database, ends, state, reason):
    database.execution(OWN, f"recovery.plan.{PLAN}.rollback", spec=spec(a="b", b=[]))
    for name, end in zip("ab", ends, strict=True):
        database.task(name, "SUCCESS", output(end), of=OWN)
    told = functions.plan_report(CONTEXT)
    assert (told["state"], told["reason"]) == (state, reason)


def test_a_plan_without_execution_is_unknown(database):
    database.execution(PLAN, "some.other.workflow")
    assert functions.plan_facts(CONTEXT, PLAN) == {"plan": PLAN, "known": False}


def test_what_is_known_of_a_plan_that_ended(database):
    database.execution(
        PLAN,
        RUN,
        "ERROR",
        spec=spec(a="b", b=[]),
        output=output("FAILED"),
        updated_at=NOW + datetime.timedelta(minutes=10),
    )
    database.task("a", "SUCCESS", output("SUCCEEDED", abort_error="no right"))
    database.task("b", "ERROR", output("FAILED"))
    assert functions.plan_facts(CONTEXT, PLAN) == {
        "plan": PLAN,
        "known": True,
        "state": "FAILED",
        "ended": True,
        "ended_at": "2026-11-20T12:10:00",
        "age": 1200.0,
        "busy": [],
        "succeeded": ["a"],
        "abort_errors": [{"task": "a", "message": "no right"}],
        "older_cancel": None,
        "rolled_back": None,
        "rollback": f"recovery.plan.{PLAN}.rollback",
    }


@pytest.mark.parametrize(
    ("steps", "minute", "busy"),
    [
        (("check",), 0, True),  # its check may have begun before the cancel did
        (("check",), 9, False),
        (("check", "start_migration"), 0, True),
        (("check", "start_migration"), 9, True),
    ],
)
def test_a_cancel_waits_for_what_may_change_something(database, steps, minute, busy):
    database.execution(PLAN, RUN, spec=spec(a=[]))
    cancel(database, id_=OWN, minute=5)
    database.task("a", "RUNNING", sub="RUNNING", steps=steps, minute=minute)
    facts = functions.plan_facts(CONTEXT, PLAN)
    assert facts["busy"] == (["a"] if busy else [])
    assert facts["state"] == "ONGOING"  # who asks does not count


@pytest.mark.parametrize(
    ("state", "minute", "told", "older"),
    [
        ("RUNNING", 4, None, "c1"),
        ("SUCCESS", 4, None, "c1"),
        ("RUNNING", 6, None, None),
        ("ERROR", 4, output("FAILED", "PLAN_ENDED"), None),
    ],
)
def test_of_two_cancels_the_older_one_counts(database, state, minute, told, older):
    database.execution(PLAN, RUN, spec=spec(a=[]))
    cancel(database, id_=OWN, minute=5)
    cancel(database, state, minute=minute, told=told)
    assert functions.plan_facts(CONTEXT, PLAN)["older_cancel"] == older


@pytest.mark.parametrize(("root", "known"), [("other", "other"), (OWN, None), (None, "r")])
def test_a_rollback_that_has_begun_is_known(database, root, known):
    database.execution(PLAN, RUN, "SUCCESS", spec=spec(a=[]))
    database.execution("r", f"recovery.plan.{PLAN}.rollback", root_execution_id=root)
    assert functions.plan_facts(CONTEXT, PLAN)["rolled_back"] == known


@pytest.mark.parametrize("state", ["ERROR", "CANCELLED"])
def test_a_rollback_that_did_not_succeed_may_be_repeated(database, state):
    database.execution(PLAN, RUN, "SUCCESS", spec=spec(a=[]))
    name = f"recovery.plan.{PLAN}.rollback"
    database.execution("r", name, state, root_execution_id="other")
    assert functions.plan_facts(CONTEXT, PLAN)["rolled_back"] is None
