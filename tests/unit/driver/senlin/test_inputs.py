"""What a workflow is given, and what is wrong with what it would be given."""

import json

import pytest

from driver.senlin import check, inputs
from driver.senlin.model import REBUILD, WORKFLOW, ChainStep, RecoveryChain, StepFailed, Transient

FACTS = {name: f"the {name}" for name in inputs.IMPLICIT}
API = {"interface": json.dumps({"input": ["node_id", "host", {"reason": "a, b"}], "output": []})}
WANTED = {"node_id": False, "host": False, "reason": True}


def step(**given):
    return ChainStep(WORKFLOW, workflow="w", inputs=given)


class Catalogue:
    def __init__(self, answer):
        self.answer = answer

    def declared(self, step):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def problems(answer, *steps):
    return check.workflows(RecoveryChain(steps), lambda: Catalogue(answer))


def test_the_interface_of_a_workflow_is_read():
    assert inputs.declared(API) == WANTED


@pytest.mark.parametrize("found", [{}, {"interface": None}, {"interface": "{}"}])
def test_a_workflow_without_inputs_takes_none(found):
    assert inputs.declared(found) == {}


def test_only_what_is_declared_is_added():
    assert inputs.given(step(host="h"), WANTED, FACTS) == {"node_id": "the node_id", "host": "h"}


def test_what_the_policy_gives_wins():
    assert inputs.given(step(node_id="x"), WANTED, FACTS)["node_id"] == "x"


def test_every_implicit_input_is_documented():
    assert all(f"``{name}``" in inputs.__doc__ for name in inputs.IMPLICIT)


def test_a_policy_that_fits_has_no_problems():
    assert problems(WANTED, ChainStep(REBUILD), step(host="h")) == []


def test_a_missing_input_is_told_with_its_place():
    assert problems(WANTED, ChainStep(REBUILD), step()) == [
        "recovery.actions[1].params.inputs.host is missing, but workflow w needs it"
    ]


def test_an_input_that_is_not_declared_is_told_with_the_nearest():
    found = problems(WANTED, step(host="h", reson="x"))
    assert len(found) == 1
    assert "recovery.actions[0].params.inputs.reson is not an input of workflow w" in found[0]
    assert found[0].endswith("did you mean 'reason'?")


def test_a_workflow_that_does_not_exist_is_told():
    found = problems(StepFailed("workflow w does not exist"), step(host="h"))
    assert found == ["recovery.actions[0].params.workflow_name: workflow w does not exist"]


@pytest.mark.parametrize("error", [Transient("no answer"), ValueError("odd")])
def test_a_mistral_that_cannot_be_asked_is_one_problem(error):
    found = problems(error, step(host="h"), step(host="h"))
    assert len(found) == 1
    assert str(error) in found[0]


def test_mistral_is_not_asked_for_nothing():
    assert check.workflows(RecoveryChain((ChainStep(REBUILD),)), lambda: 1 / 0) == []
