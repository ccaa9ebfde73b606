"""What the keeper is asked, what it tells, and the note that it leaves."""

import json

import pytest

from mistral_actions import keeper as keeper_actions
from mistral_actions.engine import keeper
from mistral_actions.keeper import CheckLook, TellLook

ASKED = {"idle": 30, "dry_run": False, "execution": None}


def row(**more):
    known = {"id": "e1", "workflow": "recovery.host.recover", "root": "e1", "seconds": 40,
             "what": "NOT_STARTED", "tasks": ["plan_recovery"], "asked": True}  # fmt: skip
    return known | more


def told(*rows, unknown=None, **asked):
    """The report of a look, or the error."""
    found = {"unknown": unknown, "executions": list(rows)}
    left = TellLook(ASKED | asked, found).run(None)
    return left["report"] if isinstance(left, dict) else left.error["report"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({}, {}),
        ({"idle": '"60"', "dry_run": '"True"', "execution": '"None"'},
         {"idle": 60, "dry_run": True}),
        ({"idle": 10, "dry_run": False, "execution": "e1"}, {"idle": 10, "execution": "e1"}),
    ],
)  # fmt: skip
def test_what_a_form_or_a_program_gives_is_understood(given, meant):
    assert CheckLook(**given).run(None) == ASKED | meant


@pytest.mark.parametrize("given", [{"idle": 9}, {"idle": "x"}, {"idle": -1}, {"dry_run": "maybe"}])
def test_what_cannot_be_meant_is_refused(given):
    error = CheckLook(**given).run(None).error
    assert error["code"] == "BAD_INPUT"
    assert next(iter(given)) in error["message"]


def test_a_look_says_what_stood_still_and_that_mistral_looks_again():
    report = told(row())
    assert (report["state"], report["reason"]) == ("SUCCEEDED", "LOOKED_AGAIN")
    assert report["message"] == (
        "recovery.host.recover e1 stood still: plan_recovery was never started. Mistral looks"
        " again."
    )
    assert report["details"]["executions"][0]["message"] == "plan_recovery was never started"


@pytest.mark.parametrize("what", sorted(set(keeper_actions._WHAT)))
def test_each_kind_of_loss_has_a_sentence(what):
    assert "stood still: " in told(row(what=what))["message"]


def test_of_many_tasks_and_many_executions_only_some_are_named():
    report = told(row(tasks=["a", "b", "c", "d", "e"]), row(id="e2"), row(id="e3"))
    assert "a, b, c and 2 more were never started (and 2 more)." in report["message"]
    assert len(report["details"]["executions"]) == 3


def test_a_look_that_finds_nothing_says_so_and_is_no_failure():
    report = told(idle=60)
    assert (report["state"], report["reason"]) == ("SKIPPED", "NOTHING_STANDS_STILL")
    assert report["message"] == "Nothing stands still for 60 s or longer."


def test_a_dry_run_says_that_nothing_was_done():
    report = told(row(asked=False), dry_run=True)
    assert (report["state"], report["reason"]) == ("SUCCEEDED", "DRY_RUN")
    assert report["message"].endswith("Nothing was done.")


def test_what_was_left_alone_because_its_caller_is_not_known_is_a_failure_with_all_rows():
    report = told(row(), row(id="e2", asked=False))
    assert (report["state"], report["reason"]) == ("FAILED", "CALLER_UNKNOWN")
    assert "e2: pause and resume it yourself" in report["message"]
    assert len(report["details"]["executions"]) == 2


def test_a_mistral_that_has_changed_inside_is_named():
    report = told(unknown="99.0.0")
    assert report["reason"] == "MISTRAL_CHANGED"
    assert report["message"].startswith("Mistral 99.0.0 has changed inside")


WHEN = "2026-01-31 12:00:00 UTC"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"[looked at again, last {WHEN}]"),
        ("3 actions", f"3 actions [looked at again, last {WHEN}]"),
        ("[looked at again, last x]", f"[looked at again 2 times, last {WHEN}]"),
        ("3 [looked at again 9 times, last x]", f"3 [looked at again 10 times, last {WHEN}]"),
        ("a [note] of [looked at again]", None),
        ("x" * 255, "x" * 255),
        ("x" * 214, "x" * 214),
    ],
)
def test_the_note_is_one_note_behind_what_was_there_and_never_too_long(before, after):
    noted = keeper.noted(before, WHEN)
    assert len(noted) <= 255
    assert noted == (after or f"{before} [looked at again, last {WHEN}]")


def test_the_description_of_a_cron_trigger_stays_the_json_that_it_is():
    of_trigger = {"description": "made by a trigger", "triggered_by": {"type": "cron_trigger"}}
    first = keeper.noted(json.dumps(of_trigger), WHEN)
    second = json.loads(keeper.noted(first, WHEN))
    assert second.pop("keeper") == f"[looked at again 2 times, last {WHEN}]"
    assert second == of_trigger
    full = json.dumps({"description": "x" * 200})
    assert keeper.noted(full, WHEN) == full


def test_a_thousand_looks_leave_one_note():
    text = "Senlin recovers node n by action a"
    for _ in range(1000):
        text = keeper.noted(text, WHEN)
    assert text == f"Senlin recovers node n by action a [looked at again 1000 times, last {WHEN}]"
