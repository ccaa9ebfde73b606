"""The rebuild of a node: once, by who may, and to its end."""

import pytest

from mistral_actions.errors import BadInput, Failed, Forbidden, Refused
from mistral_actions.nodes import rebuild
from tests.unit.mistral_actions.fake_nodes import (
    IMAGE,
    FakeNodes,
    add,
    denied,
    through_json,
    written,
)

URL = "http://hook.example.org/T0-secret"


def plan_of(nova, server, **given):
    return through_json(
        rebuild.PlanNodeRebuild(server["id"], **{"notify_url": URL, **given}).act(nova)
    )


def carry_out(nova, plan, most=20):
    for _ in range(most):
        result = through_json(rebuild.RebuildServer(plan).act(nova))
        if result["finished"]:
            break
        nova.advance(1)
    return result


@pytest.mark.parametrize(
    ("was", "ends"), [("active", "active"), ("stopped", "stopped"), ("error", "active")]
)
def test_a_server_is_rebuilt_once_however_often_the_step_runs(nova, was, ends):
    server = add(nova, was)
    plan = plan_of(nova, server)
    for _ in range(3):
        told = carry_out(nova, plan)["report"]
        assert (told["state"], told["reason"]) == ("SUCCEEDED", "REBUILT")
        assert ends in told["message"]
    assert nova.requests(server) == ["rebuild"]


def test_the_question_whether_the_caller_may_rebuild_changes_nothing(nova):
    server = add(nova)
    before = dict(server)
    plan_of(nova, server)
    assert written(nova) == [{"rebuild": {"imageRef": rebuild.NO_IMAGE}}]
    assert nova.all[server["id"]] == before
    assert nova.requests(server) == []


def test_who_may_not_rebuild_is_told_which_role_is_missing(nova):
    server = add(nova)
    nova.act = denied
    with pytest.raises(Forbidden, match=r"os_compute_api:x.* role member .*cluster's owner"):
        plan_of(nova, server)


@pytest.mark.parametrize(
    ("server", "given", "code"),
    [
        ({"vm_state": "paused"}, {}, "WRONG_STATE"),
        ({"lock": ""}, {}, "LOCKED"),
        ({"image": ""}, {}, "VOLUME_BOOTED"),
        ({"image": {"id": rebuild.NO_IMAGE}}, {}, "UNKNOWN_IMAGE"),
        ({}, {"image": rebuild.NO_IMAGE}, "UNKNOWN_IMAGE"),
    ],
)
def test_what_cannot_be_rebuilt_is_refused(nova, server, given, code):
    with pytest.raises(Refused, match="Nothing was changed") as refusal:
        plan_of(nova, add(nova, **server), **given)
    assert refusal.value.code == code
    assert written(nova) == []


def test_a_server_on_a_dead_host_is_not_rebuilt():
    nova = FakeNodes(down=("compute1",))
    with pytest.raises(Refused, match=r"recovery\.node\.migrate") as refusal:
        plan_of(nova, add(nova))
    assert refusal.value.code == "HOST_DOWN"


def test_an_image_that_is_not_ready_is_refused(nova):
    nova.images = {IMAGE: "SAVING"}
    with pytest.raises(Refused, match="is SAVING"):
        plan_of(nova, add(nova))


def test_a_server_that_changes_at_the_last_moment_is_refused(nova):
    server = add(nova)
    nova.hook = lambda name, arguments: name == "act" and nova._change(server, task_state="x")
    with pytest.raises(Refused, match="409") as refusal:
        plan_of(nova, server)
    assert refusal.value.code == "WRONG_STATE"


def test_a_rebuild_that_failed_is_a_failure_with_the_fault_of_nova(nova):
    server, nova.power_fails = add(nova, "error"), {"active"}
    with pytest.raises(Failed, match="No valid host") as failure:
        carry_out(nova, plan_of(nova, server))
    assert failure.value.code == "REBUILD_FAILED"


@pytest.mark.parametrize(
    "url", [None, "", "ftp://T0-secret", "T0-secret", "http://", "http://h:x/T0-secret", 7]
)
def test_a_useless_address_is_refused_and_not_quoted(nova, url):
    with pytest.raises(BadInput, match="notify_url") as refusal:
        plan_of(nova, add(nova), notify_url=url)
    assert "T0-secret" not in refusal.value.message


def test_a_rebuild_that_does_not_end_tells_what_nova_is_at(nova):
    server = add(nova)
    plan = plan_of(nova, server)
    nova.power = 1000
    rebuild.RebuildServer(plan).act(nova)
    told = rebuild.RebuildServer(plan).act(nova)["report"]
    assert (told["reason"], "active, rebuilding" in told["message"]) == ("TIMED_OUT", True)
