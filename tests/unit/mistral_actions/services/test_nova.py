"""The calls of the Nova API, over HTTP: what goes over the wire and what each answer becomes."""

import datetime

import pytest
from keystoneauth1 import adapter, session, token_endpoint

from mistral_actions import errors
from mistral_actions.services.nova import Nova
from tests.unit.mistral_actions.fake_nova import START

TOKEN = "secret-token-of-the-caller"
SERVICES = ("GET", "/compute/v2.1/os-services")
SERVERS = ("GET", "/compute/v2.1/servers/detail")
ACTION = ("POST", "/compute/v2.1/servers/s1/action")
EVACUATE = {"evacuate": {}}


def nova_at(url):
    plugin = token_endpoint.Token(f"{url}/compute/v2.1", TOKEN)
    return Nova(adapter.Adapter(session.Session(auth=plugin), service_type="compute"))


@pytest.fixture
def nova(openstack, no_waiting):
    return nova_at(openstack.url)


def fault(status, message):
    return status, {"someFault": {"code": status, "message": message}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Rejected),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (406, errors.Rejected),
        (409, errors.Conflict),
        (413, errors.Unavailable),
        (429, errors.Unavailable),
        (500, errors.Unavailable),
        (502, errors.Unavailable),
        (503, errors.Unavailable),
        (504, errors.Unavailable),
    ],
)
def test_each_status_becomes_its_error_with_what_was_tried(openstack, nova, status, kind):
    openstack.answers[SERVICES] = [fault(status, "this is why")]
    with pytest.raises(errors.NovaError) as raised:
        nova.compute_services()
    assert type(raised.value) is kind
    assert raised.value.message.startswith("Failed listing compute services: ")
    assert f"HTTP {status}" in raised.value.message
    assert ("this is why" in raised.value.message) is (status != 401)
    assert TOKEN not in raised.value.message


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_call_is_repeated_while_nova_is_not_to_be_had(openstack, nova, no_waiting, status):
    openstack.answers[SERVICES] = [fault(status, "busy"), (200, {"services": [{"id": "1"}]})]
    assert nova.compute_services() == [{"id": "1"}]
    assert len(openstack.asked(*SERVICES)) == 2
    assert len(no_waiting) == 1


@pytest.mark.parametrize("status", [503, 429])
def test_tries_end_and_their_delays_grow(openstack, nova, no_waiting, status):
    openstack.answers[SERVICES] = [fault(status, "busy")]
    with pytest.raises(errors.Unavailable, match="busy"):
        nova.compute_services()
    assert len(openstack.asked(*SERVICES)) == 4
    assert no_waiting == sorted(no_waiting)
    assert 1 < sum(no_waiting) < 10


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_refusal_is_not_repeated(openstack, nova, status):
    openstack.answers[ACTION] = [fault(status, "no")]
    with pytest.raises(errors.NovaError):
        nova.act("s1", "stopping s1", {"os-stop": None})
    assert len(openstack.asked(*ACTION)) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_evacuation_is_never_sent_twice(openstack, nova, status):
    """Nova may have begun it, and begins a second one beside it: the next pass looks first."""
    openstack.answers[ACTION] = [fault(status, "no answer of the backend"), (200, "")]
    with pytest.raises(errors.Unavailable) as raised:
        nova.act("s1", "evacuating s1", EVACUATE)
    assert raised.value.retriable
    assert len(openstack.asked(*ACTION)) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_stop_is_never_sent_twice(openstack, nova, status):
    """One that comes late would stop what was started since."""
    openstack.answers[ACTION] = [fault(status, "busy"), (202, "")]
    with pytest.raises(errors.Unavailable):
        nova.act("s1", "stopping s1", {"os-stop": None})
    assert len(openstack.asked(*ACTION)) == 1


def test_a_service_is_disabled_with_one_request(openstack, nova):
    """Nova waits for an answer of a dead one: asking again does not help."""
    path = "/compute/v2.1/os-services/7"
    openstack.answers["PUT", path] = [fault(504, "no answer"), (200, {})]
    with pytest.raises(errors.Unavailable):
        nova.disable_service("7", "disabling c1", "burnt")
    (asked,) = openstack.asked("PUT", path)
    assert asked.body == {"status": "disabled", "disabled_reason": "burnt"}


def test_a_name_is_no_pattern(openstack, nova):
    found = [{"id": "1", "name": "web (a+b)"}, {"id": "2", "name": "web (a+b) 2"}]
    openstack.answers[SERVERS] = [(200, {"servers": found})]
    assert nova.servers_named("web (a+b)") == found[:1]
    asked = openstack.asked(*SERVERS)[0]
    assert asked.query["name"] == r"^web\ \(a\+b\)$"
    assert asked.query["all_tenants"] == "1"


def test_who_may_not_look_into_all_projects_looks_into_the_own_one(openstack, nova):
    own = (200, {"servers": [{"id": "1", "name": "web1"}]})
    openstack.answers[SERVERS] = [fault(403, "no"), own, fault(403, "no"), own]
    openstack.answers[SERVICES] = [fault(403, "no")]
    assert nova.servers_named("web1") == [{"id": "1", "name": "web1"}]
    assert [one.query.get("all_tenants") for one in openstack.asked(*SERVERS)] == [
        "1",
        None,
        "1",
        None,
    ]


def test_what_was_done_with_a_server_is_read_newest_first(openstack, nova):
    path = "/compute/v2.1/servers/s1/os-instance-actions"
    actions = [{"action": "stop"}, {"action": "create"}]
    openstack.answers["GET", path] = [(200, {"instanceActions": actions})]
    assert nova.server_actions("s1") == actions
    (asked,) = openstack.asked("GET", path)
    assert asked.headers["openstack-api-version"] == "compute 2.79"


def test_other_actions_are_sent_again(openstack, nova):
    openstack.answers[ACTION] = [fault(503, "busy"), (202, "")]
    nova.act("s1", "unlocking s1", {"unlock": None})
    assert [one.body for one in openstack.asked(*ACTION)] == [{"unlock": None}] * 2


def test_nobody_listening_is_unavailable(free_port, no_waiting):
    nova = nova_at(f"http://127.0.0.1:{free_port}")
    with pytest.raises(errors.Unavailable, match="Unable to establish connection") as raised:
        nova.compute_services()
    assert len(no_waiting) == 3
    assert TOKEN not in raised.value.message


def test_a_proxy_that_answers_in_html_does_not_surprise(openstack, nova):
    openstack.answers[SERVICES] = [(502, "<html><h1>Bad Gateway</h1></html>")]
    with pytest.raises(errors.Unavailable, match="HTTP 502"):
        nova.compute_services()


def test_a_missing_right_is_named(openstack, nova):
    says = "Policy doesn't allow os_compute_api:os-evacuate to be performed."
    openstack.answers[ACTION] = [(403, {"forbidden": {"code": 403, "message": says}})]
    with pytest.raises(errors.Forbidden, match="os_compute_api:os-evacuate") as raised:
        nova.act("s1", "evacuating s1", EVACUATE)
    assert raised.value.message == f"Failed evacuating s1: {says} (HTTP 403)"


@pytest.mark.parametrize(
    ("path", "key", "read"),
    [
        ("/servers/detail", "servers", lambda nova: nova.servers_on("c1")),
        ("/servers/detail", "servers", lambda nova: nova.locked_servers("2026-11-19T12:00:00")),
        ("/os-migrations", "migrations", lambda nova: nova.evacuations("c1")),
    ],
)
def test_all_pages_are_read_with_the_same_microversion(openstack, nova, path, key, read):
    path = f"/compute/v2.1{path}"
    href = f"{openstack.url}{path}?host=c1&limit=2&marker="
    openstack.answers["GET", path] = [
        (200, {key: [{"id": 5}, {"id": 4}], f"{key}_links": [{"rel": "next", "href": href + "4"}]}),
        (200, {key: [{"id": 3}], f"{key}_links": [{"rel": "next", "href": href + "3"}]}),
        (200, {key: []}),
    ]
    assert sorted(one["id"] for one in read(nova)) == [3, 4, 5]
    asked = openstack.asked("GET", path)
    assert [one.query.get("marker") for one in asked] == [None, "4", "3"]
    assert {one.headers["openstack-api-version"] for one in asked} == {"compute 2.79"}
    assert (
        asked[0].query.items()
        >= (
            {"host": "c1"} if "on" in read.__code__.co_names[0] and key == "servers" else {}
        ).items()
    )


def test_evacuations_are_read_whole_and_oldest_first(openstack, nova):
    """`changes-since` would hide those that were accepted and not touched since."""
    path = "/compute/v2.1/os-migrations"
    openstack.answers["GET", path] = [(200, {"migrations": [{"id": 11}, {"id": 2}, {"id": 10}]})]
    assert [one["id"] for one in nova.evacuations("c1")] == [2, 10, 11]
    assert openstack.asked("GET", path)[0].query == {
        "migration_type": "evacuation",
        "source_compute": "c1",
    }


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        (
            lambda nova: nova.update_service("7", "forcing c1 down", forced_down=True),
            "PUT",
            "/os-services/7",
            {"forced_down": True},
        ),
        (
            lambda nova: nova.act("s1", "locking s1", {"lock": {"locked_reason": "why"}}),
            "POST",
            "/servers/s1/action",
            {"lock": {"locked_reason": "why"}},
        ),
        (
            lambda nova: nova.add_to_aggregate({"id": 3, "name": "az"}, "c2"),
            "POST",
            "/os-aggregates/3/action",
            {"add_host": {"host": "c2"}},
        ),
    ],
)
def test_what_is_written_is_pinned_to_one_microversion(openstack, nova, call, method, path, body):
    openstack.answers[method, f"/compute/v2.1{path}"] = [(200, {})]
    call(nova)
    (asked,) = openstack.asked(method)
    assert asked.body == body
    assert asked.headers["openstack-api-version"] == "compute 2.79"
    assert asked.headers["x-auth-token"] == TOKEN


def test_a_host_that_is_in_the_aggregate_already_is_fine(openstack, nova):
    path = "/compute/v2.1/os-aggregates/3/action"
    openstack.answers["POST", path] = [fault(409, "Aggregate az already has host c2")]
    nova.add_to_aggregate({"id": 3, "name": "az"}, "c2")
    assert len(openstack.asked("POST", path)) == 1


def test_the_service_of_an_unknown_host_is_not_found(openstack, nova):
    openstack.answers[SERVICES] = [(200, {"services": []})]
    with pytest.raises(errors.NotFound, match="no compute service on a host 'c9'"):
        nova.compute_service("c9")
    assert openstack.asked(*SERVICES)[0].query == {"binary": "nova-compute", "host": "c9"}


def test_the_time_is_that_of_novas_last_answer(openstack, nova):
    openstack.answers[SERVICES] = [(200, {"services": []})]
    nova.compute_services()
    assert nova.now == START


def test_an_error_brings_the_time_too(openstack, nova):
    openstack.answers[SERVICES] = [fault(404, "no")]
    with pytest.raises(errors.NotFound):
        nova.compute_services()
    assert nova.now == START


def test_without_a_date_in_the_answer_the_time_is_ours(openstack, nova):
    openstack.date = None
    openstack.answers[SERVICES] = [(200, {"services": []})]
    nova.compute_services()
    assert abs((nova.now - START).total_seconds()) > 0
    assert nova.now.tzinfo is not None


def test_what_speaks_for_work_of_nova_is_read_as_it_stands(openstack, nova):
    openstack.answers[SERVICES] = [(200, {"services": [{"id": "1"}]})]
    assert nova.conductors() == [{"id": "1"}]
    assert openstack.asked(*SERVICES)[0].query == {"binary": "nova-conductor"}
    path = "/compute/v2.1/servers/s1/os-instance-actions/req-1"
    openstack.answers["GET", path] = [
        (200, {"instanceAction": {"events": [{"event": "rebuild_server"}]}}),
        (200, {"instanceAction": {}}),
    ]
    assert nova.events("s1", "req-1") == [{"event": "rebuild_server"}]
    assert nova.events("s1", "req-1") == []
    openstack.answers["GET", "/compute/v2.1/os-migrations"] = [(200, {"migrations": []})]
    assert nova.changed_evacuations(90) == []
    asked = openstack.asked("GET", "/compute/v2.1/os-migrations")[0]
    assert asked.query["migration_type"] == "evacuation"
    assert asked.query["changes-since"] == (START - datetime.timedelta(seconds=90)).isoformat()
