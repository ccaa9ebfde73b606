"""Enabling and disabling compute services in a plan."""

import json

import pytest

from mistral_actions.action_plan import compute_services
from mistral_actions.errors import BadInput, Refused, Unavailable
from tests.unit.mistral_actions.fake_moves import FakeMoves


@pytest.fixture
def nova():
    return FakeMoves()


def check(nova, **parameters):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mistral_actions.base.nova_of", lambda context: nova)
        result = compute_services.CheckServiceState("a1", parameters).act_for(None)
    assert json.loads(json.dumps(result)) == result
    return result


def written(nova):
    return [arguments[2] for name, arguments in nova.calls if name == "update_service"]


@pytest.mark.parametrize("word", ["disabled", "offline", "down"])
@pytest.mark.parametrize(
    "name",
    [
        {"resource_name": "compute1"},
        {"resource_name": "compute1.example.org"},
        {"resource_id": "uuid-of-compute1"},
        {"resource_id": "uuid-of-compute2", "resource_name": "compute1"},
    ],
)
def test_a_service_is_disabled_with_a_reason_by_any_name_of_its_host(nova, word, name):
    todo = check(nova, **name, state=word, disabled_reason="new memory")
    undo = {"parameters": {"resource_name": "compute1", "state": "enabled"}}
    assert todo["report"]["details"]["undo"] == undo
    assert written(nova) == []

    result = compute_services.SetServiceState(todo).act(nova)

    assert result["report"]["state"] == "SUCCEEDED"
    assert written(nova) == [{"status": "disabled", "disabled_reason": "new memory"}]
    assert nova.services["compute1"]["status"] == "disabled"


def test_the_undo_of_enabling_a_service_is_to_disable_it_for_its_former_reason(nova):
    nova.services["compute1"].update(status="disabled", disabled_reason="repair")
    todo = check(nova, resource_name="compute1", state="enabled")
    assert todo["report"]["details"]["undo"]["parameters"] == {
        "resource_name": "compute1",
        "state": "disabled",
        "disabled_reason": "repair",
    }
    compute_services.SetServiceState(todo).act(nova)
    assert written(nova) == [{"status": "enabled"}]


@pytest.mark.parametrize("reason", ["None", '"repair"', "null", " a\nb ", "5"])
def test_rolled_back_a_service_has_the_very_reason_it_had(nova, reason):
    nova.services["compute1"].update(status="disabled", disabled_reason=reason)
    enabled = check(nova, resource_name="compute1", state="enabled")
    compute_services.SetServiceState(enabled).act(nova)
    disabled = check(nova, **enabled["report"]["details"]["undo"]["parameters"])
    compute_services.SetServiceState(disabled).act(nova)
    assert nova.services["compute1"]["disabled_reason"] == reason


@pytest.mark.parametrize("reason", ["x" * 256, 5, ["repair"]])
def test_a_reason_that_nova_would_not_take_is_refused(nova, reason):
    with pytest.raises(BadInput, match=r"'disabled_reason' is .* at most 255 characters"):
        check(nova, resource_name="compute1", state="disabled", disabled_reason=reason)


def test_a_service_is_never_disabled_without_a_reason(nova):
    todo = check(nova, resource_name="compute1", state="disabled")
    compute_services.SetServiceState(todo).act(nova)
    (change,) = written(nova)
    assert "a1" in change["disabled_reason"]


def test_a_service_that_is_so_already_is_skipped(nova):
    result = check(nova, resource_name="compute1", state="online")
    ended = result["report"]["state"], result["report"]["reason"], result["go_on"]
    assert ended == ("SKIPPED", "NOTHING_TO_DO", False)


def test_a_service_that_nova_does_not_know_is_refused(nova):
    with pytest.raises(Refused, match="no compute service on a host 'compute9'") as refused:
        check(nova, resource_name="compute9", state="disabled")
    assert refused.value.code == "UNKNOWN_HOST"


def test_a_service_that_is_written_down_before_nova_answers_is_not_disabled_again(nova):
    todo = check(nova, resource_name="compute1", state="disabled")

    def no_answer(name, arguments):
        if name == "update_service":
            raise Unavailable("504")

    nova.afterwards = no_answer
    with pytest.raises(Unavailable):
        compute_services.SetServiceState(todo).act(nova)
    result = compute_services.SetServiceState(todo).act(nova)
    assert result["report"]["state"] == "SUCCEEDED"
    assert len(written(nova)) == 1


@pytest.mark.parametrize("given", [{"state": "disabled"}, {"resource_name": "compute1"}])
def test_what_is_missing_is_named(nova, given):
    with pytest.raises(BadInput, match="is missing"):
        check(nova, **given)
