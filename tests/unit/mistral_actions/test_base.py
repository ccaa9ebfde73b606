"""What every action of the pack keeps to: Mistral's rules, and errors that are returned."""

import importlib.metadata
import inspect
import json
import logging
import types

import pytest
from mistral_lib import actions, serialization
from mistral_lib.actions.base import ActionSerializer
from mistral_lib.utils import inspect_utils

from mistral_actions import base, errors
from mistral_actions.base import RecoveryAction
from mistral_actions.recovery import evacuation, hosts
from tests.unit.mistral_actions.recovering import HOST, plan_of

ACTIONS = [
    entry.load()
    for entry in sorted(importlib.metadata.entry_points(group="mistral_recovery.actions"))
    if entry.name.startswith("recovery.")
]
NOVA_ERRORS = [
    errors.NotFound,
    errors.Conflict,
    errors.Rejected,
    errors.Forbidden,
    errors.Unauthorized,
    errors.Unavailable,
]
TOKEN = "gAAAA-secret-token"
CONTEXT = types.SimpleNamespace(security=types.SimpleNamespace(auth_token=TOKEN))


class Broken(RecoveryAction):
    """An action that does not work."""

    def __init__(self, error):
        self.error = error

    def act(self, nova):
        raise self.error


@pytest.fixture
def run(monkeypatch, nova):
    """Run an action for Mistral on the fake Nova."""
    monkeypatch.setattr(base, "nova_of", lambda context: nova)
    return lambda action: action.run(CONTEXT)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.RecoveryError, "FAILED"),
        (errors.BadInput, "BAD_INPUT"),
        (errors.Refused, "REFUSED"),
        (errors.StillRunning, "STILL_RUNNING"),
        (errors.Failed, "FAILED"),
        (errors.NovaError, "NOVA_ERROR"),
        (errors.NotFound, "NOT_FOUND"),
        (errors.Conflict, "CONFLICT"),
        (errors.Rejected, "REJECTED"),
        (errors.Forbidden, "FORBIDDEN"),
        (errors.Unauthorized, "UNAUTHORIZED"),
        (errors.Unavailable, "NOVA_UNAVAILABLE"),
    ],
)
def test_each_error_is_returned_with_its_code_and_report(run, kind, code):
    result = run(Broken(kind("what happened")))
    assert result.is_error()
    assert result.error == {
        "code": code,
        "message": "what happened",
        "retriable": kind in (errors.Unavailable, errors.StillRunning),
        "report": {"state": "FAILED", "reason": code, "message": "what happened", "details": {}},
    }
    assert json.loads(json.dumps(result.error)) == result.error


def test_an_error_may_have_its_own_code_and_details(run):
    error = run(Broken(errors.Refused("up", "HOST_UP", {"servers": []}))).error
    assert (error["code"], error["report"]["reason"]) == ("HOST_UP", "HOST_UP")
    assert error["report"]["details"] == {"servers": []}


@pytest.mark.parametrize("kind", [KeyError, ValueError, TypeError, RuntimeError, OSError])
def test_an_unexpected_error_says_where_and_never_what(run, caplog, kind):
    """Its text could be anything, the caller's token too."""
    with caplog.at_level(logging.DEBUG):
        error = run(Broken(kind(f"header X-Auth-Token: {TOKEN}"))).error
    assert error["code"] == "INTERNAL_ERROR"
    assert error["retriable"] is False
    assert kind.__name__ in error["message"]
    assert "in act" in caplog.text
    assert TOKEN not in json.dumps(error) + caplog.text


@pytest.mark.parametrize("plan", ["compute1", '"None"', None, ["compute1"]])
@pytest.mark.parametrize("step", [hosts.PrepareReservedHost, hosts.PrepareServers])
def test_a_step_that_a_person_started_says_what_to_start_instead(run, nova, step, plan):
    error = run(step(plan)).error
    assert error["code"] == "BAD_INPUT"
    assert error["message"].startswith(f"Input 'plan' is {str(plan)!r}, and not the plan of a")
    assert "start recovery.host.recover" in error["message"]
    assert nova.calls == []


def test_an_unexpected_error_behind_another_is_not_told_either(run, caplog):
    error = RuntimeError("outer")
    error.__cause__ = ValueError(TOKEN)
    with caplog.at_level(logging.DEBUG):
        result = run(Broken(error))
    assert TOKEN not in json.dumps(result.error) + caplog.text


def test_errors_of_the_session_are_returned_too(monkeypatch):
    def refuse(context):
        raise errors.Unauthorized("no token")

    monkeypatch.setattr(base, "nova_of", refuse)
    assert Broken(None).run(CONTEXT).error["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize("action", ACTIONS)
def test_mistral_can_call_it(action):
    """Keyword-only arguments are invisible to it, a comma in a default breaks every call."""
    for parameter in list(inspect.signature(action).parameters.values()):
        assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        if parameter.default is not parameter.empty:
            assert "," not in json.dumps(parameter.default)
    assert inspect_utils.get_public_fields(action) == {}
    assert inspect_utils.get_arg_list_as_str(action.__init__).count("=") == sum(
        parameter.default is not parameter.empty
        for parameter in inspect.signature(action).parameters.values()
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_it_tells_operators_what_it_does(action):
    text = inspect.getdoc(action)
    assert "Nova: " in text or "Mistral: " in text
    for name in inspect.signature(action).parameters:
        assert f":param {name}:" in text


@pytest.mark.parametrize(
    "make",
    [
        lambda plan: hosts.PlanHostRecovery(HOST, dry_run=True, options={}),
        lambda plan: hosts.CheckHostFailed(plan),
        lambda plan: hosts.IsolateHost(plan),
        lambda plan: hosts.DisableHost(plan),
        lambda plan: hosts.PrepareServers(plan),
        lambda plan: hosts.PrepareReservedHost(plan, ["compute3"]),
        lambda plan: evacuation.EvacuateServers(plan, "compute3", 0),
    ],
)
def test_it_still_works_behind_the_wire(run, nova, make):
    """Mistral sends the attributes to the executor, where `__init__` does not run again."""
    nova.add("a")
    action = make(plan_of(nova))
    arrived = ActionSerializer().deserialize(ActionSerializer().serialize(action))
    assert type(arrived) is type(action)
    result = run(arrived)
    assert not isinstance(result, actions.Result)
    assert json.loads(json.dumps(result)) == result


def test_a_step_beside_another_run_of_it_does_nothing(run, nova):
    nova.add("a")
    plan = plan_of(nova)
    nova.calls.clear()
    action = evacuation.EvacuateServers(plan, alone=False)
    arrived = ActionSerializer().deserialize(ActionSerializer().serialize(action))
    says = "another run of this step has not ended yet"
    assert run(arrived) == {"finished": False, "message": says}
    assert nova.calls == []


def test_the_serializer_of_mistral_is_the_one_used_here():
    assert isinstance(actions.Action, type)
    assert issubclass(ActionSerializer, serialization.DictBasedSerializer)


def test_the_tree_of_errors_is_as_its_module_draws_it():
    assert all(issubclass(kind, errors.NovaError) for kind in NOVA_ERRORS)
    drawn = inspect.getdoc(errors)
    for kind in NOVA_ERRORS:
        assert kind.__name__ in drawn
        assert kind.code in drawn


def test_attempts_count_from_the_plan_unless_the_workflow_says_since_when(run, nova):
    server = nova.add("a")
    nova.outcomes[server["id"]] = ["error"]
    plan = plan_of(nova)
    run(evacuation.EvacuateServers(plan))
    nova.advance(5)
    error = run(evacuation.EvacuateServers(plan)).error
    assert error["code"] == "SERVERS_NOT_MOVED"
    newest = error["report"]["details"]["newest_migration"]
    assert run(evacuation.EvacuateServers(plan, None, newest))["running"] == 1
