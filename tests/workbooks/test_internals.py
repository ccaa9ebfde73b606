"""A Mistral that has changed inside is refused before the night, with one sentence."""

import ast
import importlib.metadata
import json
from pathlib import Path

import pytest

import mistral_actions.engine
from mistral_actions.engine import database, internals, provider

ENGINE = Path(mistral_actions.engine.__file__).parent
LACKING = f"Mistral {importlib.metadata.version('mistral')} has changed inside"


@pytest.fixture(params=[
    "mistral.db.v2.api.get_delayed_calls",
    "mistral.db.v2.sqlalchemy.models.DelayedCall",
    "mistral.engine.workflow_handler._get_integrity_check_key",
    "mistral.context.set_ctx",
])
def lacking(mistral, monkeypatch, request):
    """The name of something that this Mistral has under another name."""
    del mistral
    monkeypatch.delattr(request.param)
    internals.problem.cache_clear()
    yield request.param
    internals.problem.cache_clear()


@pytest.mark.usefixtures("mistral")
def test_this_mistral_has_all_that_is_used_of_its_inside():
    assert list(internals.missing()) == []


def test_a_mistral_that_has_changed_inside_is_named_in_its_log_when_it_starts(lacking, caplog):
    provider.RecoveryActions()
    provider.RecoveryActions()
    (said,) = caplog.messages
    assert LACKING in said
    assert lacking in said


def test_its_list_of_actions_says_so_where_sync_looks(lacking):
    found = {one.name: one for one in provider.RecoveryActions().find_all()}
    assert found[provider.REFUSED].description == internals.problem()
    assert lacking in internals.problem()


def test_nothing_is_read_in_it(lacking):
    with pytest.raises(internals.Changed, match=LACKING):
        database.api()


@pytest.mark.usefixtures("mistral")
def test_a_mistral_that_is_not_refused_has_no_such_action():
    internals.problem.cache_clear()
    assert provider.RecoveryActions().find(provider.REFUSED) is None


def test_an_option_that_is_gone_and_a_parameter_that_is_gone_are_missed(mistral, monkeypatch):
    del mistral
    monkeypatch.setattr(internals, "USED", {
        "oslo_config.cfg": ("CONF.no_such.option", "CONF.pecan.auth_enable"),
        "mistral.db.v2.sqlalchemy.api": ("_get_collection(insecure)", "_get_collection(other)"),
        "mistral.no_such": ("thing",),
    })
    assert list(internals.missing()) == [
        "oslo_config.cfg.CONF.no_such.option",
        "mistral.db.v2.sqlalchemy.api._get_collection(other)",
        "mistral.no_such",
    ]


def test_all_that_the_functions_ask_of_mistrals_database_is_in_the_list():
    asked = set()
    for path in ENGINE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in (
                "db", "database.api()", "self._api",
            ):
                asked.add(node.attr)
    assert asked == set(internals.USED["mistral.db.v2.api"])


def test_all_that_is_imported_of_mistral_is_in_the_list():
    imported = set()
    for path in ENGINE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "mistral":
                imported |= {f"{node.module}.{name.name}" for name in node.names}
    assert imported <= internals.USED.keys(), json.dumps(sorted(imported))


@pytest.fixture
def renamed(mistral, monkeypatch):
    """The sentence about a Mistral that works, and has one function under another name."""
    del mistral
    monkeypatch.setitem(internals.USED, "mistral.db.v2.api", ("get_by_a_name_of_old",))
    internals.problem.cache_clear()
    yield internals.problem()
    internals.problem.cache_clear()


STARTED = {
    "recovery.host.recover": {"host": "compute1", "dry_run": True},
    "recovery.instance.recover": {"server": "web"},
    "recovery.process.recover": {"host": "compute1"},
    "recovery.action_plan.cancel": {"plan": "11111111-1111-4111-8111-111111111111"},
}


@pytest.mark.parametrize("workflow", STARTED)
def test_each_workflow_ends_with_that_sentence_and_a_dry_run_does(mistral, renamed, workflow):
    actions = []

    def refuse(_path, name, _given):
        actions.append(name)
        refusal = provider.RecoveryActions().find(name).instantiate({}, {})
        return {"error": refusal.run(None).error}

    ran = mistral.run(workflow, STARTED[workflow], refuse)
    assert len(actions) == 1
    assert (ran.state, ran.state_info) == ("ERROR", renamed)
    told = ran.output["report"]
    assert (told["state"], told["reason"], told["message"]) == (
        "FAILED", "MISTRAL_CHANGED", renamed)
