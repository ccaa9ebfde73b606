"""Which answers of Mistral a chain takes for final, and which for passing."""

import itertools

import pytest
from keystoneauth1 import exceptions

from driver.mistral.client import MistralClient
from driver.mistral.transport import Transport
from driver.senlin import messages
from driver.senlin.model import WORKFLOW, ChainStep, ExecutionSeen, StepFailed, Transient
from driver.senlin.workflows import ChainWorkflows
from tests.unit.driver.fake_mistral import FakeApi, Response, refusal

STEP = ChainStep(WORKFLOW, workflow="w", namespace="ours")
NO_ANSWER = exceptions.ConnectFailure("refused")


@pytest.fixture
def api():
    return FakeApi()


@pytest.fixture
def workflows(api):
    return ChainWorkflows(MistralClient(Transport(api, patience=0)))


def test_a_workflow_is_started_under_the_given_id_and_in_its_namespace(api, workflows):
    api.faults = [Response(201, {"id": "e-1", "state": "RUNNING"})]
    assert workflows.start(STEP, "e-1", {"a": 1}, "why") == ExecutionSeen("RUNNING")
    method, path, options = api.requests[0]
    assert (method, path) == ("POST", "/executions")
    assert options["json"] == {
        "id": "e-1",
        "workflow_name": "w",
        "workflow_namespace": "ours",
        "input": {"a": 1},
        "description": "why",
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(400, "Invalid input"), "400 Invalid input"),
        (refusal(403, "no"), "403 no"),
        (refusal(500, "InputException: Invalid input [name=w]"), r"Invalid input \[name=w\]"),
        (refusal(500, "Workflow not found [name=w]"), "workflow w is not .* in namespace ours"),
        (exceptions.Unauthorized("expired"), "no token"),
    ],
)
def test_a_refusal_fails_the_step_with_mistrals_words(api, workflows, answer, words):
    api.faults = [answer]
    with pytest.raises(StepFailed, match=words):
        workflows.start(STEP, "e-1", {}, "")


@pytest.mark.parametrize("answer", [NO_ANSWER, refusal(500, "Timed out waiting for a reply")])
def test_no_usable_answer_passes(api, workflows, answer):
    api.faults = [answer]
    with pytest.raises(Transient):
        workflows.start(STEP, "e-1", {}, "")
    assert len(api.requests) == 1


def test_an_execution_is_seen_with_its_failure_as_one_line(api, workflows):
    api.execution("e-1").update(state="ERROR", state_info="it\n  broke: token=abcdef.\n")
    assert workflows.look("e-1") == ExecutionSeen("ERROR", "it broke: token=***")


def test_an_execution_that_is_not_there_is_none(workflows):
    assert workflows.look("e-1") is None


def test_a_refusal_to_look_passes(api, workflows):
    api.faults = [refusal(403, "no")]
    with pytest.raises(Transient):
        workflows.look("e-1")


def test_only_an_execution_that_runs_is_cancelled(api, workflows):
    api.execution("ended").update(state="SUCCESS")
    api.execution("paused").update(state="PAUSED")
    assert workflows.cancel("ended")
    assert workflows.cancel("paused")
    assert workflows.cancel("gone")
    assert [path for method, path, _ in api.requests if method == "PUT"] == ["/executions/paused"]


def test_a_cancel_that_did_not_arrive_is_told(api, workflows):
    api.faults = [NO_ANSWER]
    assert not workflows.cancel("e-1")


def test_a_missing_workflow_is_told_with_its_namespace(workflows):
    with pytest.raises(StepFailed, match="workflow w does not exist in Mistral in namespace ours"):
        workflows.declared(STEP)


def test_an_execution_that_does_not_move_is_looked_at_again_and_that_is_told(api):
    clock = itertools.count(0, 10)
    mistral = MistralClient(Transport(api, patience=0))
    workflows = ChainWorkflows(mistral, lambda: float(next(clock)))
    api.data["workflows"].append({"id": "1", "name": "recovery.keeper.look", "input": ""})
    api.execution("e-1")
    assert {workflows.look("e-1").note for _ in range(5)} == {""}
    (look,) = (one for one in api.data["executions"] if one["id"] != "e-1")
    found = {"executions": [{"id": "e-1", "asked": True}]}
    api.end(look["id"], state="SUCCEEDED", reason="LOOKED_AGAIN", message="It is.", details=found)
    for _ in range(2):
        status = messages.following("e-1", workflows.look("e-1"))
        assert status == "execution e-1 is RUNNING; nothing moves for 50 s: It is"
