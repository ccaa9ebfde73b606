"""A rehearsal that passes must be able to fail: it tells each kind of difference."""

import dataclasses
import pathlib

import pytest

from driver.rehearsals import cases
from driver.rehearsals.branches import untaken
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
        (
            GOOD,
            {"tasks": ["look", "meet"]},
            "tasks: task 2 is right, but meet was expected\n"
            "  expected look, meet\n  got      look, right, left, meet",
        ),
        (GOOD, {"tasks": ["look"]}, "tasks: task 2 is right, but none was expected any more"),
        (FAILED, {"tasks": [*FAILED.tasks, "x"]}, "tasks: there is no task 5, but x was expected"),
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
    assert problem.splitlines()[0] == "the workflow did not end within 3 steps"


def test_an_environment_holds_for_its_rehearsal_only(mistral):
    rehearse(mistral, GOOD)
    assert mistral.environment() == {"colour": "blue"}
    rehearse(mistral, FAILED)
    assert mistral.environment() is None


def test_a_misspelt_key_or_result_of_a_case_is_refused_with_its_line_and_the_right_one(tmp_path):
    directory = tmp_path / "some.workbook"
    directory.mkdir()
    (tmp_path / "some.workbook.results.yaml").write_text("fine: {data: 1}\n", encoding="utf-8")
    path = directory / "case.yaml"
    rest = "claim: c\nworkflow: w\ntasks: []\nstate: SUCCESS\n"
    path.write_text(rest + "results: {a: fine, b: [fine, {data: 2}]}\n", encoding="utf-8")
    (case,) = cases.read_cases([path])
    assert case.results == {"a": [{"data": 1}], "b": [{"data": 1}, {"data": 2}]}

    told = rest.replace("SUCCESS", "SUCESS")
    told += "results: {a: fin, b: {dat: 1}, c: [], d: {data: 1, error: 2}}\noutputs: {}\ninput: 1\n"
    path.write_text(told.replace("claim: c\n", ""), encoding="utf-8")
    with pytest.raises(cases.CasesError) as refused:
        cases.read_cases([path])
    assert str(refused.value).splitlines() == [
        f"{path}:1: the key 'claim' is missing",
        f"{path}:3: state: must be SUCCESS, ERROR, CANCELLED, PAUSED, not 'SUCESS'"
        "; did you mean 'SUCCESS'?",
        f"{path}:4: results.a: some.workbook.results.yaml has no result 'fin'"
        "; did you mean 'fine'?",
        f"{path}:4: results.b: a result is {{data: ...}} or {{error: ...}}, not a mapping",
        f"{path}:4: results.c: a task that runs needs one result at least",
        f"{path}:4: results.d: a result is {{data: ...}} or {{error: ...}}, not a mapping",
        f"{path}:5: outputs: there is no key 'outputs'; did you mean 'output'?",
        f"{path}:6: input: must be a mapping, not 1",
        "8 problems: nothing was rehearsed",
    ]


def test_a_directory_stands_for_the_cases_in_it_and_all_that_is_wrong_is_said_at_once(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep.results.yaml").write_text("fine: {dat: 1}\n", encoding="utf-8")
    for name in ("b", "a"):
        (tmp_path / "deep" / f"{name}.yaml").write_text("", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    with pytest.raises(cases.CasesError) as refused:
        cases.read_cases([tmp_path, tmp_path / "empty", tmp_path / "none.yaml"])
    assert str(refused.value).replace(f"{tmp_path}/", "").splitlines() == [
        "deep/a.yaml:1: there is nothing in it",
        "deep/b.yaml:1: there is nothing in it",
        "empty: there is no case (*.yaml) in this directory",
        "none.yaml: cannot be read: No such file or directory",
        "4 problems: nothing was rehearsed",
    ]


def test_branches_that_no_case_took_are_listed(mistral):
    """Every workflow, own and default transition counts; a task that cannot fail needs none."""
    path = pathlib.Path(__file__).parent / "fixtures" / "rehearsed.yaml"
    book = files.read_workbook(path)
    good, failed = rehearse(mistral, GOOD), rehearse(mistral, FAILED)
    ran, taken = good.workflows | failed.workflows, good.edges | failed.edges
    assert list(untaken([book], ran, taken)) == []
    assert list(untaken([book], good.workflows, good.edges)) == [
        "rehearsed.greet: never run",
        "rehearsed.poll: look on-error fall_back",
        "rehearsed.poll: fall_back on-error report_failure",
        "rehearsed.poll: report_failure on-success fail",
    ]
    assert "rehearsed.poll: look on-success left" in untaken([book], failed.workflows, failed.edges)
    assert list(untaken([book], (), (), only=["rehearsed.greet"])) == ["rehearsed.greet: never run"]
