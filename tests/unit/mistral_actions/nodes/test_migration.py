"""The migration of a node: where it goes next, how, and that it has arrived."""

import pytest

from mistral_actions.errors import Failed, Forbidden, Refused
from mistral_actions.nodes import migration
from tests.unit.mistral_actions.fake_nodes import (
    IMAGE,
    FakeNodes,
    add,
    denied,
    other,
    through_json,
    written,
)


def plan_of(nova, server, host=None, **given):
    return through_json(migration.PlanNodeMigration(server["id"], host, **given).act(nova))


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
    plan = plan_of(nova, add(nova, state), " compute2 ", timeout="60")
    assert (plan["next"], plan["kind"], plan["host"]) == ("migrate", kind, "compute2")
    assert plan["todo"]["request"] == request_
    assert plan["polls"] == 30


def test_a_server_of_a_dead_host_is_evacuated_and_no_other_one():
    nova = FakeNodes(down=("compute1",))
    server, _ = add(nova, "stopped"), nova.add("bystander")
    plan = plan_of(nova, server, "compute2", settings={"evacuation_timeout": 20})
    assert (plan["next"], plan["kind"]) == ("evacuate", "evacuate")
    (one,) = plan["evacuation"]["servers"]
    assert (one["id"], one["was"]) == (server["id"], "stopped")
    assert plan["evacuation"]["options"]["evacuation_timeout"] == 20
    assert written(nova) == []


def test_a_server_that_was_still_being_built_when_its_host_died_is_refused():
    nova = FakeNodes(down=("compute1",))
    with pytest.raises(Refused, match="has never run: delete it") as refusal:
        plan_of(nova, add(nova, "building"), "compute2")
    assert refusal.value.code == "WRONG_STATE"
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
        plan_of(nova, add(nova, **server), "compute2")
    assert refusal.value.code == code
    assert written(nova) == []


def test_hosts_that_cannot_take_it_are_passed_over_with_their_reasons(nova):
    nova.services["compute2"]["status"] = "disabled"
    server = add(nova)
    plan = plan_of(nova, server, "nowhere,compute2.example.org,compute3")
    assert plan["host"] == "compute3"
    assert [(one["host"], one["reason"]) for one in plan["tried"]] == [
        ("nowhere", "UNKNOWN_HOST"),
        ("compute2", "HOST_DISABLED"),
    ]
    with pytest.raises(Refused, match=r"nowhere.*compute2.*Nothing was changed\.$") as refusal:
        plan_of(nova, server, "nowhere,compute2")
    assert refusal.value.code == "NO_TARGET"


def test_the_next_host_is_the_one_after_those_that_failed(nova):
    server = add(nova)
    first = plan_of(nova, server, "compute2,compute3")
    second = plan_of(nova, server, "compute2,compute3", before=first, failed=failed())
    assert (first["host"], second["host"]) == ("compute2", "compute3")
    more = failed(message="full")
    with pytest.raises(Failed, match=r"compute2: no room\. compute3: full\. It is still on") as end:
        plan_of(nova, server, "compute2,compute3", before=second, failed=more)
    assert end.value.code == "NOT_MOVED"
    assert [one["host"] for one in end.value.details["tried"]] == ["compute2", "compute3"]


def test_a_host_that_failed_is_not_tried_again_under_another_name(nova):
    server, names = add(nova), "compute2.example.org,uuid-of-compute2,compute2"
    first = plan_of(nova, server, names)
    with pytest.raises(Failed, match="no host is left") as end:
        plan_of(nova, server, names, before=first, failed=failed())
    assert [one["host"] for one in end.value.details["tried"]] == ["compute2"]


def test_a_host_that_failed_is_tried_in_another_way_once_the_source_is_dead(nova):
    server = add(nova)
    first = plan_of(nova, server, "compute2")
    nova.services["compute1"]["state"] = "down"
    second = plan_of(nova, server, "compute2", before=first, failed=failed())
    assert (second["kind"], second["host"]) == ("evacuate", "compute2")
    line = {"state": "FAILED", "reason": "EVACUATION_FAILED", "message": "no space"}
    report = failed("SERVERS_NOT_MOVED", servers=[line])
    with pytest.raises(Failed, match=r"compute2: no room\. compute2: no space\."):
        plan_of(nova, server, "compute2", before=second, failed=report)


def test_without_hosts_there_is_one_try(nova):
    server = add(nova)
    plan = plan_of(nova, server)
    assert plan["todo"]["request"]["os-migrateLive"]["host"] is None
    with pytest.raises(Failed, match="The host that the scheduler picks: no room"):
        plan_of(nova, server, before=plan, failed=failed())


@pytest.mark.parametrize("code", ["FORBIDDEN", "CANCELLED"])
def test_after_a_missing_right_or_an_abort_no_other_host_is_tried(nova, code):
    server = add(nova)
    plan = plan_of(nova, server, "compute2,compute3")
    report = failed(code, "because")
    with pytest.raises(Failed, match=r"^because$") as end:
        plan_of(nova, server, "compute2,compute3", before=plan, failed=report)
    assert end.value.code == code


def test_a_server_that_arrives_after_its_time_is_only_confirmed(nova):
    server = add(nova)
    plan = plan_of(nova, server, "compute2,compute3")
    nova.all[server["id"]]["OS-EXT-SRV-ATTR:host"] = "compute2"
    late = plan_of(nova, server, "compute2,compute3", before=plan, failed=failed("TIMED_OUT"))
    assert late["next"] == "confirm"
    told = migration.CheckNodeMoved(late).act(nova)["report"]
    assert (told["reason"], told["details"]["to"]) == ("MIGRATED", "compute2")


def test_an_evacuation_that_goes_on_after_its_time_is_not_begun_again():
    nova = FakeNodes(down=("compute1",))
    server = add(nova)
    plan = plan_of(nova, server, "compute2,compute3")
    nova.all[server["id"]]["OS-EXT-STS:task_state"] = "rebuilding"
    nova.add_record(server, "pre-migrating", to="compute2")
    again = plan_of(nova, server, "compute2,compute3", before=plan, failed=failed("TIMED_OUT"))
    assert again["finished"] is False


def test_a_server_on_one_of_the_hosts_is_left_there(nova):
    plan = plan_of(nova, add(nova), "compute2,uuid-of-compute1")
    assert (plan["next"], plan["report"]["reason"]) == (None, "ALREADY_THERE")


def test_a_host_without_a_fresh_heartbeat_is_neither_up_nor_down(nova):
    server = add(nova)
    nova.advance(40)
    assert "its last heartbeat was 45 s ago" in plan_of(nova, server, "compute2")["message"]
    nova.beat()
    assert plan_of(nova, server, "compute2")["next"] == "migrate"


@pytest.mark.parametrize("of", ["server", "host"])
def test_a_second_recovery_is_refused(of):
    nova = FakeNodes(hosts=("Compute-1", "compute2"), down=())
    server = add(nova, host="Compute-1")
    what = server["id"].upper() if of == "server" else "Compute-1"
    with pytest.raises(Refused, match="by execution e7") as refusal:
        plan_of(nova, server, running=[[], [other("e6", what, False)], [other("e7", what)]])
    assert refusal.value.code == "RECOVERY_RUNNING"
    assert plan_of(nova, server, running=[[other("e7", "x")]])["next"] == "migrate"
    assert plan_of(nova, server, running=[[other("e7", what)]], dry_run="true")["next"] is None


def test_who_is_no_administrator_is_told_before_anything_is_looked_at(nova):
    nova.compute_services = denied
    with pytest.raises(Forbidden, match=r"os_compute_api:x.*administrator.*cluster's owner"):
        plan_of(nova, {"id": IMAGE})
    assert nova.calls == []


def test_a_server_that_is_in_error_or_where_it_was_is_not_moved(nova):
    server = add(nova)
    plan = plan_of(nova, server, "compute2")
    with pytest.raises(Failed, match="was not moved: it is active on compute1"):
        migration.CheckNodeMoved(plan).act(nova)
    nova.all[server["id"]].update({"OS-EXT-STS:vm_state": "error"})
    nova.all[server["id"]]["OS-EXT-SRV-ATTR:host"] = "compute2"
    with pytest.raises(Failed, match="it is error on compute2"):
        migration.CheckNodeMoved(plan).act(nova)
    del nova.all[server["id"]]
    with pytest.raises(Failed, match="deleted meanwhile"):
        migration.CheckNodeMoved(plan).act(nova)
