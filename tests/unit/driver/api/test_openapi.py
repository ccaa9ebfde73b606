"""The description of the API says what the API does: schemathesis calls what it describes."""

import re
from importlib import resources

import jsonschema
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, seed, settings

from driver.api.access import with_role
from driver.api.app import REFUSALS, create_app
from driver.errors import NotFoundError, RefusedError, UnreachableError
from tests.unit.driver.api.fake_plans import (
    PLAN,
    FakePlans,
    a_control,
    a_plan,
    client_of,
    identity,
)

SEED = 20260131
DESCRIPTION = yaml.safe_load(resources.files("driver.api").joinpath("openapi.yaml").read_text())
ROLES = {"token-of-an-admin": "admin", "token-of-a-reader": "reader"}
STATES = ["PENDING", "ONGOING", "SUCCEEDED", "FAILED", "CANCELLING", "CANCELLED"]


class AnyPlans(FakePlans):
    """Every uuid is a plan, or is not: its first digits say how it stands with it.

    It refuses nothing, so that a 400 can only mean that the input cannot be used.
    """

    def read(self, plan):
        exists(plan)
        state = STATES[int(plan[1], 16) % len(STATES)]
        undone = a_control(plan, "rollback", "SKIPPED", "NOTHING_TO_ROLL_BACK", "Nothing.")
        if int(plan[0], 16) % 2:
            return a_plan(plan, state, rollback=undone)
        return a_plan(plan, state, (), reason="CARRIED_OUT", message="It was carried out.")

    def cancel(self, plan):
        exists(plan)
        return a_control(plan, "cancel")

    def rollback(self, plan, max_age=None):
        exists(plan)
        return a_control(plan, "rollback")


def exists(plan):
    if plan[0] in "0123":
        raise NotFoundError("there is no such plan", 404)


def application():
    """Return the application behind a middleware that knows two tokens."""
    app = create_app(with_role(["admin"]), lambda caller: AnyPlans())
    inner = app.wsgi_app

    def middleware(environ, start_response):
        role = ROLES.get(environ.get("HTTP_X_AUTH_TOKEN"))
        return inner(environ | (identity(role) if role else {}), start_response)

    app.wsgi_app = middleware
    return app


SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
SCHEMA.app = application()


@pytest.fixture(autouse=True)
def _told_seed():
    print(f"seed {SEED}: the calls are the same in every run")


@SCHEMA.parametrize()
@seed(SEED)
@settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
def test_the_answer_to_whatever_is_sent_is_as_described(case):
    case.call_and_validate(headers={"X-Auth-Token": "token-of-an-admin"})


@SCHEMA.parametrize()
@seed(SEED)
@settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_who_lacks_the_role_is_answered_as_described_whatever_is_sent(case):
    answer = case.call_and_validate(headers={"X-Auth-Token": "token-of-a-reader"})

    # 401: some calls are made without the header
    assert answer.status_code in (401, 403, 405)


@pytest.mark.parametrize(("reason", "status"), REFUSALS.items())
@pytest.mark.parametrize("verb", ["cancel", "rollback"])
def test_the_answer_to_what_the_workflow_refuses_is_as_described(verb, reason, status):
    plans = FakePlans(**{verb: a_control(PLAN, verb, "FAILED", reason, "No.")})

    answer = client_of(plans, "admin").post(f"/v1/action_plans/{PLAN}/{verb}")

    assert answer.status_code == status
    is_as_described(answer, verb)


@pytest.mark.parametrize(
    "error", [UnreachableError("none"), RefusedError("no", 500), RefusedError("no", 403)]
)
@pytest.mark.parametrize("verb", ["cancel", "rollback"])
def test_the_answer_to_an_error_of_mistral_is_as_described(verb, error):
    answer = client_of(FakePlans(**{verb: error}), "admin").post(f"/v1/action_plans/{PLAN}/{verb}")

    assert answer.status_code in (502, 503, 403)
    is_as_described(answer, verb)


def is_as_described(answer, verb):
    told = DESCRIPTION["paths"][f"/v1/action_plans/{{uuid}}/{verb}"]["post"]["responses"]
    assert str(answer.status_code) in told
    schema = {"$ref": "#/components/schemas/Error", "components": DESCRIPTION["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.json)


def test_every_address_and_method_of_the_application_is_described_and_no_other():
    rules = create_app(with_role(["admin"]), lambda caller: FakePlans()).url_map.iter_rules()
    served = {
        (re.sub(r"<\w+>", "{uuid}", rule.rule), method.lower())
        for rule in rules
        for method in rule.methods - {"HEAD"}
    }

    described = {
        (path, method)
        for path, methods in DESCRIPTION["paths"].items()
        for method in methods
        if method != "parameters"
    }
    assert served == described


def test_every_refusal_is_in_the_description():
    text = DESCRIPTION["components"]["responses"]["bad_request"]["description"]

    assert set(re.findall(r"[A-Z]+_[A-Z_]+", text)) == REFUSALS.keys() - {"UNKNOWN_PLAN"}
