"""The calls about an action plan, over plans that need no Mistral."""

import json
import logging

import pytest

from driver.api.app import REFUSALS
from driver.errors import (
    AuthenticationError,
    DriverError,
    RefusedError,
    ServiceMissingError,
    UnreachableError,
    WorkflowMissingError,
)
from tests.unit.driver.api.fake_plans import (
    FIRST,
    PLAN,
    SECOND,
    UNKNOWN,
    FakePlans,
    a_control,
    a_plan,
    an_action,
    client_of,
)

ROOT = f"/v1/action_plans/{PLAN}"
CALLS = [("GET", ""), ("POST", "/cancel"), ("POST", "/rollback")]
TOKEN = "gAAAAABmZ2h0aGlzaXNub3RhcmVhbHRva2VuYnV0bG9uZw=="


def error_of(answer):
    assert answer.mimetype == "application/json"
    error = answer.json["error"]
    assert error["code"] == answer.status_code
    # what Watcher's client reads: JSON in a text
    assert json.loads(answer.json["error_message"])["faultstring"] == error["message"]
    return answer.status_code, error["reason"], error["message"]


def test_a_plan_has_every_key_of_watchers_resource():
    answer = client_of(FakePlans(), "admin").get(ROOT)

    assert answer.status_code == 200
    watchers = {
        *("uuid", "state", "status_message", "audit_uuid", "strategy_uuid", "strategy_name"),
        *("efficacy_indicators", "global_efficacy", "hostname", "links"),
        *("created_at", "updated_at", "deleted_at"),
    }
    assert watchers <= answer.json.keys()
    assert answer.json["uuid"] == PLAN
    assert answer.json["state"] == "ONGOING"
    assert answer.json["created_at"] == "2026-01-31T12:00:00+00:00"
    assert answer.json["links"][0] == {"rel": "self", "href": f"http://localhost{ROOT}"}


def test_a_plan_that_did_not_move_says_that_mistral_has_looked_again():
    noted = "2 actions, rule ANY [looked at again 2 times, last 2026-01-31 12:00:00 UTC]"
    plans = FakePlans(read=a_plan(description=noted))
    told = client_of(plans, "admin").get(ROOT).json["status_message"]
    assert told == "Nothing moved: looked at again 2 times, last 2026-01-31 12:00:00 UTC."


def test_the_actions_of_a_plan_name_their_parents_by_uuid():
    actions = client_of(FakePlans(), "admin").get(ROOT).json["actions"]

    assert [(one["uuid"], one["parents"]) for one in actions] == [(FIRST, []), (SECOND, [FIRST])]
    assert actions[0]["input_parameters"] == {"message": "hello"}
    assert actions[0]["action_plan_uuid"] == PLAN
    assert actions[0]["started_at"] is None


def test_links_lead_to_where_the_application_is_mounted():
    client = client_of(FakePlans(), "admin")

    answer = client.get(ROOT, base_url="https://cloud.example/optimize/")

    assert answer.json["links"][0]["href"] == f"https://cloud.example/optimize{ROOT}"


def test_a_uuid_in_capitals_is_the_same_plan():
    plans = FakePlans()

    client_of(plans, "admin").get(ROOT.replace(PLAN, PLAN.upper()))

    assert plans.asked == [("read", PLAN), ("look_again", PLAN)]


def test_a_plan_tells_of_its_rollback():
    undone = a_control(PLAN, "rollback", "SUCCEEDED", "ROLLED_BACK", "The plan was rolled back.")
    plans = FakePlans(read=a_plan(state="SUCCEEDED", rollback=undone))

    told = client_of(plans, "admin").get(ROOT).json["rollback"]

    assert (told["uuid"], told["state"], told["reason"]) == (undone.id, "SUCCEEDED", "ROLLED_BACK")


def test_cancel_begins_it_and_answers_with_the_plan():
    plans = FakePlans(read=a_plan(state="CANCELLING"))

    answer = client_of(plans, "admin").post(f"{ROOT}/cancel")

    assert (answer.status_code, answer.json["state"]) == (200, "CANCELLING")
    assert plans.asked == [("cancel", PLAN), ("read", PLAN)]


@pytest.mark.parametrize(
    ("body", "max_age"),
    [
        ({}, None),
        ({"json": {}}, None),
        ({"json": {"max_age": 60}}, 60),
        ({"json": {"max_age": 60.0}}, 60),
    ],
)
def test_rollback_begins_it_and_answers_with_it(body, max_age):
    plans = FakePlans()

    answer = client_of(plans, "admin").post(f"{ROOT}/rollback", **body)

    assert answer.status_code == 200
    assert (answer.json["action_plan_uuid"], answer.json["state"]) == (PLAN, "RUNNING")
    assert plans.asked == [("rollback", PLAN, max_age)]


@pytest.mark.parametrize("reason", REFUSALS)
@pytest.mark.parametrize("verb", ["cancel", "rollback"])
def test_what_the_workflow_refuses_is_answered_with_its_reason_and_sentence(verb, reason):
    refused = a_control(PLAN, verb, "FAILED", reason, "It is as it is.")

    answer = client_of(FakePlans(**{verb: refused}), "admin").post(f"{ROOT}/{verb}")

    status = 404 if reason == "UNKNOWN_PLAN" else 400
    assert error_of(answer) == (status, reason, "It is as it is.")


def test_a_rollback_with_nothing_to_undo_is_no_error():
    skipped = a_control(PLAN, "rollback", "SKIPPED", "NOTHING_TO_ROLL_BACK", "Nothing was done.")

    answer = client_of(FakePlans(rollback=skipped), "admin").post(f"{ROOT}/rollback")

    assert (answer.status_code, answer.json["state"]) == (200, "SKIPPED")


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_an_unknown_plan_is_404_for_every_call(method, path):
    client = client_of(FakePlans(), "admin")

    answer = client.open(f"/v1/action_plans/{UNKNOWN}{path}", method=method)

    assert error_of(answer)[:2] == (404, "UNKNOWN_PLAN")


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "name", ["x", PLAN.replace("-", ""), f"{{{PLAN}}}", f"{PLAN} ", "%00", "é"]
)
def test_what_is_no_uuid_is_refused_before_mistral_is_asked(method, path, name):
    plans = FakePlans()

    answer = client_of(plans, "admin").open(f"/v1/action_plans/{name}{path}", method=method)

    assert error_of(answer)[:2] == (400, "BAD_INPUT")
    assert plans.asked == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"max_age": "60"}', "'60'"),
        ('{"max_age": true}', "true"),
        ('{"max_age": 1.5}', "1.5"),
        ('{"max_age": -1}', "-1"),
        ('{"max_age": 1000000000}', "1000000000"),
        ('{"max_age": null}', "null"),
        ('{"max_age": NaN}', "nan"),
        ('{"max_age": Infinity}', "inf"),
        ('{"maxage": 1}', "did you mean 'max_age'"),
        ("[]", "body: expected a mapping, not an empty list."),
        ("null", "body: expected a mapping, not null."),
        ('{"max_age": 1e300}', "expected a whole number from 0 to 999999999"),
        ("{", "not JSON"),
        ("[" * 4000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ('{"max_age": ' + "1" * 4000 + "}", "max_age"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_with_what_was_given(body, told):
    plans = FakePlans()
    client = client_of(plans, "admin")

    answer = client.post(f"{ROOT}/rollback", data=body, content_type="application/json")

    status, reason, message = error_of(answer)
    assert (status, reason) == (400, "BAD_INPUT")
    assert told in message
    assert len(message) < 200
    assert plans.asked == []


def test_cancel_takes_no_input():
    answer = client_of(FakePlans(), "admin").post(f"{ROOT}/cancel", json={"force": True})

    assert error_of(answer) == (400, "BAD_INPUT", "force: unknown key 'force'; there are none.")


def test_a_body_of_another_kind_and_one_that_is_too_long_are_refused():
    client = client_of(FakePlans(), "admin")

    form = client.post(f"{ROOT}/rollback", data={"max_age": "1"})
    long = client.post(f"{ROOT}/rollback", data="x" * 5000, content_type="application/json")

    assert error_of(form)[:2] == (415, "BAD_INPUT")
    assert error_of(long)[:2] == (413, "BAD_INPUT")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/action_plans", f"{ROOT}/", f"{ROOT}/start", f"/{ROOT}"]
)
def test_any_other_address_is_unknown(path):
    assert error_of(client_of(FakePlans(), "admin").get(path))[:2] == (404, "UNKNOWN_PATH")


@pytest.mark.parametrize(("path", "allowed"), [("", "GET, HEAD"), ("/cancel", "POST")])
def test_another_method_is_refused_with_those_that_there_are(path, allowed):
    answer = client_of(FakePlans(), "admin").delete(f"{ROOT}{path}")

    assert error_of(answer)[:2] == (405, "UNKNOWN_METHOD")
    assert answer.headers["Allow"] == allowed


ERRORS = [
    (UnreachableError("Mistral does not answer"), 503, "MISTRAL_UNAVAILABLE"),
    (ServiceMissingError("no Mistral in the catalogue"), 503, "MISTRAL_UNAVAILABLE"),
    (WorkflowMissingError("workflow x is not installed", 404), 503, "NOT_INSTALLED"),
    (AuthenticationError("no token"), 401, "UNAUTHORIZED"),
    (RefusedError("Mistral refused: 401", 401), 401, "UNAUTHORIZED"),
    (RefusedError("Mistral refused: 403", 403), 403, "FORBIDDEN"),
    (RefusedError("Mistral refused: 500", 500), 502, "MISTRAL_ERROR"),
    (DriverError("something else"), 502, "MISTRAL_ERROR"),
]


@pytest.mark.parametrize(("error", "status", "reason"), ERRORS, ids=[str(one[0]) for one in ERRORS])
def test_an_error_of_mistral_is_answered_as_whose_affair_it_is(error, status, reason):
    answer = client_of(FakePlans(read=error), "admin").get(ROOT)

    assert error_of(answer) == (status, reason, str(error))
    assert ("Retry-After" in answer.headers) == (reason == "MISTRAL_UNAVAILABLE")


@pytest.mark.parametrize(
    "error", [ValueError(f"X-Auth-Token: {TOKEN}"), RefusedError(f"refused {TOKEN}", 500)]
)
def test_no_token_and_no_traceback_is_in_an_answer_or_in_the_log(error, caplog):
    caplog.set_level(logging.DEBUG)

    answer = client_of(FakePlans(read=error), "admin").get(ROOT)

    assert answer.status_code in (500, 502)
    for text in (answer.text, caplog.text):
        assert TOKEN[:12] not in text
        assert "Traceback" not in text
    assert [record.exc_info for record in caplog.records] == [None]


def test_the_log_says_where_a_defect_is(caplog):
    answer = client_of(FakePlans(read=ValueError("oh")), "admin").get(ROOT)

    assert error_of(answer)[:2] == (500, "INTERNAL_ERROR")
    assert "ValueError at " in caplog.text
    assert "fake_plans.py:" in caplog.text


def test_the_log_says_who_cancelled_what(caplog):
    caplog.set_level(logging.INFO, "driver.api")

    client_of(FakePlans(), "admin").post(f"{ROOT}/cancel")

    assert f"plan {PLAN} is being cancelled, for user u1 in project p1" in caplog.text


def test_a_plan_whose_workbook_was_deleted_has_no_rule_and_no_actions():
    plans = FakePlans(read=a_plan(actions=()))

    told = client_of(plans, "admin").get(ROOT).json

    assert (told["rule"], told["actions"]) == (None, [])


def test_an_action_that_has_ended_says_when_and_why():
    done = an_action(
        state="FAILED",
        reason="TASK_FAILED",
        message="It failed.",
        started_at="2026-01-31 12:00:01",
        ended_at="2026-01-31 12:00:02",
    )

    (told,) = client_of(FakePlans(read=a_plan(actions=(done,))), "admin").get(ROOT).json["actions"]

    assert (told["state"], told["reason"], told["status_message"]) == (
        "FAILED",
        "TASK_FAILED",
        "It failed.",
    )
    assert told["ended_at"] == "2026-01-31T12:00:02+00:00"
