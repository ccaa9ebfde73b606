"""The preparation of a node: what is written down, and what is refused."""

import pytest

from mistral_actions.errors import BadInput, Forbidden, Refused
from mistral_actions.nodes import preparation
from tests.unit.mistral_actions.fake_nodes import IMAGE, add, denied, through_json, written


def plan_of(nova, server, **given):
    return through_json(preparation.PlanNodePreparation(server["id"], **given).act(nova))


def record(nova, plan):
    return through_json(preparation.RecordRecovery(plan, "e1").act(nova))


def test_why_and_by_what_a_server_is_recovered_is_written_down(nova):
    server = add(nova, metadata={"mine": "1"})
    told = record(nova, plan_of(nova, server, reason='"no ping"'))["report"]
    assert (told["state"], told["reason"]) == ("SUCCEEDED", "PREPARED")
    assert nova.all[server["id"]]["metadata"] == {
        "mine": "1",
        "recovery_reason": "no ping",
        "recovery_execution": "e1",
    }


def test_a_server_in_error_is_ready_without_metadata(nova):
    told = record(nova, plan_of(nova, add(nova, "error")))["report"]
    assert (told["reason"], told["details"]["recorded"]) == ("PREPARED", False)


def test_a_busy_server_is_waited_for_before_and_after_the_plan(nova):
    server = add(nova)
    plan = plan_of(nova, server)
    nova.all[server["id"]]["OS-EXT-STS:task_state"] = "rebooting"
    for result in (plan_of(nova, server), record(nova, plan)):
        assert result["finished"] is False
        assert "rebooting" in result["message"]


@pytest.mark.parametrize(
    ("server", "code", "says"),
    [
        ({"vm_state": "deleted"}, "DELETED", "is deleted"),
        ({"task": "deleting"}, "DELETED", "about to be"),
        ({"vm_state": "building"}, "BUILDING", "still being built"),
        ({"lock": "mine"}, "LOCKED", "reason: mine"),
        ({"lock": "Recovery of host compute1"}, "RECOVERY_RUNNING", "recovered already"),
    ],
)
def test_a_server_that_cannot_be_made_ready_is_refused(nova, server, code, says):
    with pytest.raises(Refused, match=says) as refusal:
        plan_of(nova, add(nova, **server))
    assert refusal.value.code == code
    assert written(nova) == []


@pytest.mark.parametrize("given", [None, "", "web", "../servers", 7])
def test_a_node_is_named_by_its_id(nova, given):
    with pytest.raises(BadInput, match="node_id"):
        preparation.PlanNodePreparation(given).act(nova)


def test_a_server_that_is_not_there_is_unknown(nova):
    with pytest.raises(BadInput, match="Nova has no server") as refusal:
        plan_of(nova, {"id": IMAGE})
    assert refusal.value.code == "UNKNOWN_SERVER"


def test_who_may_not_write_metadata_is_told_which_role_is_missing(nova):
    plan = plan_of(nova, add(nova))
    nova.update_metadata = denied
    with pytest.raises(Forbidden, match=r"os_compute_api:x.* role member .*cluster's owner"):
        record(nova, plan)
