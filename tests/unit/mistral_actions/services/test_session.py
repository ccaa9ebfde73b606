"""Whose rights an action has, and what is asked of Keystone for it."""

import threading
import types

import pytest

from mistral_actions import errors
from mistral_actions.services import credentials, session

TOKEN = "token-of-the-caller"
ABOUT_TOKEN = "/identity/v3/auth/tokens"


@pytest.fixture(autouse=True)
def no_sessions_yet(monkeypatch):
    monkeypatch.setattr(session, "_cache", type(session._cache)())
    monkeypatch.delenv("OS_CLOUD", raising=False)
    monkeypatch.setattr(credentials, "_options", lambda: None)  # another test may load Mistral


def context_of(stub=None, token=TOKEN, **more):
    """Return the action context that Mistral makes of a request."""
    security = {
        "auth_uri": f"{stub.url}/identity/v3" if stub else None,
        "auth_token": token if stub else None,
        "region_name": "one",
        "insecure": False,
        "auth_cacert": None,
        **more,
    }
    return types.SimpleNamespace(security=types.SimpleNamespace(**security))


@pytest.fixture
def cloud(openstack, no_waiting):
    openstack.answers["GET", "/compute/v2.1/os-services"] = [(200, {"services": []})]
    return openstack


def test_the_callers_token_is_used_as_it_is_and_never_exchanged(cloud):
    """A trust's token cannot be: POST /v3/auth/tokens would be refused."""
    assert session.nova_of(context_of(cloud)).compute_services() == []
    assert cloud.asked("POST") == []
    assert len(cloud.asked("GET", ABOUT_TOKEN)) == 1
    (asked,) = cloud.asked("GET", "/compute/v2.1/os-services")
    assert asked.headers["x-auth-token"] == TOKEN


@pytest.mark.parametrize("auth_uri", ["/identity", "/identity/", "/identity/v3", "/identity/v3/"])
def test_every_spelling_of_keystones_address_works(cloud, auth_uri):
    nova = session.nova_of(context_of(cloud, auth_uri=cloud.url + auth_uri))
    assert nova.compute_services() == []
    assert len(cloud.asked("GET", ABOUT_TOKEN)) == 1


def test_a_session_is_used_again(cloud):
    for _ in range(3):
        session.nova_of(context_of(cloud)).compute_services()
    assert len(cloud.asked("GET", ABOUT_TOKEN)) == 1
    assert len(cloud.asked("GET", "/compute/v2.1/os-services")) == 3
    assert len(cloud.asked()) <= 5  # and at most once what versions there are


def test_two_threads_with_one_token_ask_once(cloud):
    start, found = threading.Barrier(2), []

    def ask():
        start.wait(10)
        found.append(session.nova_of(context_of(cloud)))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 2
    assert len(cloud.asked("GET", ABOUT_TOKEN)) == 1


def test_another_token_has_its_own_session(cloud):
    cloud.tokens.add("token-of-another")
    first = session.nova_of(context_of(cloud))
    second = session.nova_of(context_of(cloud, token="token-of-another"))
    assert first is not second
    second.compute_services()
    (asked,) = cloud.asked("GET", "/compute/v2.1/os-services")
    assert asked.headers["x-auth-token"] == "token-of-another"


def test_the_number_of_sessions_is_limited(cloud, monkeypatch):
    monkeypatch.setattr(session, "_MOST", 2)
    for number in range(4):
        cloud.tokens.add(f"t{number}")
        session.nova_of(context_of(cloud, token=f"t{number}"))
    assert len(session._cache) == 2
    session.nova_of(context_of(cloud, token="t3"))
    assert len(cloud.asked("GET", ABOUT_TOKEN)) == 4


def test_tokens_are_not_kept_as_keys(cloud):
    session.nova_of(context_of(cloud))
    assert TOKEN not in repr(session._cache)


def test_a_token_that_keystone_refuses_is_unauthorized(cloud):
    with pytest.raises(errors.Unauthorized, match="the token is not valid, or no longer") as raised:
        session.nova_of(context_of(cloud, token="expired-token"))
    assert "expired-token" not in raised.value.message
    assert len(session._cache) == 0


def test_a_token_that_expires_on_the_way_is_unauthorized_and_asked_for_once(cloud):
    nova = session.nova_of(context_of(cloud))
    nova.compute_services()
    says = (401, {"error": {"message": "The token has expired"}})
    cloud.answers["GET", "/compute/v2.1/os-services"] = [says]
    with pytest.raises(errors.Unauthorized, match="start the recovery again to finish it"):
        nova.compute_services()
    assert cloud.asked("POST") == []


def test_keystone_not_answering_is_unavailable(free_port, no_waiting):
    context = context_of(auth_uri=f"http://127.0.0.1:{free_port}/v3", auth_token=TOKEN)
    with pytest.raises(errors.Unavailable, match="Failed reading the rights of the caller"):
        session.nova_of(context)
    assert len(no_waiting) == 3


def test_keystone_in_trouble_is_unavailable(cloud):
    cloud.answers["GET", ABOUT_TOKEN] = [(503, {"error": {"message": "busy"}})]
    with pytest.raises(errors.Unavailable, match="busy"):
        session.nova_of(context_of(cloud))


def test_nova_not_answering_at_first_is_unavailable_and_works_later(cloud):
    """Its versions are looked up first: that fails like any other call."""
    versions = cloud.answers["GET", "/compute/v2.1"]
    services = cloud.answers["GET", "/compute/v2.1/os-services"]
    busy = [(503, {"error": {"message": "busy"}})]
    cloud.answers.update(
        {("GET", "/compute/v2.1"): busy, ("GET", "/compute/v2.1/os-services"): busy}
    )
    with pytest.raises(errors.Unavailable):
        session.nova_of(context_of(cloud)).compute_services()
    cloud.answers["GET", "/compute/v2.1"] = versions
    cloud.answers["GET", "/compute/v2.1/os-services"] = services
    assert session.nova_of(context_of(cloud)).compute_services() == []


def test_a_catalogue_without_nova_is_said(cloud):
    nova = session.nova_of(context_of(cloud, region_name="two"))
    with pytest.raises(errors.NovaError, match="catalogue") as raised:
        nova.compute_services()
    assert not raised.value.retriable


def test_every_request_has_a_time_limit(cloud, monkeypatch):
    """A Keystone that accepts and never answers must not hold up all actions of an executor."""
    limits = []
    from requests import adapters

    send = adapters.HTTPAdapter.send

    def spied(self, request, *arguments, **more):
        limits.append((request.url, more.get("timeout")))
        return send(self, request, *arguments, **more)

    monkeypatch.setattr(adapters.HTTPAdapter, "send", spied)
    session.nova_of(context_of(cloud)).compute_services()
    assert limits
    assert [url for url, limit in limits if not limit] == []


@pytest.mark.parametrize("has", [{}, {"auth_uri": "http://127.0.0.1/v3"}, {"auth_token": TOKEN}])
def test_without_token_and_cloud_the_operator_is_told_what_to_do(has):
    with pytest.raises(errors.Unauthorized, match="set OS_CLOUD for its executor") as raised:
        session.nova_of(context_of(**has))
    assert TOKEN not in raised.value.message


def clouds_yaml(tmp_path, monkeypatch, auth, name="lab"):
    path = tmp_path / "clouds.yaml"
    path.write_text(f"clouds: {{lab: {{region_name: one, {auth}}}}}", encoding="utf-8")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    monkeypatch.setenv("OS_CLOUD", name)


def test_without_token_the_cloud_of_the_executor_is_used(cloud, tmp_path, monkeypatch):
    auth = f"auth_type: admin_token, auth: {{token: t, endpoint: '{cloud.url}/compute/v2.1'}}"
    clouds_yaml(tmp_path, monkeypatch, auth)
    assert session.nova_of(context_of()).compute_services() == []


def test_a_cloud_that_is_not_in_clouds_yaml_is_named(tmp_path, monkeypatch):
    clouds_yaml(tmp_path, monkeypatch, "auth_type: none, auth: {}", name="lba")
    with pytest.raises(errors.RecoveryError, match="lba") as raised:
        session.nova_of(context_of())
    assert not raised.value.retriable


@pytest.mark.parametrize(("trust", "told"), [({}, False), ({"OS-TRUST:trust": {"id": "t"}}, True)])
def test_a_refusal_names_the_caller_the_roles_and_a_trust(cloud, trust, told):
    cloud.answers["GET", "/compute/v2.1/os-services"] = [(403, {"forbidden": {"message": "No."}})]
    body = cloud.token()
    body["token"] |= {"roles": [{"id": "m", "name": "member"}], **trust}
    cloud.answers["GET", ABOUT_TOKEN] = [(200, body)]
    with pytest.raises(errors.Forbidden) as refused:
        session.nova_of(context_of(cloud)).compute_services()
    assert "roles member" in refused.value.message
    assert ("through a trust" in refused.value.message) is told


def test_what_mistral_knows_of_the_token_is_not_asked_for_again(cloud):
    known = cloud.token()["token"]
    assert session.nova_of(context_of(cloud, service_catalog=known)).compute_services() == []
    assert cloud.asked("GET", ABOUT_TOKEN) == []


def test_a_token_that_may_not_ask_about_itself_asks_for_its_catalog(cloud):
    """As a trust's with impersonation, in Keystone 30."""
    cloud.answers["GET", ABOUT_TOKEN] = [(403, {"error": {"message": "identity:validate_token"}})]
    catalog = {"catalog": cloud.token()["token"]["catalog"]}
    cloud.answers["GET", "/identity/v3/auth/catalog"] = [(200, catalog)]
    context = context_of(cloud, user_name="demo", project_id="p")
    assert session.nova_of(context).compute_services() == []
    (asked,) = cloud.asked("GET", "/compute/v2.1/os-services")
    assert asked.headers["x-auth-token"] == TOKEN
