"""The stand-in for Keystone gives tokens to those who may have them, and checks them."""

import io
import json

import pytest

from lab.identity import PROJECTS, Identity, RequireToken, Tokens, users

SERVICE_TOKEN = "service"


@pytest.fixture
def tokens():
    return Tokens(users({"admin": "a-secret", "demo": "d-secret"}), [{"type": "compute"}],
                  SERVICE_TOKEN)


def call(application, method, path, body=None, **headers):
    """Return status code, headers and body of a WSGI application's answer."""
    answer = {}

    def start_response(status, headers):
        answer.update(status=int(status.split()[0]), headers=dict(headers))

    environ = {"REQUEST_METHOD": method, "PATH_INFO": path,
               "wsgi.input": io.BytesIO(json.dumps(body).encode() if body else b""),
               **{f"HTTP_{name.upper()}": value for name, value in headers.items()}}
    data = b"".join(application(environ, start_response))
    return answer["status"], answer["headers"], json.loads(data) if data else None


def log_in(tokens, name="demo", password="d-secret", project="demo"):
    body = {"auth": {
        "identity": {"methods": ["password"],
                     "password": {"user": {"name": name, "password": password}}},
        "scope": {"project": {"name": project, "domain": {"id": "default"}}}}}
    return call(Identity("http://x", tokens), "POST", "/v3/auth/tokens", body)


def test_a_token_carries_roles_and_catalog_of_its_project(tokens):
    """The member of a project gets its roles there and the service catalog."""
    status, headers, body = log_in(tokens)
    assert status == 201
    assert headers["X-Subject-Token"]
    assert body["token"]["project"]["id"] == PROJECTS["demo"]
    assert [role["name"] for role in body["token"]["roles"]] == ["member", "reader"]
    assert body["token"]["catalog"] == [{"type": "compute"}]


@pytest.mark.parametrize("wrong", [
    {"password": "d-secret "}, {"name": "nobody"}, {"project": "admin"}, {"project": "none"}])
def test_who_may_not_log_in_gets_401(tokens, wrong):
    """Wrong password, unknown user and a project without a role look the same."""
    status, headers, body = log_in(tokens, **wrong)
    assert status == 401
    assert headers["WWW-Authenticate"] == 'Keystone uri="http://x/v3"'
    assert body["error"]["title"] == "Unauthorized"


@pytest.mark.parametrize("body", [{}, {"auth": {}}, {"auth": {"identity": {"methods": [
    "password"]}}}, {"auth": None}])
def test_a_malformed_request_gets_400(tokens, body):
    """What is not a request for a token is the caller's mistake."""
    status, _, answer = call(Identity("http://x", tokens), "POST", "/v3/auth/tokens", body)
    assert status == 400
    assert answer["error"]["code"] == 400


def test_a_token_from_a_token_lives_no_longer(tokens):
    """Exchanging tokens does not prolong them."""
    _, headers, first = log_in(tokens)
    token_id, second = tokens.issue({"auth": {"identity": {
        "methods": ["token"], "token": {"id": headers["X-Subject-Token"]}}}})
    assert second["expires_at"] == first["token"]["expires_at"]
    assert "roles" not in second  # nothing was asked for
    assert tokens.get(token_id) == second


def test_a_revoked_token_is_unknown(tokens):
    """DELETE ends a token."""
    _, headers, _ = log_in(tokens)
    token = headers["X-Subject-Token"]
    identity = Identity("http://x", tokens)
    asked = {"x_auth_token": SERVICE_TOKEN, "x_subject_token": token}
    assert call(identity, "GET", "/v3/auth/tokens", **asked)[0] == 200
    assert call(identity, "DELETE", "/v3/auth/tokens", **asked)[0] == 204
    assert call(identity, "GET", "/v3/auth/tokens", **asked)[0] == 404
    assert call(identity, "GET", "/v3/projects", x_auth_token=token)[0] == 401


def test_a_service_behind_the_check_sees_only_what_the_token_says(tokens):
    """Headers that claim an identity are replaced by those of the token."""
    seen = {}

    def service(environ, start_response):
        seen.update(environ)
        start_response("204 No Content", [])
        return []

    checked = RequireToken(service, tokens, public=("/v2.1",))
    _, headers, _ = log_in(tokens)
    status, _, _ = call(checked, "GET", "/v2.1/servers", x_roles="admin",
                        x_auth_token=headers["X-Subject-Token"])
    assert status == 204
    assert (seen["HTTP_X_ROLES"], seen["HTTP_X_USER_NAME"]) == ("member,reader", "demo")
    assert call(checked, "GET", "/v2.1/servers", x_roles="admin")[0] == 401
    assert call(checked, "GET", "/v2.1")[0] == 204


def test_passwords_are_not_shown(tokens):
    """Neither a user's representation nor a token holds its password."""
    _, _, body = log_in(tokens)
    assert "secret" not in repr(users({"admin": "a-secret", "demo": "d-secret"}))
    assert "secret" not in json.dumps(body)
