"""The actions about nodes: what they refuse, where they move them, and that they rebuild once."""

import json

import pytest

from mistral_actions.errors import (
    BadInput,
    Conflict,
    Failed,
    Forbidden,
    NotFound,
    Refused,
    Rejected,
    Unavailable,
)
from mistral_actions.nodes import migration as node_moves
from mistral_actions.nodes import preparation as nodes
from mistral_actions.nodes import rebuild as node_rebuilds
from mistral_actions.services.nova import Nova
from tests.functional.services import WebServer
from tests.unit.mistral_actions.fake_moves import FakeMoves
from tests.unit.mistral_actions.fake_nova import stamp

IMAGE = "77777777-7777-7777-7777-777777777777"
URL = "http://hook.example.org/T0-secret"


class FakeNodes(FakeMoves):
    """A cloud with images, in which servers have metadata that can be written."""

    def __init__(self, **more):
        super().__init__(**more)
        self.images = {IMAGE: "ACTIVE"}

    def update_metadata(self, server_id, doing, metadata):
        def update():
            server = self._find(server_id)
            if server["OS-EXT-STS:vm_state"] == "error" or server["OS-EXT-STS:task_state"]:
                raise Conflict("Cannot 'update metadata' (HTTP 409)")
            server["metadata"] = {**server["metadata"], **metadata}

        self._call("update_metadata", update, server_id, doing, metadata)

    def image(self, image_id):
        if image_id not in self.images:
            raise NotFound("no image (HTTP 404)")
        return {"id": image_id, "name": "cirros", "status": self.images[image_id]}

    def _rebuild(self, server, body):
        if server["OS-EXT-STS:task_state"]:
            raise Conflict("Cannot 'rebuild' (HTTP 409)")
        if body["imageRef"] not in self.images:
            raise Rejected("Cannot find image for rebuild (HTTP 400)")
        ends = "stopped" if server["OS-EXT-STS:vm_state"] == "stopped" else "active"
        self._change(server, task_state="rebuilding")
        self.done.append((server["id"], "rebuild"))
        server["powered"] = (self.now.replace(microsecond=0), ends)

    def beat(self, *hosts):
        """All hosts, or these, have just sent a heartbeat."""
        for host in hosts or self.services:
            self.services[host]["updated_at"] = stamp(self.now)


@pytest.fixture
def nova():
    return FakeNodes()


def add(nova, vm_state="active", host="compute1", **more):
    return nova.add("web", host, vm_state, **{"image": {"id": IMAGE}, **more})


def through_json(result):
    return json.loads(json.dumps(result))


def other(execution_id, of, decided=True):
    return {"id": execution_id, "of": of, "decided": decided}


def written(nova):
    return [arguments[2] for name, arguments in nova.calls if name in ("act", "update_metadata")]


def denied(*_arguments):
    raise Forbidden("Failed: Policy doesn't allow os_compute_api:x to be performed. (HTTP 403)")


# ---- prepare


def preparation(nova, server, **given):
    return through_json(nodes.PlanNodePreparation(server["id"], **given).act(nova))


def record(nova, plan):
    return through_json(nodes.RecordRecovery(plan, "e1").act(nova))


def test_why_and_by_what_a_server_is_recovered_is_written_down(nova):
    server = add(nova, metadata={"mine": "1"})
    told = record(nova, preparation(nova, server, reason='"no ping"'))["report"]
    assert (told["state"], told["reason"]) == ("SUCCEEDED", "PREPARED")
    assert nova.all[server["id"]]["metadata"] == {
        "mine": "1",
        "recovery_reason": "no ping",
        "recovery_execution": "e1",
    }


def test_a_server_in_error_is_ready_without_metadata(nova):
    told = record(nova, preparation(nova, add(nova, "error")))["report"]
    assert (told["reason"], told["details"]["recorded"]) == ("PREPARED", False)


def test_a_busy_server_is_waited_for_before_and_after_the_plan(nova):
    server = add(nova)
    plan = preparation(nova, server)
    nova.all[server["id"]]["OS-EXT-STS:task_state"] = "rebooting"
    for result in (preparation(nova, server), record(nova, plan)):
        assert result["finished"] is False
        assert "rebooting" in result["message"]


@pytest.mark.parametrize(
    ("server", "code", "says"),
    [
        ({"vm_state": "deleted"}, "DELETED", "is deleted"),
        ({"task": "deleting"}, "DELETED", "about to be"),
        ({"vm_state": "building"}, "BUILDING", "still being built"),
        ({"lock": "mine"}, "LOCKED", "reason: mine"),
        ({"lock": "Recovery of host compute1"}, "RECOVERY_RUNNING", "recovered already"),
    ],
)
def test_a_server_that_cannot_be_made_ready_is_refused(nova, server, code, says):
    with pytest.raises(Refused, match=says) as refusal:
        preparation(nova, add(nova, **server))
    assert refusal.value.code == code
    assert written(nova) == []


@pytest.mark.parametrize("given", [None, "", "web", "../servers", 7])
def test_a_node_is_named_by_its_id(nova, given):
    with pytest.raises(BadInput, match="node_id"):
        nodes.PlanNodePreparation(given).act(nova)


def test_a_server_that_is_not_there_is_unknown(nova):
    with pytest.raises(BadInput, match="Nova has no server") as refusal:
        preparation(nova, {"id": IMAGE})
    assert refusal.value.code == "UNKNOWN_SERVER"


def test_who_may_not_write_metadata_is_told_which_role_is_missing(nova):
    plan = preparation(nova, add(nova))
    nova.update_metadata = denied
    with pytest.raises(Forbidden, match=r"os_compute_api:x.* role member .*cluster's owner"):
        record(nova, plan)


# ---- migrate


def migration(nova, server, host=None, **given):
    return through_json(node_moves.PlanNodeMigration(server["id"], host, **given).act(nova))


def failed(code="MIGRATE_FAILED", message="no room", **details):
    return {"state": "FAILED", "reason": code, "message": message, "details": details}


@pytest.mark.parametrize(
    ("state", "kind", "request_"),
    [
        ("active", "live", {"os-migrateLive": {"host": "compute2", "block_migration": "auto"}}),
        ("paused", "live", {"os-migrateLive": {"host": "compute2", "block_migration": "auto"}}),
        ("stopped", "cold", {"migrate": {"host": "compute2"}}),
    ],
)
def test_how_a_server_moves_depends_on_what_it_is(nova, state, kind, request_):
    plan = migration(nova, add(nova, state), " compute2 ", timeout="60")
    assert (plan["next"], plan["kind"], plan["host"]) == ("migrate", kind, "compute2")
    assert plan["todo"]["request"] == request_
    assert plan["polls"] == 30


def test_a_server_of_a_dead_host_is_evacuated_and_no_other_one():
    nova = FakeNodes(down=("compute1",))
    server, _ = add(nova, "stopped"), nova.add("bystander")
    plan = migration(nova, server, "compute2", settings={"evacuation_timeout": 20})
    assert (plan["next"], plan["kind"]) == ("evacuate", "evacuate")
    (one,) = plan["evacuation"]["servers"]
    assert (one["id"], one["was"]) == (server["id"], "stopped")
    assert plan["evacuation"]["options"]["evacuation_timeout"] == 20
    assert written(nova) == []


@pytest.mark.parametrize(
    ("server", "code", "says"),
    [
        ({"vm_state": "error"}, "WRONG_STATE", "rebuild helps"),
        ({"vm_state": "suspended"}, "WRONG_STATE", "active, paused and stopped"),
        ({"vm_state": "shelved_offloaded", "host": None}, "WRONG_STATE", "on no host"),
        ({"lock": "mine"}, "LOCKED", "mine"),
    ],
)
def test_what_cannot_be_moved_is_refused(nova, server, code, says):
    with pytest.raises(Refused, match=says) as refusal:
        migration(nova, add(nova, **server), "compute2")
    assert refusal.value.code == code
    assert written(nova) == []


def test_hosts_that_cannot_take_it_are_passed_over_with_their_reasons(nova):
    nova.services["compute2"]["status"] = "disabled"
    server = add(nova)
    plan = migration(nova, server, "nowhere,compute2,compute1.example.org,compute3")
    assert plan["host"] == "compute3"
    assert [(one["host"], one["reason"]) for one in plan["tried"]] == [
        ("nowhere", "UNKNOWN_HOST"),
        ("compute2", "HOST_DISABLED"),
        ("compute1.example.org", "IS_THERE"),
    ]
    with pytest.raises(Refused, match=r"nowhere.*compute2.*Nothing was changed\.$") as refusal:
        migration(nova, server, "nowhere,compute2")
    assert refusal.value.code == "NO_TARGET"


def test_the_next_host_is_the_one_after_those_that_failed(nova):
    server = add(nova)
    first = migration(nova, server, "compute2,compute3")
    second = migration(nova, server, "compute2,compute3", before=first, failed=failed())
    assert (first["host"], second["host"]) == ("compute2", "compute3")
    more = failed(message="full")
    with pytest.raises(Failed, match=r"compute2: no room\. compute3: full\. It is still on") as end:
        migration(nova, server, "compute2,compute3", before=second, failed=more)
    assert end.value.code == "NOT_MOVED"
    assert [one["host"] for one in end.value.details["tried"]] == ["compute2", "compute3"]


def test_a_host_that_failed_is_tried_in_another_way_once_the_source_is_dead(nova):
    server = add(nova)
    first = migration(nova, server, "compute2")
    nova.services["compute1"]["state"] = "down"
    second = migration(nova, server, "compute2", before=first, failed=failed())
    assert (second["kind"], second["host"]) == ("evacuate", "compute2")
    line = {"state": "FAILED", "reason": "EVACUATION_FAILED", "message": "no space"}
    report = failed("SERVERS_NOT_MOVED", servers=[line])
    with pytest.raises(Failed, match=r"compute2: no room\. compute2: no space\."):
        migration(nova, server, "compute2", before=second, failed=report)


def test_without_hosts_there_is_one_try(nova):
    server = add(nova)
    plan = migration(nova, server)
    assert plan["todo"]["request"]["os-migrateLive"]["host"] is None
    with pytest.raises(Failed, match="The host that the scheduler picks: no room"):
        migration(nova, server, before=plan, failed=failed())


@pytest.mark.parametrize("code", ["FORBIDDEN", "CANCELLED"])
def test_after_a_missing_right_or_an_abort_no_other_host_is_tried(nova, code):
    server = add(nova)
    plan = migration(nova, server, "compute2,compute3")
    report = failed(code, "because")
    with pytest.raises(Failed, match=r"^because$") as end:
        migration(nova, server, "compute2,compute3", before=plan, failed=report)
    assert end.value.code == code


def test_a_server_that_arrives_after_its_time_is_only_confirmed(nova):
    server = add(nova)
    plan = migration(nova, server, "compute2,compute3")
    nova.all[server["id"]]["OS-EXT-SRV-ATTR:host"] = "compute2"
    late = migration(nova, server, "compute2,compute3", before=plan, failed=failed("TIMED_OUT"))
    assert late["next"] == "confirm"
    told = node_moves.CheckNodeMoved(late).act(nova)["report"]
    assert (told["reason"], told["details"]["to"]) == ("MIGRATED", "compute2")


def test_an_evacuation_that_goes_on_after_its_time_is_not_begun_again():
    nova = FakeNodes(down=("compute1",))
    server = add(nova)
    plan = migration(nova, server, "compute2,compute3")
    nova.all[server["id"]]["OS-EXT-STS:task_state"] = "rebuilding"
    nova.add_record(server, "pre-migrating", to="compute2")
    again = migration(nova, server, "compute2,compute3", before=plan, failed=failed("TIMED_OUT"))
    assert again["finished"] is False


def test_a_server_on_one_of_the_hosts_is_left_there(nova):
    plan = migration(nova, add(nova), "compute2,compute1")
    assert (plan["next"], plan["report"]["reason"]) == (None, "ALREADY_THERE")


def test_a_host_without_a_fresh_heartbeat_is_neither_up_nor_down(nova):
    server = add(nova)
    nova.advance(40)
    assert "its last heartbeat was 45 s ago" in migration(nova, server, "compute2")["message"]
    nova.beat()
    assert migration(nova, server, "compute2")["next"] == "migrate"


@pytest.mark.parametrize("of", ["server", "host"])
def test_a_second_recovery_is_refused(nova, of):
    server = add(nova)
    what = server["id"] if of == "server" else "compute1"
    with pytest.raises(Refused, match="by execution e7") as refusal:
        migration(nova, server, running=[[], [other("e6", what, False)], [other("e7", what)]])
    assert refusal.value.code == "RECOVERY_RUNNING"
    assert migration(nova, server, running=[[other("e7", "x")]])["next"] == "migrate"
    assert migration(nova, server, running=[[other("e7", what)]], dry_run="true")["next"] is None


def test_who_is_no_administrator_is_told_before_anything_is_looked_at(nova):
    nova.compute_services = denied
    with pytest.raises(Forbidden, match=r"os_compute_api:x.*administrator.*cluster's owner"):
        migration(nova, {"id": IMAGE})
    assert nova.calls == []


def test_a_server_that_is_in_error_or_where_it_was_is_not_moved(nova):
    server = add(nova)
    plan = migration(nova, server, "compute2")
    with pytest.raises(Failed, match="was not moved: it is active on compute1"):
        node_moves.CheckNodeMoved(plan).act(nova)
    nova.all[server["id"]].update({"OS-EXT-STS:vm_state": "error"})
    nova.all[server["id"]]["OS-EXT-SRV-ATTR:host"] = "compute2"
    with pytest.raises(Failed, match="it is error on compute2"):
        node_moves.CheckNodeMoved(plan).act(nova)
    del nova.all[server["id"]]
    with pytest.raises(Failed, match="deleted meanwhile"):
        node_moves.CheckNodeMoved(plan).act(nova)


# ---- rebuild


def rebuild_plan(nova, server, **given):
    return through_json(
        node_rebuilds.PlanNodeRebuild(server["id"], **{"notify_url": URL, **given}).act(nova)
    )


def rebuild(nova, plan, most=20):
    for _ in range(most):
        result = through_json(node_rebuilds.RebuildServer(plan).act(nova))
        if result["finished"]:
            break
        nova.advance(1)
    return result


@pytest.mark.parametrize(
    ("was", "ends"), [("active", "active"), ("stopped", "stopped"), ("error", "active")]
)
def test_a_server_is_rebuilt_once_however_often_the_step_runs(nova, was, ends):
    server = add(nova, was)
    plan = rebuild_plan(nova, server)
    for _ in range(3):
        told = rebuild(nova, plan)["report"]
        assert (told["state"], told["reason"]) == ("SUCCEEDED", "REBUILT")
        assert ends in told["message"]
    assert nova.requests(server) == ["rebuild"]


def test_the_question_whether_the_caller_may_rebuild_changes_nothing(nova):
    server = add(nova)
    before = dict(server)
    rebuild_plan(nova, server)
    assert written(nova) == [{"rebuild": {"imageRef": node_rebuilds.NO_IMAGE}}]
    assert nova.all[server["id"]] == before
    assert nova.requests(server) == []


def test_who_may_not_rebuild_is_told_which_role_is_missing(nova):
    server = add(nova)
    nova.act = denied
    with pytest.raises(Forbidden, match=r"os_compute_api:x.* role member .*cluster's owner"):
        rebuild_plan(nova, server)


@pytest.mark.parametrize(
    ("server", "given", "code"),
    [
        ({"vm_state": "paused"}, {}, "WRONG_STATE"),
        ({"lock": ""}, {}, "LOCKED"),
        ({"image": ""}, {}, "VOLUME_BOOTED"),
        ({"image": {"id": node_rebuilds.NO_IMAGE}}, {}, "UNKNOWN_IMAGE"),
        ({}, {"image": node_rebuilds.NO_IMAGE}, "UNKNOWN_IMAGE"),
    ],
)
def test_what_cannot_be_rebuilt_is_refused(nova, server, given, code):
    with pytest.raises(Refused, match="Nothing was changed") as refusal:
        rebuild_plan(nova, add(nova, **server), **given)
    assert refusal.value.code == code
    assert written(nova) == []


def test_a_server_on_a_dead_host_is_not_rebuilt():
    nova = FakeNodes(down=("compute1",))
    with pytest.raises(Refused, match=r"recovery\.node\.migrate") as refusal:
        rebuild_plan(nova, add(nova))
    assert refusal.value.code == "HOST_DOWN"


def test_an_image_that_is_not_ready_is_refused(nova):
    nova.images = {IMAGE: "SAVING"}
    with pytest.raises(Refused, match="is SAVING"):
        rebuild_plan(nova, add(nova))


def test_a_server_that_changes_at_the_last_moment_is_refused(nova):
    server = add(nova)
    nova.hook = lambda name, arguments: name == "act" and nova._change(server, task_state="x")
    with pytest.raises(Refused, match="409") as refusal:
        rebuild_plan(nova, server)
    assert refusal.value.code == "WRONG_STATE"


def test_a_rebuild_that_failed_is_a_failure_with_the_fault_of_nova(nova):
    server, nova.power_fails = add(nova, "error"), {"active"}
    with pytest.raises(Failed, match="No valid host") as failure:
        rebuild(nova, rebuild_plan(nova, server))
    assert failure.value.code == "REBUILD_FAILED"


@pytest.mark.parametrize(
    "url", [None, "", "ftp://T0-secret", "T0-secret", "http://", "http://h:x/T0-secret", 7]
)
def test_a_useless_address_is_refused_and_not_quoted(nova, url):
    with pytest.raises(BadInput, match="notify_url") as refusal:
        rebuild_plan(nova, add(nova), notify_url=url)
    assert "T0-secret" not in refusal.value.message


def test_a_rebuild_that_does_not_end_tells_what_nova_is_at(nova):
    server = add(nova)
    plan = rebuild_plan(nova, server)
    nova.power = 1000
    node_rebuilds.RebuildServer(plan).act(nova)
    told = node_rebuilds.RebuildServer(plan).act(nova)["report"]
    assert (told["reason"], "active, rebuilding" in told["message"]) == ("TIMED_OUT", True)


# ---- notices


def post(url, event="rebuild_begins"):
    plan = {
        "server": {"id": IMAGE, "name": "web"},
        "options": {"reason": "no ping", "cluster_id": None},
    }
    report = {"state": "SUCCEEDED", "message": "web was rebuilt."}
    return node_rebuilds.PostNotice(url, event, plan, report, "e1").act_for(None)


@pytest.fixture
def allowed(monkeypatch):
    """Mistral's executors may connect to this machine."""
    monkeypatch.setattr(node_rebuilds, "_refuse_by_policy", lambda url, place: None)


def test_a_notice_says_what_happens_to_which_server_and_why(allowed):
    with WebServer() as hook:
        assert post(f"{hook.url}/x")["reason"] == "NOTIFIED"
        post(f"{hook.url}/x", "rebuild_ended")
    first, last = (request.body for request in hook.requests)
    assert first["text"] == "web is about to be rebuilt: no ping."
    assert (last["text"], last["state"], last["execution"]) == (
        "web was rebuilt.",
        "SUCCEEDED",
        "e1",
    )


@pytest.mark.parametrize(
    ("status", "again"), [(503, True), (429, True), (404, False), (302, False)]
)
def test_a_notice_that_is_not_taken_tells_no_secret(allowed, status, again):
    with WebServer() as hook:
        hook.answers = [status]
        with pytest.raises((Failed, Unavailable), match=f"HTTP {status}") as failure:
            post(f"{hook.url}/T0-secret")
    assert (failure.value.code, failure.value.retriable) == ("NOTICE_FAILED", again)
    assert "T0-secret" not in failure.value.message


def test_a_hook_that_does_not_answer_is_tried_again_and_tells_no_secret(allowed, free_port, caplog):
    with pytest.raises(Unavailable, match="could not be sent") as failure:
        post(f"http://127.0.0.1:{free_port}/T0-secret")
    assert "T0-secret" not in failure.value.message + caplog.text


def test_the_egress_policy_of_mistral_holds_for_notices(monkeypatch):
    import sys
    import types

    def refuse(url):
        raise ValueError(url)

    utils = types.SimpleNamespace(egress=types.SimpleNamespace(validate_url=refuse))
    monkeypatch.setitem(sys.modules, "mistral.utils", utils)
    with pytest.raises(Failed, match="action_std_http") as failure:
        post("http://127.0.0.1:1/T0-secret")
    assert "T0-secret" not in failure.value.message


# ---- the calls of Nova


def test_a_rebuild_is_sent_once_and_metadata_and_images_are_asked_for_where_they_are(
    openstack, no_waiting
):
    from keystoneauth1 import adapter, session

    plain = adapter.Adapter(
        session.Session(), service_type="compute",
        endpoint_override=f"{openstack.url}/compute/v2.1",
    )
    nova = Nova(_Without(plain))
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


class _Without:
    """An adapter that asks without a token: whose rights are used is tested elsewhere."""

    def __init__(self, inner):
        self._inner = inner

    def request(self, path, method, **more):
        return self._inner.request(path, method, authenticated=False, **more)
