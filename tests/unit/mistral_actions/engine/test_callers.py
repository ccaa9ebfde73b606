"""The next try of a task has the caller that Mistral lost, or none; never another one."""

import threading
import types

import pytest
import sqlalchemy
from sqlalchemy import orm

from mistral_actions.engine import callers, executions
from mistral_actions.errors import Failed, Unauthorized

TOKEN = "a-secret-token"
CONTEXT = {"__execution": {"id": "own"}, "__task_execution": {"id": "t1", "name": "some_task"}}
NOBODY = {"user": None, "project_id": None, "auth_token": None, "is_admin": True}
CALLER = {"user": "ann", "project_id": "blue", "auth_token": TOKEN, "is_admin": False}
NO_TOKEN = Unauthorized("Mistral passed no token to the action.").as_dict()


def context_of(values):
    """A context as later Mistrals have it: one for each lost action."""
    return types.SimpleNamespace(**values, to_dict=lambda: dict(values), root_execution_id=None)


class Mistral:
    """A thread of the engine, and the records that it can look at."""

    def __init__(self):
        self.thread = context_of(NOBODY)
        self.options = types.SimpleNamespace(
            pecan=types.SimpleNamespace(auth_enable=True), scheduler_type="default"
        )
        self.executions = {"own": self.execution("own")}
        self.task = types.SimpleNamespace(id="t1", type="ACTION", project_id="blue")
        self.jobs = {"check-own": [CALLER]}
        self.internals = callers._Mistral(
            self.options,
            lambda: self.thread is not None,
            lambda: self.thread,
            lambda given: setattr(self, "thread", given),
            lambda execution: f"check-{execution.id}",
        )

    @staticmethod
    def execution(name, project="blue", root=None):
        return types.SimpleNamespace(
            id=name,
            project_id=project,
            root_execution_id=root,
            state="RUNNING",
            task_execution_id=None,
        )

    def get_workflow_execution(self, name):
        return self.executions[name]

    def get_task_execution(self, _):
        return self.task

    def try_again(self, result):
        """Let the task ask that has this result."""
        run = types.SimpleNamespace(id="a1", created_at=0, output={"result": result})
        self.get_action_executions = lambda **_: [run]
        return executions.try_again(CONTEXT)

    def get_scheduled_jobs(self, key=None, **_):
        return [types.SimpleNamespace(auth_ctx=one) for one in self.jobs.get(key, [])]

    def get_delayed_calls(self, **_):
        return []

    def part_of(self, root):
        """Make the execution a part of another one."""
        self.executions = {"own": self.execution("own", "blue", root.id), root.id: root}
        self.jobs = {f"check-{root.id}": [CALLER]}

    def scheduled_for(self):
        """Return user, project and token that Mistral would keep with the next try."""
        kept = self.thread.to_dict()
        return kept["user"], kept["project_id"], kept["auth_token"]


@pytest.fixture
def mistral(monkeypatch):
    found = Mistral()
    monkeypatch.setattr(callers, "_internals", lambda: found.internals)
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: found)
    return found


GIVEN_BACK = ("ann", "blue", TOKEN)
STILL_LOST = (None, None, None)


def test_the_next_try_of_a_lost_action_has_its_caller(mistral):
    assert mistral.try_again("Heartbeat wasn't received.") is True
    assert mistral.scheduled_for() == GIVEN_BACK
    assert mistral.thread.to_dict()["is_admin"] is False


def test_a_part_of_a_recovery_has_the_caller_of_the_whole(mistral):
    mistral.part_of(mistral.execution("whole"))
    assert callers.give_back(CONTEXT) is True
    assert mistral.scheduled_for() == GIVEN_BACK
    assert mistral.thread.to_dict()["root_execution_id"] == "whole"


def test_an_action_that_got_no_token_is_tried_again_with_the_one_of_its_caller(mistral):
    """A task that follows a lost action whose tries have run out is begun without a token."""
    assert mistral.try_again(NO_TOKEN) is True
    assert mistral.scheduled_for() == GIVEN_BACK


def test_a_token_that_has_expired_is_not_tried_again(mistral):
    mistral.thread = context_of(CALLER)
    assert mistral.try_again(NO_TOKEN) is False
    assert mistral.scheduled_for() == GIVEN_BACK


def test_each_function_that_a_task_asks_at_its_end_gives_the_caller_back(mistral):
    executions.run_state(CONTEXT)
    executions.run_state(CONTEXT)
    assert mistral.scheduled_for() == GIVEN_BACK
    assert mistral.thread.own.to_dict() == NOBODY


def test_nothing_else_is_tried_again_because_the_caller_is_back(mistral):
    assert mistral.try_again(Failed("no").as_dict()) is False


def test_the_thread_itself_and_whoever_it_hands_its_context_to_stay_nobody(mistral):
    """One thread of Mistral ends the lost actions of all projects; others start what follows."""
    callers.give_back(CONTEXT)
    seen = mistral.thread
    assert (seen.project_id, seen.auth_token, seen.is_admin) == (None, None, True)
    elsewhere = []
    other = threading.Thread(target=lambda: elsewhere.append(seen.to_dict()))
    other.start()
    other.join()
    assert elsewhere == [NOBODY]


@pytest.mark.parametrize("of", ["task", "execution"])
def test_what_mistral_made_for_nobody_keeps_the_rights_with_which_mistral_finds_it(mistral, of):
    mistral.part_of(mistral.execution("whole"))
    whose = {"task": mistral.task, "execution": mistral.executions["own"]}[of]
    whose.project_id = None
    assert callers.give_back(CONTEXT) is True
    assert mistral.scheduled_for() == GIVEN_BACK
    assert mistral.thread.to_dict()["is_admin"] is True


def test_of_several_tokens_of_the_caller_it_is_the_one_that_lives_longest(mistral):
    ends = ["2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z", "2026-01-01T10:00:00Z", None]
    mistral.jobs["check-own"] = [{**CALLER, "auth_token": str(e), "expires_at": e} for e in ends]
    assert callers.give_back(CONTEXT) is True
    assert mistral.scheduled_for()[2] == ends[1]


OTHER_PROJECT = {**CALLER, "project_id": "red"}


@pytest.mark.parametrize(
    "jobs",
    [
        [],
        [None],
        [{}],
        [NOBODY],
        [{**CALLER, "auth_token": None}],
        [OTHER_PROJECT],
        [{**CALLER, "project_id": None}],
        [CALLER, {**CALLER, "user": "bob"}],
    ],
)
def test_without_one_caller_of_the_own_project_all_stays_as_it_is(mistral, jobs):
    mistral.jobs["check-own"] = jobs
    nobody = mistral.thread
    assert mistral.try_again(NO_TOKEN) is False
    assert mistral.try_again("Heartbeat wasn't received.") is True
    assert mistral.thread is nobody


@pytest.mark.parametrize(("own", "root"), [("blue", "red"), ("red", "blue"), (None, None)])
def test_an_execution_of_another_project_than_the_whole_has_no_caller(mistral, own, root):
    mistral.part_of(mistral.execution("whole", root))
    mistral.executions["own"].project_id = own
    mistral.jobs["check-whole"] = [CALLER, OTHER_PROJECT, NOBODY]
    assert callers.give_back(CONTEXT) is False


def test_without_authentication_nobody_is_looked_for(mistral):
    mistral.options.pecan.auth_enable = False
    assert callers.give_back(CONTEXT) is False
    assert mistral.thread.to_dict() == NOBODY


def test_outside_of_a_request_or_a_task_nobody_is_looked_for(mistral):
    assert callers.give_back({**CONTEXT, "__task_execution": None}) is False
    mistral.thread = None
    assert callers.give_back(CONTEXT) is False


@pytest.mark.parametrize("missing", ["get_scheduled_jobs", "get_task_execution"])
def test_records_that_have_changed_end_no_workflow_and_show_no_token(
    mistral, monkeypatch, caplog, missing
):
    def changed(*_, **__):
        raise AttributeError(f"no more auth_ctx in {CALLER}")

    monkeypatch.setattr(Mistral, missing, changed)
    assert callers.give_back(CONTEXT) is False
    assert mistral.thread.to_dict() == NOBODY
    assert "AttributeError" in caplog.text
    assert TOKEN not in caplog.text


def test_a_mistral_that_has_changed_inside_is_left_alone(mistral, monkeypatch):
    monkeypatch.setattr(callers, "_internals", lambda: None)
    assert mistral.try_again(NO_TOKEN) is False
    assert mistral.try_again("Heartbeat wasn't received.") is True
    assert mistral.thread.to_dict() == NOBODY


@pytest.fixture
def fifteen(mistral):
    """A thread of Mistral 15, which ends lost actions in one transaction, and in one context."""
    with orm.Session(sqlalchemy.create_engine("sqlite://")) as session:
        records = orm.registry()

        @records.mapped
        class Record:
            __tablename__ = "records"
            id: orm.Mapped[str] = orm.mapped_column(primary_key=True)
            project_id: orm.Mapped[str | None]
            root_execution_id: orm.Mapped[str | None]
            task_execution_id: orm.Mapped[str | None]
            state: orm.Mapped[str] = orm.mapped_column(default="RUNNING")
            last_heartbeat: orm.Mapped[int | None]

        records.metadata.create_all(session.connection())
        session.commit()

        def record(name, project):
            session.add(found := Record(id=name, project_id=project))
            session.flush()
            return found

        del mistral.thread.root_execution_id
        mistral.record, mistral.session = record, session
        mistral.executions["own"] = record("own", "blue")
        yield mistral


def test_the_thread_of_mistral_15_is_nobodys_again_behind_its_transaction(fifteen):
    own = fifteen.thread
    assert callers.give_back(CONTEXT) is True
    assert fifteen.scheduled_for() == GIVEN_BACK
    fifteen.session.commit()
    assert fifteen.thread is own


def test_a_thread_of_mistral_15_that_ends_actions_of_two_projects_stays_nobodys(fifteen, caplog):
    another = fifteen.record("other", "green")
    assert callers.give_back(CONTEXT) is False
    assert fifteen.scheduled_for() == STILL_LOST
    assert "[action_heartbeat] batch_size = 1" in caplog.text
    assert another.project_id == "green"
