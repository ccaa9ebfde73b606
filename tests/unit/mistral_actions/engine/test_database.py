"""What the functions see of Mistral's database, whoever the thread of the engine is."""

import sys
import types

import pytest

from mistral_actions.engine import database, internals

OF_NO_PROJECT = types.SimpleNamespace(is_admin=True, project_id=None)
OF_BLUE = types.SimpleNamespace(is_admin=True, project_id="blue")


@pytest.fixture
def thread(monkeypatch):
    """Make the thread somebody's, of a Mistral 15 in which all records belong to a project."""

    monkeypatch.setattr(internals, "problem", lambda: None)

    def records(insecure=False, **_):
        return ["of blue"] if insecure else []

    lists = {f"get_{kind}_executions": records for kind in ("task", "action", "workflow")}
    context = types.SimpleNamespace(has_ctx=lambda: True)
    for name, found in (
        ("mistral", types.SimpleNamespace(context=context)),
        ("mistral.db", types.SimpleNamespace()),
        ("mistral.db.v2", types.SimpleNamespace(api=types.SimpleNamespace(**lists))),
    ):
        monkeypatch.setitem(sys.modules, name, found)
    return lambda who: setattr(context, "ctx", lambda: who)


def seen():
    api = database.api()
    return [
        *api.get_task_executions(id="t"),
        *api.get_action_executions(id="a"),
        *api.get_workflow_executions(id="e"),
    ]


def test_a_thread_of_no_project_sees_the_records_of_all(thread):
    thread(OF_NO_PROJECT)
    assert seen() == ["of blue"] * 3
    assert database.api().get_task_execution("t") == "of blue"
    assert database.api().load_task_execution("t") == "of blue"
    assert database.api().load_workflow_execution("e") == "of blue"


def test_a_thread_of_a_project_sees_what_mistral_shows_it(thread):
    thread(OF_BLUE)
    assert seen() == []
