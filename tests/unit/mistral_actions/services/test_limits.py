"""What the service user is asked to do for others, and what nobody gets done by it."""

import pytest

from mistral_actions.errors import Conflict, Forbidden, NotFound, Unavailable
from mistral_actions.services.limits import Limited, OwnServers
from mistral_actions.services.nova import Nova

MINE, THEIRS = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
ACTIVE = {"OS-EXT-STS:vm_state": "active", "OS-EXT-STS:task_state": None, "locked": False}
ON = "OS-EXT-SRV-ATTR:host"


class Answer:
    headers: dict = {}  # noqa: RUF012
    reason = ""
    content = b"{}"

    def __init__(self, body, status=200):
        self.body, self.status_code = body, status

    def json(self):
        return self.body


class Adapter:
    """A Nova with two servers, of two projects on two hosts."""

    def __init__(self):
        self.servers = {
            MINE: {"id": MINE, "name": "web", "tenant_id": "mine", ON: "compute1", **ACTIVE},
            THEIRS: {"id": THEIRS, "name": "web", "tenant_id": "theirs", ON: "compute2", **ACTIVE},
        }
        self.state = {"compute1": "up", "compute2": "up"}
        self.status_of_hosts = "enabled"
        self.status = {}  # path -> HTTP status
        self.asked = []

    def request(self, path, method, **more):
        self.asked.append((method, path, more.get("json"), more.get("params")))
        if path in self.status:
            return Answer({"error": {"message": "no"}}, self.status[path])
        if path == "/servers/detail":
            return Answer({"servers": list(self.servers.values())})
        if path == "/os-services":
            host = (more.get("params") or {}).get("host")
            found = [
                {"host": one, "state": state, "status": "enabled", "id": one, "binary": "x"}
                if self.status_of_hosts == "enabled"
                else {"host": one, "status": self.status_of_hosts, "binary": "x"}
                for one, state in self.state.items()
                if host in (None, one)
            ]
            return Answer({"services": found})
        if path == "/os-migrations":
            return Answer({"migrations": [{"id": 1, "instance_uuid": one} for one in self.servers]})
        if method == "GET" and path.startswith("/servers/") and path.count("/") == 2:
            server = self.servers.get(path.rpartition("/")[2])
            return Answer({"server": server}) if server else Answer({}, 404)
        if path.endswith("/os-instance-actions"):
            return Answer({"instanceActions": []})
        return Answer(None, 202)

    @property
    def written(self):
        return [one[:3] for one in self.asked if one[0] != "GET"]


@pytest.fixture
def adapter():
    return Adapter()


@pytest.fixture
def own():
    return Adapter()


@pytest.fixture
def member(adapter, own):
    return OwnServers(adapter, lambda: own, "mine", "user ann, project blue, roles member")


@pytest.fixture
def operator(adapter, own):
    return Limited(adapter, "compute", lambda: own)


GRANTED = [
    {"os-stop": None},
    {"os-start": None},
    {"confirmResize": None},
    {"migrate": None},
    {"os-migrateLive": {"host": None, "block_migration": "auto"}},
    {"evacuate": {}},
    {"os-resetState": {"state": "error"}},
]
NOT_GRANTED = [
    {"evacuate": {"host": "compute1"}},
    {"evacuate": {"host": "compute1", "force": True}},
    {"evacuate": {"adminPass": "x"}},
    {"migrate": {"host": "compute1"}},
    {"os-migrateLive": {"host": "compute1", "block_migration": "auto"}},
    {"os-migrateLive": {"host": None, "block_migration": "auto", "force": True}},
    {"os-resetState": {"state": "active"}},
    {"lock": {"locked_reason": "x"}},
    {"unlock": None},
    {"resize": {"flavorRef": "huge"}},
    {"os-start": {"x": 1}},
]
NOBODYS = [
    {"os-stop": None, "changePassword": {"adminPass": "x"}},
    {"changePassword": {"adminPass": "x"}},
    {"os-getConsoleOutput": {}},
    {"createImage": {"name": "x"}},
    {"addFloatingIp": {"address": "x"}},
    {"rebuild": {"imageRef": "x"}, "os-stop": None},
    {},
    None,
    [],
    "evacuate",
]


@pytest.mark.parametrize("body", GRANTED)
def test_a_member_has_this_done_with_an_own_server(member, adapter, body):
    assert member.request(f"/servers/{MINE}/action", "POST", json=body).status_code == 202
    assert adapter.written == [("POST", f"/servers/{MINE}/action", body)]


@pytest.mark.parametrize("body", NOT_GRANTED + NOBODYS)
def test_a_member_has_nothing_else_done_with_an_own_server(member, adapter, body):
    with pytest.raises(Forbidden):
        member.request(f"/servers/{MINE}/action", "POST", json=body)
    assert adapter.written == []


@pytest.mark.parametrize("body", GRANTED + NOT_GRANTED + NOBODYS)
def test_a_server_of_another_project_is_not_found(member, adapter, body):
    with pytest.raises(NotFound, match="could not be found"):
        member.request(f"/servers/{THEIRS}/action", "POST", json=body)
    assert adapter.written == []


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("GET", ""),
        ("GET", "/os-instance-actions"),
        ("GET", "/os-instance-actions/req-1"),
        ("POST", "/metadata"),
        ("DELETE", "/migrations/1"),
        ("DELETE", ""),
        ("PUT", ""),
        ("GET", "/diagnostics"),
    ],
)
def test_nothing_of_another_projects_server_is_shown_or_written(member, adapter, method, rest):
    with pytest.raises(NotFound, match="could not be found"):
        member.request(f"/servers/{THEIRS}{rest}", method)
    assert adapter.written == []


@pytest.mark.parametrize("shown", [{}, {"tenant_id": None}, {"tenant_id": ""}])
def test_a_server_of_which_nova_shows_no_project_is_nobodys(member, adapter, shown):
    adapter.servers[MINE].pop("tenant_id")
    adapter.servers[MINE].update(shown)
    with pytest.raises(NotFound):
        member.request(f"/servers/{MINE}/action", "POST", json={"os-stop": None})
    assert adapter.written == []


EVERYWHERE = [
    ("PUT", "/os-services/11111111-1111-1111-1111-111111111111"),
    ("PUT", "/servers/detail"),
    ("POST", "/os-services"),
    ("GET", "/os-hypervisors/detail"),
    ("GET", "/flavors/detail"),
    ("GET", "/os-aggregates"),
    ("POST", "/os-aggregates/1/action"),
    ("GET", "/os-keypairs"),
    ("POST", "/servers"),
    ("GET", "/servers"),
    ("DELETE", f"/servers/{MINE}"),
    ("DELETE", f"/servers/{MINE}/migrations/1"),
    ("GET", f"/servers/{MINE}/diagnostics"),
    ("GET", f"/servers/{MINE}/../{THEIRS}"),
    ("POST", f"/servers/{MINE}/../{THEIRS}/action"),
    ("POST", f"/servers/{MINE}%2f..%2f{THEIRS}/action"),
    ("POST", f"/servers/{MINE}/action?x=/metadata"),
    ("POST", f"/servers/{MINE}/action/"),
    ("POST", f"/servers/{MINE}/metadata/x"),
    ("POST", f"/servers/{MINE}\n/action"),
    ("POST", "/servers/../os-services/action"),
    ("GET", "/servers/detail?all_tenants=1"),
    ("GET", ""),
    ("GET", "/"),
]


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
def test_a_member_has_nothing_else_of_nova(member, adapter, method, path):
    with pytest.raises(Forbidden):
        member.request(path, method, json={"os-stop": None})
    assert adapter.written == []


def test_lists_show_a_member_what_is_of_the_own_project(member, adapter):
    nova = Nova(member)
    assert [one["id"] for one in nova.servers_on("compute2")] == [MINE]
    assert [one["host"] for one in nova.compute_services()] == ["compute1"]
    assert [one["instance_uuid"] for one in nova.evacuations("compute2")] == [MINE]
    with pytest.raises(NotFound):
        nova.compute_service("compute2")
    queries = [query for _, path, _, query in adapter.asked if path == "/servers/detail"]
    assert {(query["all_tenants"], query["project_id"]) for query in queries} == {(1, "mine")}


def test_a_member_cannot_ask_for_the_list_of_another_project(member, adapter):
    asked = {"all_tenants": 1, "project_id": "theirs", "tenant_id": "theirs"}
    found = member.request("/servers/detail", "GET", params=asked).json()
    assert [one["id"] for one in found["servers"]] == [MINE]
    assert adapter.asked[-1][3]["project_id"] == "mine"


def test_migrations_of_another_projects_server_are_not_found(member):
    with pytest.raises(NotFound):
        Nova(member).migrations(THEIRS)


@pytest.mark.parametrize(
    ("path", "look"),
    [
        ("/servers/detail", lambda nova: nova.compute_services()),
        ("/servers/detail", lambda nova: nova.evacuations("compute1")),
        ("/servers/detail", lambda nova: nova.servers_on("compute1")),
        ("/os-services", lambda nova: nova.compute_services()),
        ("/os-migrations", lambda nova: nova.evacuations("compute1")),
        (f"/servers/{MINE}", lambda nova: nova.migrations(MINE)),
        (f"/servers/{MINE}", lambda nova: nova.server_actions(MINE)),
        (f"/servers/{MINE}", lambda nova: nova.act(MINE, "stopping it", {"os-stop": None})),
    ],
)
def test_a_nova_that_does_not_answer_is_never_taken_for_an_empty_one(member, adapter, path, look):
    adapter.status[path] = 503
    with pytest.raises(Unavailable):
        look(Nova(member))
    assert adapter.written == []


def test_a_host_in_a_cell_that_does_not_answer_is_not_unknown(member, adapter):
    """Nova leaves the servers of the cell out, and shows of its hosts that it knows nothing."""
    del adapter.servers[MINE]
    adapter.status_of_hosts = "UNKNOWN"
    with pytest.raises(Unavailable):
        Nova(member).evacuations("compute1")


@pytest.mark.parametrize("locked", [True, None])
@pytest.mark.parametrize("body", GRANTED)
def test_a_lock_keeps_a_member_out_as_novas_own_does(member, adapter, body, locked):
    adapter.servers[MINE]["locked"] = locked
    if body.keys() == {"evacuate"}:  # Nova evacuates locked servers
        assert member.request(f"/servers/{MINE}/action", "POST", json=body).status_code == 202
        return
    with pytest.raises(Conflict, match="locked"):
        member.request(f"/servers/{MINE}/action", "POST", json=body)
    assert adapter.written == []


@pytest.mark.parametrize(
    ("now", "host", "granted"),
    [
        ({}, "up", True),
        ({"OS-EXT-STS:vm_state": "paused"}, "down", True),
        ({"OS-EXT-STS:vm_state": "paused"}, "up", False),
        ({"OS-EXT-STS:vm_state": "resized"}, "up", False),
        ({"OS-EXT-STS:task_state": "migrating"}, "down", False),
        ({"OS-EXT-STS:vm_state": "paused", ON: None}, "down", False),
        ({"OS-EXT-STS:vm_state": "paused", ON: "compute9"}, "down", False),
    ],
)
def test_a_member_resets_a_server_to_error_where_an_evacuation_wants_it(
    member, adapter, now, host, granted
):
    adapter.servers[MINE].update(now)
    adapter.state["compute1"] = host
    body = {"os-resetState": {"state": "error"}}
    if granted:
        assert member.request(f"/servers/{MINE}/action", "POST", json=body).status_code == 202
        return
    with pytest.raises(Forbidden):
        member.request(f"/servers/{MINE}/action", "POST", json=body)
    assert adapter.written == []


@pytest.mark.parametrize("who", ["member", "operator"])
def test_images_and_rebuilds_are_asked_for_with_the_callers_own_token(who, adapter, own, request):
    """An image may be somebody else's: only Glance knows who may use it."""
    limited = request.getfixturevalue(who)
    limited.request("/images/i1", "GET")
    for server in (MINE, THEIRS):
        limited.request(f"/servers/{server}/action", "POST", json={"rebuild": {"imageRef": "i1"}})
    assert [one[:2] for one in own.asked] == [
        ("GET", "/images/i1"),
        ("POST", f"/servers/{MINE}/action"),
        ("POST", f"/servers/{THEIRS}/action"),
    ]
    assert adapter.asked == []


@pytest.mark.parametrize("body", [*GRANTED, *NOT_GRANTED])
def test_who_may_recover_hosts_has_all_done_that_the_packs_workflows_do(operator, adapter, body):
    operator.request(f"/servers/{THEIRS}/action", "POST", json=body)
    operator.request(f"/os-services/{MINE}", "PUT", json={"status": "disabled"})
    assert len(adapter.written) == 2


@pytest.mark.parametrize("body", NOBODYS)
def test_nobody_has_anything_else_done_with_a_server(operator, adapter, body):
    with pytest.raises(Forbidden, match="No workflow of the pack"):
        operator.request(f"/servers/{MINE}/action", "POST", json=body)
    assert adapter.asked == []


@pytest.mark.parametrize(
    ("kind", "method", "path"),
    [
        ("compute", "DELETE", f"/servers/{MINE}"),
        ("compute", "GET", "/os-keypairs"),
        ("compute", "POST", f"/servers/{MINE}/../{THEIRS}/action"),
        ("compute", "PUT", "/os-services/../servers/x"),
        ("compute", "GET", f"/volumes/{MINE}"),
        ("block-storage", "DELETE", f"/volumes/{MINE}"),
        ("block-storage", "GET", f"/servers/{MINE}"),
        ("block-storage", "POST", "/volumes/../action"),
        ("baremetal", "DELETE", "/nodes/n1"),
        ("baremetal", "PUT", "/nodes/../states/power"),
        ("baremetal", "PUT", "/nodes/n1/states/provision"),
    ],
)
def test_nobody_has_anything_else_of_a_service(adapter, own, kind, method, path):
    with pytest.raises(Forbidden, match="No workflow of the pack"):
        Limited(adapter, kind, lambda: own).request(path, method, json={"os-stop": None})
    assert adapter.asked == []
