"""What a task that is run again knows of its last run, and what a workflow tells in the end."""

import types

import pytest

from mistral_actions.engine import reruns
from mistral_actions.errors import Failed, report

BEFORE = report("FAILED", "NOT_ENDED", "compute1 has failed.", {"host": "compute1"})
MOVED = report("SUCCEEDED", "RECOVERED", "1 server evacuated.", {"servers": []})
CONTEXT = {"__execution": {"id": "e1"}, "__task_execution": {"id": "t1"}}


def record(number, **more):
    return types.SimpleNamespace(id=str(number), created_at=number, **more)


@pytest.fixture
def mistral(monkeypatch):
    """Mistral's database: the failed actions and sub-workflows of a task, and all tasks."""
    found = types.SimpleNamespace(actions=[], workflows=[], tasks=[])
    database = types.SimpleNamespace(
        get_task_execution=lambda found: types.SimpleNamespace(id=found),
        get_action_executions=lambda task_execution_id, state: found.actions,
        get_workflow_executions=lambda task_execution_id, state: found.workflows,
        get_task_executions=lambda workflow_execution_id, name=None, fields=None: [
            task for task in found.tasks if name in (None, task.name)
        ],
    )
    monkeypatch.setattr(reruns, "_db", lambda: database)
    return found


def action(number, **details):
    return record(number, output={"result": Failed("no", "X", details).as_dict()})


def workflow(number, **details):
    told = report("FAILED", "X", "no", details)
    return record(number, output={**told, "result": "Failure caused by error in tasks: ..."})


def test_a_task_that_runs_for_the_first_time_has_the_report_of_those_before_it(mistral):
    assert reruns.report_so_far(CONTEXT, BEFORE) is BEFORE


@pytest.mark.parametrize(("kind", "one"), [("actions", action), ("workflows", workflow)])
def test_a_task_that_is_run_again_knows_how_far_its_last_run_came(mistral, kind, one):
    ran = [one(2, newest_migration=9, servers=["s"]), one(1, newest_migration=4)]
    getattr(mistral, kind)[:] = ran

    told = reruns.report_so_far(CONTEXT, BEFORE)

    assert told == {**BEFORE, "details": {"host": "compute1", "newest_migration": 9}}
    assert BEFORE["details"] == {"host": "compute1"}


def test_what_an_earlier_attempt_left_in_nova_is_found_by_its_name(mistral):
    assert reruns.newest_before(CONTEXT, BEFORE, "newest_action") is None
    mistral.actions[:] = [action(1, newest_action="req-4")]
    assert reruns.newest_before(CONTEXT, BEFORE, "newest_action") == "req-4"


@pytest.mark.parametrize("before", [None, "bystander", 7, {"state": "FAILED"}])
def test_what_a_person_typed_as_a_report_knows_of_no_attempt(mistral, before):
    mistral.actions[:] = [action(1, newest_action="req-4")]
    assert reruns.newest_before(CONTEXT, before, "newest_action") is None


@pytest.mark.parametrize("output", [None, {}, "lost", {"result": "its process died"}])
def test_a_run_that_left_no_report_says_nothing(mistral, output):
    mistral.actions[:] = [record(1, output=output)]

    assert reruns.report_so_far(CONTEXT, BEFORE) is BEFORE


def task(number, name, finished, told):
    return record(number, name=name, finished_at=finished, published=told and {"report": told})


def test_the_last_report_is_that_of_the_task_that_ended_last(mistral):
    """The rerun task is older than the reporter of its failure, and has ended behind it."""
    mistral.tasks[:] = [
        task(2, reruns.REPORTER, "12:01", BEFORE),
        task(1, "instance_failure", "12:09", MOVED),
        task(0, "plan_recovery", "12:00", BEFORE),
        task(3, "silent", "12:10", None),
    ]

    assert reruns.last_report(CONTEXT, BEFORE) == MOVED


def test_without_a_report_of_a_task_the_merged_one_counts(mistral):
    assert reruns.last_report(CONTEXT, BEFORE) is BEFORE
