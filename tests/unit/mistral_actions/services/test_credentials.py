"""The pack's own credentials: when an action is done with them, for whom, and what is wrong."""

import types

import pytest
from oslo_config import cfg

from mistral_actions import errors
from mistral_actions.base import RecoveryAction
from mistral_actions.services import credentials, session, tickets
from mistral_actions.services.nova import Nova

KEY = "0123456789abcdef" * 4
SECRETS = ("secret-password", KEY, "token-of-the-caller", "token-of-the-service")
TOKENS = "/identity/v3/auth/tokens"
SERVICES = "/compute/v2.1/os-services"
MINE = "11111111-1111-1111-1111-111111111111"


class ForMembers(RecoveryAction):
    _for_members = True

    def act(self, nova):
        return nova.server(MINE)["name"]


class ForOthers(RecoveryAction):
    def act(self, nova):
        return [one["host"] for one in nova.compute_services()]


@pytest.fixture(autouse=True)
def no_sessions_yet(monkeypatch):
    monkeypatch.setattr(session, "_cache", type(session._cache)())
    monkeypatch.setattr(credentials, "_sessions", {})
    monkeypatch.setattr(credentials, "_uploads", {})
    monkeypatch.delenv("OS_CLOUD", raising=False)


@pytest.fixture
def cloud(openstack, no_waiting):
    token = openstack.token()
    token["token"]["user"]["name"] = "recovery"
    openstack.answers.update(
        {
            ("GET", "/identity"): [(300, versions(openstack.url))],
            ("GET", "/identity/v3"): [(200, versions(openstack.url)["versions"]["values"][0])],
            ("POST", TOKENS): [(201, token)],
            ("GET", SERVICES): [(200, {"services": [{"host": "compute1"}]})],
            ("GET", f"/compute/v2.1/servers/{MINE}"): [
                (200, {"server": {"id": MINE, "name": "web", "tenant_id": "mine"}})
            ],
        }
    )
    return openstack


def versions(url):
    links = [{"rel": "self", "href": f"{url}/identity/v3/"}]
    values = [{"id": "v3.14", "status": "stable", "links": links}]
    return {"versions": {"values": values}}


@pytest.fixture
def configured(monkeypatch, tmp_path):
    """Let Mistral's configuration have this section."""

    def configure(auth_enable=True, **section):
        path = tmp_path / "mistral.conf"
        lines = [f"{name} = {value}" for name, value in section.items() if value is not None]
        others = ["[oslo_policy]", f"policy_file = {tmp_path}/policy.yaml"]
        others += ["[pecan]", f"auth_enable = {auth_enable}", "[recovery]"]
        path.write_text("\n".join([*others, *lines]))
        options = cfg.ConfigOpts()
        options([], default_config_files=[str(path)])
        options.register_opts([cfg.BoolOpt("auth_enable", default=True)], "pecan")
        monkeypatch.setattr(cfg, "CONF", options)

    return configure


@pytest.fixture
def service(configured, cloud):
    def configure(**other):
        section = {
            "auth_type": "password",
            "auth_url": f"{cloud.url}/identity/v3",
            "username": "recovery",
            "password": "secret-password",
            "user_domain_name": "Default",
            "project_name": "service",
            "project_domain_name": "Default",
            "ticket_key": KEY,
            "allowed_roles": "admin, Recovery",
        }
        configured(**{**section, **other})

    configure()
    return configure


def context(cloud, execution="e1", **more):
    security = {
        "auth_uri": f"{cloud.url}/identity/v3",
        "auth_token": "token-of-the-caller",
        "region_name": "one",
        "insecure": False,
        "auth_cacert": None,
        **more,
    }
    return types.SimpleNamespace(
        security=types.SimpleNamespace(**security),
        execution=types.SimpleNamespace(workflow_execution_id=execution),
    )


def with_ticket(action, roles=("admin",), project="mine", key=KEY, signed_for=None, now=None):
    caller = tickets.Caller("u1", "ann", project, "blue", tuple(roles))
    name = type(action).__name__
    action._ticket = tickets.sign(key.encode(), signed_for or name, "e1", "e1", caller, now)
    return action


def run(action, context):
    found = action.run(context)
    return found.error if hasattr(found, "is_error") and found.is_error() else found


def users(cloud, path=SERVICES):
    return {one.headers["x-auth-token"] for one in cloud.asked("GET", path)}


@pytest.mark.parametrize("role", ["admin", "ADMIN", "recovery", "RECOVERY"])
def test_whoever_has_an_allowed_role_has_it_done_by_the_service_user(service, cloud, role):
    assert run(with_ticket(ForOthers(), ["reader", role]), context(cloud)) == ["compute1"]
    assert users(cloud) == {"token-of-the-service"}


def test_the_service_user_asks_for_one_token(service, cloud):
    for _ in range(3):
        run(with_ticket(ForOthers()), context(cloud))
    assert len(cloud.asked("POST", TOKENS)) == 1


def test_the_callers_token_may_have_expired(service, cloud):
    asked = context(cloud, auth_token="expired")
    assert run(with_ticket(ForOthers()), asked) == ["compute1"]
    asked = context(cloud, auth_token=None, auth_uri=None)  # Mistral has lost it
    assert run(with_ticket(ForOthers()), asked) == ["compute1"]


def test_a_member_has_it_done_for_a_server_of_the_own_project(service, cloud):
    assert run(with_ticket(ForMembers(), ["member"]), context(cloud)) == "web"
    assert users(cloud, f"/compute/v2.1/servers/{MINE}") == {"token-of-the-service"}
    found = run(with_ticket(ForMembers(), ["member"], project="theirs"), context(cloud))
    assert found["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        (ForOthers, ["member"]),
        (ForOthers, ["reader"]),
        (ForMembers, ["reader"]),
        (ForMembers, ["administrator"]),
        (ForMembers, ["members"]),
        (ForOthers, ["admin2", " admin"]),
    ],
)
def test_nobody_else_has_it_done_and_reads_which_role_is_missing(service, cloud, action, roles):
    found = run(with_ticket(action(), roles), context(cloud))
    assert found["code"] == "FORBIDDEN"
    assert "with the role admin or recovery only" in found["message"]
    assert f"roles {', '.join(roles)}" in found["message"]
    assert cloud.asked("GET", SERVICES) == cloud.asked("PUT") == []


def test_an_empty_list_of_roles_allows_nobody(service, cloud):
    service(allowed_roles="")
    found = run(with_ticket(ForOthers(), ["admin", ""]), context(cloud))
    assert found["code"] == "FORBIDDEN"


def test_who_has_no_recorded_roles_has_it_done_with_the_own_token(service, cloud):
    """A cron or event trigger, to whose token Mistral adds no address of Keystone."""
    for more in ({}, {"auth_uri": None}):
        assert run(with_ticket(ForOthers(), []), context(cloud, **more)) == ["compute1"]
    assert users(cloud) == {"token-of-the-caller"}
    found = run(with_ticket(ForOthers(), []), context(cloud, auth_token=None))
    assert found["code"] == "UNAUTHORIZED"


REFUSED = [
    (lambda action: action, {}, "without a ticket"),
    (with_ticket, {"execution": None}, "part of no workflow"),
    (with_ticket, {"execution": "e2"}, "for another execution"),
    (lambda one: with_ticket(one, key="x" * 64), {}, "not signed with the ticket_key"),
    (lambda one: with_ticket(one, now=1), {}, "s old"),
    (lambda one: with_ticket(one, signed_for="ForMembers"), {}, "for another action"),
]


@pytest.mark.parametrize(("made", "where", "told"), REFUSED)
def test_without_a_good_ticket_nothing_is_done_not_even_with_the_callers_token(
    service, cloud, made, where, told
):
    found = run(made(ForOthers()), context(cloud, **where))
    assert (found["code"], told in found["message"]) == ("UNAUTHORIZED", True), found
    assert "Nothing was changed" in found["message"]
    assert cloud.asked("GET", SERVICES) == []


def test_why_the_engine_made_no_ticket_is_told(service, cloud):
    action = ForOthers()
    action._no_ticket = "two users have a hand in it"
    assert "two users have a hand in it" in run(action, context(cloud))["message"]


WRONG = [
    ({"ticket_key": None}, "auth_type and no ticket_key"),
    ({"ticket_key": "short-key"}, "has 9 characters, and needs 32"),
    ({"auth_type": "pasword"}, "it cannot be used"),
    ({"auth_type": "none"}, "none of Keystone's"),
    ({"username": None, "auth_url": None}, "auth_url"),
    ({"timeout": "soon"}, "cannot be read"),
    ({"auth_enable": False}, "auth_enable is off"),
]


@pytest.mark.parametrize(("section", "told"), WRONG)
def test_a_section_of_no_use_is_said_by_the_first_action(service, cloud, section, told):
    service(**section)
    found = run(with_ticket(ForOthers()), context(cloud))
    assert found["code"] == "UNAUTHORIZED", found
    assert told in found["message"]
    assert "section [recovery] of mistral.conf" in found["message"]
    assert cloud.asked("GET", SERVICES) == []
    assert "short-key" not in str(found)


@pytest.mark.parametrize("what", ["create", "update"])
def test_where_members_may_upload_code_the_credentials_are_not_used(service, cloud, tmp_path, what):
    """As on Mistral 15: it would run beside them."""
    rule = f'"code_sources:{what}": "is_admin:True or project_id:%(project_id)s"'
    (tmp_path / "policy.yaml").write_text(rule, encoding="utf-8")
    service()
    found = run(with_ticket(ForOthers()), context(cloud))
    assert (found["code"], "upload Python code" in found["message"]) == ("UNAUTHORIZED", True)
    assert cloud.asked() == []


def test_credentials_that_keystone_refuses_are_said(service, cloud):
    cloud.answers["POST", TOKENS] = [(401, {"error": {"message": "The password is wrong"}})]
    found = run(with_ticket(ForOthers()), context(cloud))
    assert (found["code"], "Keystone refuses its credentials" in found["message"]) == (
        "UNAUTHORIZED",
        True,
    )


def test_a_keystone_that_does_not_answer_is_asked_again_later(service, cloud):
    cloud.answers["POST", TOKENS].insert(0, (503, {"error": {"message": "busy"}}))
    found = run(with_ticket(ForOthers()), context(cloud))
    assert (found["code"], found["retriable"]) == ("NOVA_UNAVAILABLE", True)
    assert run(with_ticket(ForOthers()), context(cloud)) == ["compute1"]


def test_a_refusal_by_nova_names_the_service_user(service, cloud):
    cloud.answers["GET", SERVICES] = [(403, {"forbidden": {"message": "os-services:list"}})]
    found = run(with_ticket(ForOthers()), context(cloud))
    assert found["code"] == "FORBIDDEN"
    assert "the service user recovery of the section [recovery]" in found["message"]


@pytest.mark.parametrize("section", [{}, {"ticket_key": KEY}])
def test_without_credentials_all_is_done_with_the_callers_token(configured, cloud, section):
    configured(**section)
    for action in (ForOthers(), with_ticket(ForOthers(), ["reader"])):
        assert run(action, context(cloud)) == ["compute1"]
    assert users(cloud) == {"token-of-the-caller"}


@pytest.mark.parametrize("auth_enable", [True, False])
def test_the_cloud_of_an_executor_is_for_a_mistral_without_authentication(
    configured, cloud, monkeypatch, tmp_path, auth_enable
):
    configured(auth_enable=auth_enable)
    path = tmp_path / "clouds.yaml"
    auth = f"auth_type: admin_token, auth: {{token: t, endpoint: '{cloud.url}/compute/v2.1'}}"
    path.write_text(f"clouds: {{lab: {{region_name: one, {auth}}}}}", encoding="utf-8")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    monkeypatch.setenv("OS_CLOUD", "lab")
    found = run(ForOthers(), context(cloud, auth_token=None, auth_uri=None))
    if auth_enable:
        assert (found["code"], cloud.asked()) == ("UNAUTHORIZED", [])
    else:
        assert found == ["compute1"]


def test_no_secret_is_in_a_result_or_a_log(service, cloud, caplog):
    caplog.set_level("DEBUG")
    found = [run(made(ForOthers()), context(cloud, **where)) for made, where, _ in REFUSED]
    found.append(run(with_ticket(ForMembers(), ["member"]), context(cloud)))
    for section, _ in WRONG:
        service(**section)
        found.append(run(with_ticket(ForOthers()), context(cloud)))
    cfg.CONF.log_opt_values(__import__("logging").getLogger("x"), 10)
    for secret in SECRETS:
        assert secret not in str(found)
        assert secret not in caplog.text


def test_where_there_is_no_mistral_nothing_is_configured(monkeypatch):
    monkeypatch.setattr(cfg, "CONF", cfg.ConfigOpts())
    assert credentials.service() is credentials.ticket_key() is None
    assert credentials.authentication() is False
    assert isinstance(errors.Unauthorized("x"), errors.NovaError)
    assert Nova(None).may_choose_hosts
