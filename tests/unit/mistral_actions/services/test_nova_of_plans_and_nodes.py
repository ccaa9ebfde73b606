"""The calls of the Nova API that plans and nodes need, over HTTP, and clients of other services."""

import pytest
from keystoneauth1 import adapter, session, token_endpoint

from mistral_actions.errors import Rejected, Unavailable
from mistral_actions.services import session as sessions
from mistral_actions.services.bare_metal import bare_metal_of
from mistral_actions.services.nova import Nova
from tests.unit.mistral_actions.stub_services import NODE, NODE_PATH, add_services, context_of, node

ACTIONS = "/compute/v2.1/servers/s1/os-instance-actions/req-1"
ABORT = ("DELETE", "/compute/v2.1/servers/s1/migrations/7")


@pytest.fixture
def nova(openstack, no_waiting):
    plugin = token_endpoint.Token(f"{openstack.url}/compute/v2.1", "token")
    return Nova(adapter.Adapter(session.Session(auth=plugin), service_type="compute"))


@pytest.mark.parametrize("action", ["os-start", "os-migrateLive", "migrate", "resize"])
def test_what_moves_or_starts_a_server_is_never_sent_twice(openstack, nova, action):
    """One that comes late would do it again, after it was undone."""
    path = ("POST", "/compute/v2.1/servers/s1/action")
    openstack.answers[path] = [(503, "busy"), (202, "")]
    with pytest.raises(Unavailable):
        nova.act("s1", "asking", {action: {}})
    assert len(openstack.asked(*path)) == 1


def test_the_migrations_of_a_server_are_read_oldest_first(openstack, nova):
    path = ("GET", "/compute/v2.1/os-migrations")
    openstack.answers[path] = [(200, {"migrations": [{"id": 11}, {"id": 2}]})]
    assert [one["id"] for one in nova.migrations("s1")] == [2, 11]
    (asked,) = openstack.asked(*path)
    assert asked.query == {"instance_uuid": "s1"}


def test_an_abort_is_sent_with_the_version_that_aborts_queued_migrations(openstack, nova):
    openstack.answers[ABORT] = [(202, "")]
    nova.abort_migration("s1", 7)
    (asked,) = openstack.asked(*ABORT)
    assert asked.headers["openstack-api-version"] == "compute 2.79"


def test_an_abort_that_comes_too_late_is_rejected_with_novas_words(openstack, nova):
    no = {"badRequest": {"code": 400, "message": "Migration 7 state is invalid"}}
    openstack.answers[ABORT] = [(400, no)]
    with pytest.raises(Rejected, match="state is invalid"):
        nova.abort_migration("s1", 7)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            (
                200,
                {
                    "instanceAction": {
                        "events": [
                            {"result": "Success", "details": None},
                            {"result": "Error", "details": "No valid host was found.\n"},
                        ]
                    }
                },
            ),
            "No valid host was found.",
        ),
        ((200, {"instanceAction": {"events": [{"result": "Error"}]}}), ""),
        ((200, {"instanceAction": {}}), ""),
        ((406, {"computeFault": {"code": 406, "message": "Version 2.84 is not supported"}}), ""),
        ((404, {"itemNotFound": {"code": 404, "message": "no such action"}}), ""),
    ],
)
def test_why_something_failed_is_read_where_nova_says_it(openstack, nova, answer, says):
    openstack.answers["GET", ACTIONS] = [answer]
    assert nova.fault_of("s1", "req-1") == says
    (asked,) = openstack.asked("GET", ACTIONS)
    assert asked.headers["openstack-api-version"] == "compute 2.84"


def test_all_hypervisors_and_all_flavors_are_listed(openstack, nova):
    openstack.answers["GET", "/compute/v2.1/os-hypervisors/detail"] = [
        (200, {"hypervisors": [{"id": "h1"}]})
    ]
    openstack.answers["GET", "/compute/v2.1/flavors/detail"] = [(200, {"flavors": [{"id": "1"}]})]
    assert nova.hypervisors() == [{"id": "h1"}]
    assert nova.flavors() == [{"id": "1"}]
    (asked,) = openstack.asked("GET", "/compute/v2.1/flavors/detail")
    assert asked.query == {"is_public": "None"}


def test_the_clients_of_two_services_share_a_callers_session(openstack, no_waiting, monkeypatch):
    monkeypatch.setattr(sessions, "_cache", type(sessions._cache)())
    add_services(openstack)
    openstack.answers["GET", "/compute/v2.1/os-services"] = [(200, {"services": []})]
    openstack.answers["GET", NODE_PATH] = [node()]
    context = context_of(openstack)
    for _ in range(2):
        assert sessions.nova_of(context).compute_services() == []
        assert bare_metal_of(context).node(NODE)["name"] == "rack1-u7"
    assert len(openstack.asked("GET", "/identity/v3/auth/tokens")) == 1
    assert sessions.nova_of(context) is sessions.nova_of(context)


def test_a_rebuild_is_sent_once_and_metadata_and_images_are_asked_for_where_they_are(
    openstack, nova
):
    path = "/compute/v2.1"
    openstack.answers["POST", f"{path}/servers/1/action"] = [(503, {"x": {"message": "busy"}})]
    openstack.answers["POST", f"{path}/servers/1/metadata"] = [(200, {"metadata": {}})]
    openstack.answers["GET", f"{path}/images/7"] = [(200, {"image": {"id": "7"}})]

    with pytest.raises(Unavailable):
        nova.act("1", "rebuilding", {"rebuild": {"imageRef": "7"}})
    nova.update_metadata("1", "writing", {"a": "b"})

    assert len(openstack.asked("POST", f"{path}/servers/1/action")) == 1
    assert openstack.asked("POST", f"{path}/servers/1/metadata")[0].body == {"metadata": {"a": "b"}}
    assert nova.image("7") == {"id": "7"}
    assert openstack.asked("GET", f"{path}/images/7")[0].headers["x-openstack-nova-api-version"]
