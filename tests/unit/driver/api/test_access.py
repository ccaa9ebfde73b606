"""Who is let in."""

import pytest

from driver.api.access import everybody, with_role
from driver.api.errors import HttpError
from tests.unit.driver.api.fake_plans import PLAN, FakePlans, client_of, identity

FORGED = {
    "X-Identity-Status": "Confirmed",
    "X-Auth-Token": "made-up",
    "X-User-Id": "u1",
    "X-Project-Id": "p1",
    "X-Roles": "admin",
}


def refusal(admit, environ):
    with pytest.raises(HttpError) as caught:
        admit(environ)
    return caught.value.status, caught.value.message


def test_headers_alone_let_nobody_in_where_the_middleware_is_missing():
    plans = FakePlans()

    answer = client_of(plans).get(f"/v1/action_plans/{PLAN}", headers=FORGED)

    assert (answer.status_code, answer.json["error"]["reason"]) == (401, "UNAUTHORIZED")
    assert plans.asked == []


@pytest.mark.parametrize("path", ["/", f"/v1/action_plans/{PLAN}", "/v1/action_plans/x/rollback"])
def test_who_has_no_token_learns_nothing_about_any_address(path):
    assert client_of(FakePlans()).get(path).status_code == 401


def test_a_token_that_the_middleware_did_not_confirm_is_not_enough():
    environ = identity("admin") | {"HTTP_X_IDENTITY_STATUS": "Invalid"}

    assert refusal(with_role(["admin"]), environ)[0] == 401


def test_who_lacks_the_role_is_told_which_one_and_what_they_have():
    assert refusal(with_role(["admin"]), identity("reader", "member")) == (
        403,
        "This needs the role 'admin' in the project; "
        "user u1 has in project p1: 'member', 'reader'.",
    )


def test_one_of_several_roles_is_enough_and_all_are_named_to_the_others():
    admit = with_role(["admin", "operator"])

    assert admit(identity("operator")).user == "u1"
    assert "one of the roles 'admin', 'operator'" in refusal(admit, identity("member"))[1]


def test_the_case_of_a_role_does_not_matter():
    assert with_role(["admin"])(identity("Admin")).project == "p1"


def test_a_token_without_a_project_is_refused():
    assert refusal(with_role(["admin"]), identity("admin", project=None)) == (
        403,
        "The token is for no project; plans belong to one.",
    )


def test_a_caller_shows_no_token_when_printed():
    assert "auth" not in repr(with_role(["admin"])(identity("admin")))


def test_without_authentication_everybody_is_let_in():
    assert everybody({}).auth is None
