"""A rehearsal that passes must be able to fail: it tells each kind of difference."""

import dataclasses
import pathlib

import pytest

from driver.rehearsals import branches, cases
from driver.rehearsals.rehearse import rehearse
from driver.workbooks import files

GOOD = cases.Case(
    claim="A poll is repeated until it has finished, and both sides meet.",
    workflow="rehearsed.poll",
    environment={"colour": "blue"},
    results={
        "look": [
            {"data": {"finished": False, "said": None}},
            {"error": "Heartbeat wasn't received."},
            {"data": {"finished": True, "said": {"a": [1, {"b": 2}], "c": 3}}},
        ]
    },
    inputs={"look": {"url": "http://nowhere.invalid"}},
    tasks=["look", "right", "left", "meet"],
    state="SUCCESS",
    output={"said": {"a": [1, {"b": 2}]}},
)
FAILED = cases.Case(
    claim="A sub-workflow that fails leads to the sentence of the reporter.",
    workflow="rehearsed.poll",
    results={"look": [{"error": {"code": "GONE"}}], "fall_back/say": [{"error": "no"}]},
    tasks=["look", "fall_back", "fall_back/say", "report_failure"],
    state="ERROR",
    state_info="It failed.",
)


@pytest.mark.parametrize("rehearsal", [GOOD, FAILED], ids=lambda one: one.state)
def test_a_rehearsal_that_describes_what_happens_passes(rehearsal, mistral):
    assert rehearse(mistral, rehearsal).problems == []


@pytest.mark.parametrize(
    ("rehearsal", "change", "problem"),
    [
        (GOOD, {"tasks": ["look", "meet"]}, "tasks:"),
        (GOOD, {"state": "ERROR"}, "state:\n  expected ERROR\n  got      SUCCESS"),
        (FAILED, {"state_info": "It fail"}, "state_info:"),
        (FAILED, {"state_info": None}, "state_info:\n  expected None\n  got      It failed."),
        (GOOD, {"output": {"said": {"a": [1, {"b": 3}]}}}, "output.said.a[1].b:\n  expected 3"),
        (GOOD, {"output": {"said": {"a": [1]}}}, "output.said.a:"),
        (GOOD, {"output": {"other": 1}}, "output.other:\n  expected 1\n  got      '(nothing)'"),
        (GOOD, {"inputs": {"look": {"url": "x"}}}, "inputs.look.url:\n  expected 'x'"),
        (
            GOOD,
            {"results": {}},
            "task look runs std.http, but results says nothing about it",
        ),
        (
            FAILED,
            {"results": {**FAILED.results, "fall_back": [{"data": 1}]}},
            "results has task fall_back, which never ran",
        ),
    ],
)
def test_a_rehearsal_fails_when_something_else_happens(rehearsal, change, problem, mistral):
    problems = rehearse(mistral, dataclasses.replace(rehearsal, **change)).problems
    assert any(one.startswith(problem) for one in problems), problems


def test_a_task_without_a_result_ends_the_rehearsal_at_once(mistral):
    """It is not tried again by the workflow's own retry, and nothing behind it runs."""
    done = rehearse(mistral, dataclasses.replace(GOOD, results={}))
    assert done.edges == frozenset()


def test_delays_cost_virtual_time_only(mistral):
    """Two retries an hour apart have passed when the run returns."""
    looks = iter(GOOD.results["look"])
    done = mistral.run(
        "rehearsed.poll", {}, lambda task, *_: next(looks) if task == "look" else None
    )
    assert done.state == "SUCCESS"
    assert 2 * 3600 <= done.seconds < 2 * 3600 + 60


def test_a_workflow_that_never_ends_is_stopped(mistral, monkeypatch):
    monkeypatch.setattr("driver.rehearsals.agenda.MAX_STEPS", 3)
    (problem, *_) = rehearse(mistral, GOOD).problems
    assert problem == "the workflow did not end within 3 steps"


def test_an_environment_holds_for_its_rehearsal_only(mistral):
    rehearse(mistral, GOOD)
    assert mistral.environment() == {"colour": "blue"}
    rehearse(mistral, FAILED)
    assert mistral.environment() is None


def test_a_misspelt_key_or_result_of_a_rehearsal_is_refused(tmp_path):
    directory = tmp_path / "some.workbook"
    directory.mkdir()
    (tmp_path / "some.workbook.results.yaml").write_text("fine: {data: 1}\n", encoding="utf-8")
    case = directory / "case.yaml"
    rest = "claim: c\nworkflow: w\ntasks: []\nstate: SUCCESS\n"
    case.write_text(rest + "results: {a: fine, b: [fine, {data: 2}]}\n", encoding="utf-8")
    assert cases.load(case).results == {"a": [{"data": 1}], "b": [{"data": 1}, {"data": 2}]}
    case.write_text(rest + "results: {a: fin}\n", encoding="utf-8")
    with pytest.raises(KeyError, match="fin"):
        cases.load(case)
    case.write_text(rest + "outputs: {}\n", encoding="utf-8")
    with pytest.raises(TypeError, match="outputs"):
        cases.load(case)


def test_transitions_that_no_rehearsal_took_are_listed(mistral):
    """Every workflow, own and default transition counts; a task that cannot fail needs none."""
    path = pathlib.Path(__file__).parent / "fixtures" / "rehearsed.yaml"
    book = files.read_workbook(path)
    good, failed = rehearse(mistral, GOOD), rehearse(mistral, FAILED)
    assert list(branches.untaken([book], [good, failed])) == []
    assert list(branches.untaken([book], [good])) == [
        "rehearsed.greet: never run",
        "rehearsed.poll: look on-error fall_back",
        "rehearsed.poll: fall_back on-error report_failure",
        "rehearsed.poll: report_failure on-success fail",
    ]
    assert "rehearsed.poll: look on-success left" in branches.untaken([book], [failed])
