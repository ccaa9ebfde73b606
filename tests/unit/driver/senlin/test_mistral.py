"""Which answers of Mistral a chain takes for final, and which for passing."""

import pytest

from driver.errors import AuthenticationError, NotFoundError, RefusedError, UnreachableError
from driver.senlin.chain import Passing, Seen, StepFailed
from driver.senlin.model import WORKFLOW, Step
from driver.senlin.workflows import Mistral

STEP = Step(WORKFLOW, workflow="w", namespace="ours")


class Answers:
    """Requests to Mistral, answered in turn."""

    def __init__(self, *answers):
        self.answers, self.calls = list(answers), []

    def call(self, method, path, **options):
        self.calls.append((method, path, options))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_workflow_is_started_under_the_given_id_and_in_its_namespace():
    answers = Answers({"state": "RUNNING"})
    assert Mistral(answers).start(STEP, "e-1", {"a": 1}, "why") == Seen("RUNNING")
    method, path, options = answers.calls[0]
    assert (method, path) == ("POST", "/executions")
    assert options["json"] == {
        "id": "e-1",
        "workflow_name": "w",
        "workflow_namespace": "ours",
        "input": {"a": 1},
        "description": "why",
    }


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("Mistral refused: 400 Invalid input", 400),
        RefusedError("Mistral refused: 403 no", 403),
        RefusedError("Mistral refused: 500 Workflow not found [name=w]", 500),
        AuthenticationError("no token"),
    ],
)
def test_a_refusal_fails_the_step_with_mistrals_words(error):
    with pytest.raises(StepFailed, match=str(error)[:12]):
        Mistral(Answers(error)).start(STEP, "e-1", {}, "")


@pytest.mark.parametrize(
    "error",
    [UnreachableError("no answer"), RefusedError("500 Timed out waiting for a reply", 500)],
)
def test_no_usable_answer_passes(error):
    with pytest.raises(Passing):
        Mistral(Answers(error)).start(STEP, "e-1", {}, "")


def test_an_execution_is_seen_with_its_failure_as_one_line():
    answers = Answers({"state": "ERROR", "state_info": "it\n  broke: token=abcdef.\n"})
    assert Mistral(answers).look("e-1") == Seen("ERROR", "it broke: token=***")


def test_an_execution_that_is_not_there_is_none():
    assert Mistral(Answers(NotFoundError("no", 404))).look("e-1") is None


def test_a_refusal_to_look_passes():
    with pytest.raises(Passing):
        Mistral(Answers(RefusedError("403 no", 403))).look("e-1")


def test_only_an_execution_that_runs_is_cancelled():
    ended = Answers({"state": "SUCCESS"})
    assert Mistral(ended).cancel("e-1")
    assert len(ended.calls) == 1
    running = Answers({"state": "PAUSED"}, {})
    assert Mistral(running).cancel("e-1")
    assert running.calls[1][:2] == ("PUT", "/executions/e-1")


def test_a_cancel_that_did_not_arrive_is_told():
    assert not Mistral(Answers(UnreachableError("no answer"))).cancel("e-1")


def test_a_missing_workflow_is_told_with_its_namespace():
    with pytest.raises(StepFailed, match="workflow w does not exist in Mistral in namespace ours"):
        Mistral(Answers(NotFoundError("no", 404))).declared(STEP)
