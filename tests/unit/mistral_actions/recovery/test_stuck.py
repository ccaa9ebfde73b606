"""Evacuations that Nova's conductor, or the destination, has left open: judged, and begun anew."""

import pytest

from mistral_actions.errors import Refused
from mistral_actions.recovery.hosts import PlanHostRecovery
from tests.unit.mistral_actions.fake_nova import stamp
from tests.unit.mistral_actions.recovering import (
    HOST,
    attempt,
    by_name,
    now_is,
    one_pass,
    plan_of,
    states,
)

MOVED = ("MOVED", "EVACUATED")
LONG_AGO = 1000


def forgotten(nova, name, **more):
    """Add a server whose conductor has died with its evacuation."""
    server = nova.add(name, task="rebuilding", **more)
    nova.add_record(server, "accepted", age=LONG_AGO)
    nova._write_down(server["id"], "evacuate")
    return server


def reset_by_hand(nova, server):
    nova.act(server["id"], "resetting", {"os-resetState": {"state": "error"}})


# ---- the record of the newest request stays open, and an older one tells its end
def test_a_server_whose_older_record_ended_is_moved_although_the_newest_stays_open(nova):
    server = forgotten(nova, "a")
    reset_by_hand(nova, server)
    report = attempt(nova, plan_of(nova))
    assert states(report) == {"a": MOVED}
    assert [record["status"] for record in nova.records] == ["done", "accepted"]
    assert nova.counted("evacuate")[server["id"]] == 1
    assert by_name(report)["a"]["to"] == now_is(nova, "a")[0]


def test_it_is_seen_at_once_and_not_after_evacuation_timeout(nova):
    reset_by_hand(nova, forgotten(nova, "a"))
    began = nova.now
    attempt(nova, plan_of(nova, evacuation_timeout=90))
    assert (nova.now - began).total_seconds() < 30


def test_a_server_whose_older_record_failed_has_failed_in_this_attempt_and_not_in_the_next(nova):
    server = forgotten(nova, "a")
    reset_by_hand(nova, server)
    nova.outcomes[server["id"]] = ["failed", "claim", "done"]
    plan = plan_of(nova)
    tried = None
    for _ in range(2):
        report = attempt(nova, plan, tried_before=tried)
        assert states(report) == {"a": ("FAILED", "EVACUATION_FAILED")}
        tried = report["details"]["newest_migration"]
    assert states(attempt(nova, plan, tried_before=tried)) == {"a": MOVED}
    assert nova.counted("evacuate")[server["id"]] == 3
    assert nova.beside_running == []


def test_an_earlier_failure_is_not_taken_for_the_end_of_what_has_just_begun(nova):
    """Nova's services have clocks of their own: the failure seems to be the newer one."""
    server = nova.add("a")
    nova.outcomes[server["id"]] = ["claim"]
    plan = plan_of(nova)
    first = attempt(nova, plan)
    nova.spawning = 20
    tried = first["details"]["newest_migration"]
    one_pass(nova, plan, tried_before=tried)
    nova.records[0]["updated_at"] = stamp(nova.now.replace(year=2027))
    assert states(attempt(nova, plan, tried_before=tried)) == {"a": MOVED}
    assert nova.counted("evacuate")[server["id"]] == 2


def test_a_server_that_is_elsewhere_and_idle_has_not_timed_out(nova):
    """Its destination died between what it wrote of the server and of the record."""
    server = nova.add("a")
    nova.outcomes[server["id"]] = ["stuck"]
    plan = plan_of(nova, evacuation_timeout=20)
    one_pass(nova, plan)
    nova.all[server["id"]].update(
        {"OS-EXT-SRV-ATTR:host": "compute3", "OS-EXT-STS:task_state": None}
    )
    assert states(attempt(nova, plan)) == {"a": MOVED}


def test_a_rebuild_that_the_dead_host_had_begun_ends_in_a_timeout(nova):
    """There is no migration record of it, and it does not end."""
    nova.add("a", task="rebuild_spawning")
    line = by_name(attempt(nova, plan_of(nova, evacuation_timeout=20)))["a"]
    assert (line["state"], line["reason"]) == ("FAILED", "TIMED_OUT")
    assert "rebuild_spawning" in line["message"]


def test_who_has_timed_out_is_told_how_to_begin_anew(nova):
    forgotten(nova, "a")
    report = attempt(nova, plan_of(nova))
    assert states(report) == {"a": ("FAILED", "TIMED_OUT")}
    assert f"`openstack recovery host {HOST} --reset-stuck`" in report["message"]
    assert not nova.counted("os-resetState")


# ---- reset_stuck
@pytest.mark.parametrize("was", ["active", "stopped", "error"])
def test_reset_stuck_begins_anew_with_what_nova_has_forgotten(nova, was):
    server = forgotten(nova, "a", vm_state=was)
    nova.add("b")
    report = attempt(nova, plan_of(nova, reset_stuck=True))
    assert states(report) == {"a": MOVED, "b": MOVED}
    assert nova.counted("evacuate")[server["id"]] == 1
    assert now_is(nova, "a")[1:] == (was, None)
    assert nova.beside_running == []


def test_a_rebuild_that_died_with_the_host_is_begun_anew(nova):
    nova.add("a", task="rebuild_spawning")
    nova.advance(LONG_AGO)
    assert states(attempt(nova, plan_of(nova, reset_stuck=True))) == {"a": MOVED}


def test_what_was_begun_anew_is_not_reset_again_by_the_next_pass(nova):
    server = forgotten(nova, "a")
    nova.spawning = 30
    attempt(nova, plan_of(nova, reset_stuck=True))
    resets = [s for s in nova.calls if s[0] == "act" and "os-resetState" in s[1][2]]
    assert len(resets) == 1
    assert nova.counted("evacuate")[server["id"]] == 1


def test_a_dry_run_says_what_would_be_reset(nova):
    forgotten(nova, "a")
    nova.add("b")
    report = PlanHostRecovery(HOST, True, {"reset_stuck": "true"}).act(nova)["report"]
    assert states(report) == {"a": ("PENDING", "STUCK"), "b": ("PENDING", "SELECTED")}
    assert "Nova has forgotten a: would reset the state first" in report["message"]
    assert not [name for name, _ in nova.calls if name == "act"]


def changed(nova, server):
    nova.records[-1]["updated_at"] = stamp(nova.now)


def destination_is_at_it(nova, server):
    nova.known_events[server["id"]] = [
        _event("rebuild_server", "controller", result="Success"),
        _event("compute_rebuild_instance", "compute2"),
    ]


def destination_is_at_it_and_down(nova, server):
    destination_is_at_it(nova, server)
    nova.services["compute2"]["state"] = "down"


def destination_has_ended_it(nova, server):
    nova.known_events[server["id"]] = [
        _event("compute_rebuild_instance", "compute2", finish_time="2026-11-20T11:40:00.000000")
    ]


def handed_over_to_a_host_that_is_down(nova, server):
    nova.known_events[server["id"]] = [_event("rebuild_server", "controller", result="Success")]
    nova.services["compute3"]["state"] = "down"


def an_event_is_new(nova, server):
    event = _event("rebuild_server", "controller") | {"start_time": stamp(nova.now)}
    nova.known_events[server["id"]] = [event]


def conductor_is_down(nova, server):
    nova.conductor_state = "down"


def conductor_is_behind(nova, server):
    earlier = nova.add_record(
        nova.add("other"), "pre-migrating", source="compute9", age=LONG_AGO + 9
    )
    earlier["updated_at"] = stamp(nova.now)


def conductor_has_gone_past(nova, server):
    nova.add_record(nova.add("other"), "done", source="compute9", age=30)


def _event(name, host, finish_time=None, result=None):
    start = "2026-11-20T11:30:00.000000"
    return {
        "event": name,
        "host": host,
        "start_time": start,
        "finish_time": finish_time,
        "result": result,
    }


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (changed, "it has changed 0 s ago, and evacuation_timeout is 90"),
        (an_event_is_new, "it has changed 0 s ago"),
        (destination_is_at_it, "compute2 has begun with it, and is up"),
        (handed_over_to_a_host_that_is_down, "compute3 is down, and begins with it"),
        (conductor_is_down, "no nova-conductor is up"),
        (conductor_is_behind, "nova-conductor still works off"),
    ],
)
def test_reset_stuck_is_refused_while_something_speaks_for_it_that_nova_works_on_one(
    nova, evidence, says
):
    evidence(nova, forgotten(nova, "a"))
    with pytest.raises(Refused, match=says) as refused:
        plan_of(nova, reset_stuck=True)
    assert refused.value.code == "STILL_EVACUATING"
    assert "Nova seems to work on a still" in refused.value.message
    assert not [name for name, _ in nova.calls if name == "act"]


@pytest.mark.parametrize(
    "evidence",
    [destination_is_at_it_and_down, destination_has_ended_it, conductor_has_gone_past],
)
def test_reset_stuck_goes_on_when_nothing_speaks_for_it(nova, evidence):
    evidence(nova, forgotten(nova, "a"))
    assert plan_of(nova, reset_stuck=True)["servers"][0]["stuck"] is True
