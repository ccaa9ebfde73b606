"""Powering bare metal nodes on and off, over HTTP in Ironic's published shapes."""

import json

import pytest

from mistral_actions.action_plan import bare_metal
from mistral_actions.errors import Failed, RecoveryError, Refused
from mistral_actions.services import session
from tests.unit.mistral_actions.stub_services import (
    NODE,
    NODE_PATH,
    POWER_PATH,
    add_services,
    context_of,
    node,
)


@pytest.fixture
def ironic(openstack, no_waiting, monkeypatch):
    monkeypatch.setattr(session, "_cache", type(session._cache)())
    add_services(openstack)
    openstack.answers["GET", NODE_PATH] = [node()]
    openstack.answers["PUT", POWER_PATH] = [(202, "")]
    return openstack


def check(ironic, state="off", node_id=NODE):
    given = {"resource_id": node_id, "state": state}
    result = bare_metal.CheckNodePower("a1", given).act_for(context_of(ironic))
    assert json.loads(json.dumps(result)) == result
    return result


def step(ironic, todo):
    return bare_metal.SetNodePower(todo).act_for(context_of(ironic))


def test_a_node_is_powered_off_and_what_undoes_it_is_recorded(ironic):
    todo = check(ironic)
    assert todo["report"]["details"]["undo"] == {"parameters": {"resource_id": NODE, "state": "on"}}
    assert ironic.asked("PUT") == []
    ironic.answers["GET", NODE_PATH] = [node(), node(target="power off"), node("power off")]

    results = [step(ironic, todo) for _ in range(3)]

    assert [one["finished"] for one in results] == [False, False, True]
    assert results[2]["report"]["state"] == "SUCCEEDED"
    (asked,) = ironic.asked("PUT", POWER_PATH)
    assert asked.body == {"target": "power off"}
    assert asked.headers["x-openstack-ironic-api-version"] == "1.58"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (node("power off"), "NOTHING_TO_DO"),
        ((404, {"error_message": {"faultstring": "Node could not be found."}}), "GONE"),
    ],
)
def test_a_node_that_is_so_already_or_is_gone_is_skipped(ironic, answer, reason):
    ironic.answers["GET", NODE_PATH] = [answer]
    result = check(ironic)
    assert (result["report"]["state"], result["report"]["reason"]) == ("SKIPPED", reason)
    assert result["go_on"] is False


def test_a_node_may_be_given_by_its_name_and_one_that_ironic_does_not_know_is_refused(ironic):
    ironic.answers["GET", NODE_PATH.replace(NODE, "rack-1")] = [node(), (404, "")]
    todo = check(ironic, node_id="rack-1")
    assert todo["report"]["details"]["undo"]["parameters"]["resource_id"] == NODE
    with pytest.raises(Refused, match="no node 'rack-1'") as refused:
        check(ironic, node_id="rack-1")
    assert refused.value.code == "UNKNOWN_NODE"


def test_a_node_that_changes_its_power_is_looked_at_again(ironic):
    ironic.answers["GET", NODE_PATH] = [node(target="rebooting")]
    assert check(ironic)["finished"] is False


def test_a_node_that_another_process_holds_is_asked_again(ironic):
    todo = check(ironic)
    says = json.dumps({"faultstring": "Node is locked by host conductor1", "faultcode": "Client"})
    ironic.answers["PUT", POWER_PATH] = [(409, {"error_message": says})]
    result = step(ironic, todo)
    assert result["finished"] is False
    assert "locked by host conductor1" in result["message"]


def test_a_node_that_cannot_be_powered_off_fails_with_the_new_error_and_not_with_an_old_one(ironic):
    old = node(error="an old error")
    ironic.answers["GET", NODE_PATH] = [old]
    todo = check(ironic)
    assert step(ironic, todo)["finished"] is False
    ironic.answers["GET", NODE_PATH] = [node(error="BMC does not answer")]
    with pytest.raises(Failed, match="BMC does not answer") as failed:
        step(ironic, todo)
    assert failed.value.code == "POWER_FAILED"


@pytest.mark.parametrize(("state", "node_id"), [("of", NODE), ("off", "../nodes"), ("off", "..")])
def test_what_cannot_be_meant_is_refused_before_ironic_is_asked(ironic, state, node_id):
    with pytest.raises(RecoveryError) as refused:
        check(ironic, state, node_id)
    assert refused.value.code == "BAD_INPUT"
    assert ironic.asked("GET", NODE_PATH) == []


def test_a_cloud_without_bare_metal_says_so(ironic, monkeypatch):
    del ironic.answers["GET", "/identity/v3/auth/tokens"]
    with pytest.raises(RecoveryError, match="no such service"):
        check(ironic)
