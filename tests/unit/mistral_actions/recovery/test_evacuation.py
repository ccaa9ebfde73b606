"""A pass of the bulk evacuation on a Nova that does what a real one seldom does."""

from types import SimpleNamespace

import pytest

from mistral_actions.errors import Unavailable
from mistral_actions.recovery import evacuation_pass
from tests.unit.mistral_actions.recovering import (
    at_call,
    attempt,
    by_name,
    now_is,
    one_pass,
    plan_of,
    states,
)

MOVED = ("MOVED", "EVACUATED")


def test_a_pass_counts_and_finishes_when_all_servers_are_elsewhere(nova):
    for name in ("a", "b", "c"):
        nova.add(name)
    plan = plan_of(nova, concurrency=2)
    first = one_pass(nova, plan)
    assert {key: first[key] for key in ("finished", "total", "done", "running", "pending")} == {
        "finished": False,
        "total": 3,
        "done": 0,
        "running": 2,
        "pending": 1,
    }
    report = attempt(nova, plan)
    assert (report["state"], report["reason"]) == ("SUCCEEDED", "RECOVERED")
    assert set(states(report).values()) == {MOVED}
    assert "evacuated from compute1: " in report["message"]
    assert nova.most_running == 2
    assert set(nova.counted("evacuate").values()) == {1}


def test_a_pass_that_may_begin_nothing_looks_after_what_has_begun_and_is_not_the_end(nova):
    """The recovery is paused while its first server is under way, which was stopped."""
    for name in ("a", "b"):
        nova.add(name, vm_state="stopped")
    plan = plan_of(nova, concurrency=1)
    one_pass(nova, plan)
    for _ in range(30):
        nova.advance(1)
        paused = one_pass(nova, plan, begin=False)
    assert (paused["finished"], paused["done"], paused["pending"]) == (False, 1, 1)
    assert "none is begun while the recovery is paused" in paused["message"]
    assert now_is(nova, "a")[1:] == ("stopped", None)
    assert now_is(nova, "b") == (plan["host"], "stopped", None)
    assert states(attempt(nova, plan)) == {"a": MOVED, "b": MOVED}
    assert set(nova.counted("evacuate").values()) == {1}


def test_a_record_that_the_scheduler_has_not_touched_is_not_started_again(nova):
    """`changes-since` hides a record until it is updated for the first time: seconds, in a bulk."""
    nova.scheduling = 5
    nova.add("slow")
    report = attempt(nova, plan_of(nova))
    assert states(report) == {"slow": MOVED}
    assert sum(nova.counted("evacuate").values()) == 1


def test_the_window_holds_while_the_scheduler_is_slow(nova):
    nova.scheduling = 5
    for name in "abcdef":
        nova.add(name)
    attempt(nova, plan_of(nova, concurrency=2))
    assert nova.most_running == 2
    assert nova.beside_running == []


def test_a_pass_that_was_slow_to_lock_leaves_the_evacuation_to_the_next_one(nova, monkeypatch):
    """Mistral may have taken its process for dead by then, and run the action elsewhere."""
    server, clock = nova.add("a"), [0.0]
    monkeypatch.setattr(evacuation_pass, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    plan = plan_of(nova)
    nova.hook = at_call("act", "lock", doing=lambda: clock.append(clock.pop() + 60))
    assert one_pass(nova, plan)["pending"] == 1
    assert not nova.counted("evacuate")
    assert states(attempt(nova, plan)) == {"a": MOVED}
    assert nova.counted("evacuate")[server["id"]] == 1


def test_an_evacuation_whose_answer_was_lost_is_found_again(nova):
    server = nova.add("a")
    plan = plan_of(nova)
    nova.afterwards = at_call("act", "evacuate", doing=Unavailable("no answer"))
    with pytest.raises(Unavailable):
        one_pass(nova, plan)
    report = attempt(nova, plan)
    assert states(report) == {"a": MOVED}
    assert nova.counted("evacuate")[server["id"]] == 1
    assert now_is(nova, "a")[1:] == ("active", None)


def test_a_server_that_others_moved_is_not_touched_there(nova):
    server = nova.add("a", vm_state="paused")
    plan = plan_of(nova)
    server.update({"OS-EXT-SRV-ATTR:host": "compute3", "OS-EXT-STS:vm_state": "active"})
    report = attempt(nova, plan)
    assert states(report) == {"a": ("SKIPPED", "MOVED_BY_OTHERS")}
    assert by_name(report)["a"]["to"] == "compute3"
    assert now_is(nova, "a") == ("compute3", "active", None)


def test_a_server_that_was_evacuated_after_the_look_at_the_records_is_moved_by_us(nova):
    """The evacuation of an overtaken pass ends between this one's look and its start."""
    server = nova.add("a", vm_state="error")
    plan = plan_of(nova)

    def other():
        one_pass(nova, plan)
        nova.advance(10)

    nova.hook = at_call("act", "lock", doing=other)
    report = attempt(nova, plan)
    assert states(report) == {"a": MOVED}
    assert now_is(nova, "a")[1:] == ("error", None)
    assert len([r for r in nova.records if r["instance_uuid"] == server["id"]]) == 1


@pytest.mark.parametrize("vm_state", ["active", "paused"])
def test_a_server_that_is_deleted_meanwhile_is_skipped(nova, vm_state):
    server = nova.add("gone", vm_state=vm_state)
    nova.add("stays")
    plan = plan_of(nova)
    nova.hook = at_call("act", "lock", which=1, doing=lambda: nova.all.pop(server["id"]))
    report = attempt(nova, plan)
    assert states(report) == {"gone": ("SKIPPED", "GONE"), "stays": MOVED}


def test_a_server_that_is_being_deleted_is_skipped_and_unlocked(nova):
    server = nova.add("going", vm_state="paused")
    plan = plan_of(nova)
    server["OS-EXT-STS:task_state"] = "deleting"
    report = attempt(nova, plan)
    assert states(report) == {"going": ("SKIPPED", "DELETED")}
    assert now_is(nova, "going")[2] is None


@pytest.mark.parametrize("lock", [None, "of the user"])
@pytest.mark.parametrize(("was", "ends"), [("active", "active"), ("stopped", "stopped")])
def test_a_server_that_changed_since_the_plan_is_evacuated_all_the_same(nova, was, ends, lock):
    server = nova.add("a", vm_state=was, lock=lock)
    plan = plan_of(nova)
    server["OS-EXT-STS:vm_state"] = "suspended"
    report = attempt(nova, plan)
    assert states(report) == {"a": MOVED}
    assert now_is(nova, "a")[1:] == (ends, lock)


@pytest.mark.parametrize("lock_servers", [True, False])
@pytest.mark.parametrize("lock", [None, "", "for maintenance"])
@pytest.mark.parametrize(
    ("vm_state", "ends"),
    [
        ("active", "active"),
        ("stopped", "stopped"),
        ("error", "error"),
        ("paused", "active"),
        ("rescued", "active"),
        ("resized", "active"),
        ("suspended", "stopped"),
        ("shelved", "stopped"),
    ],
)
def test_each_server_ends_as_what_it_was(nova, vm_state, ends, lock, lock_servers):
    nova.add("a", vm_state=vm_state, lock=lock)
    attempt(nova, plan_of(nova, lock_servers=lock_servers))
    assert now_is(nova, "a")[1:] == (ends, lock)


@pytest.mark.parametrize("kind", ["error", "failed", "claim"])
@pytest.mark.parametrize("vm_state", ["active", "stopped", "error", "suspended", "paused"])
def test_a_second_attempt_moves_what_failed_and_ends_as_what_it_was(nova, kind, vm_state):
    server = nova.add("a", vm_state=vm_state)
    nova.outcomes[server["id"]] = [kind]
    plan = plan_of(nova)
    first = attempt(nova, plan)
    why = "NO_VALID_HOST" if kind == "error" else "EVACUATION_FAILED"
    assert first["reason"] == "SERVERS_NOT_MOVED"
    assert states(first) == {"a": ("FAILED", why)}
    assert now_is(nova, "a")[2] is None
    second = attempt(nova, plan, "compute3", first["details"]["newest_migration"])
    assert states(second) == {"a": MOVED}
    off = {"stopped": "stopped", "suspended": "stopped", "error": "error"}
    assert now_is(nova, "a") == ("compute3", off.get(vm_state, "active"), None)


@pytest.mark.parametrize("kind", ["error", "failed", "claim"])
@pytest.mark.parametrize("vm_state", ["active", "stopped", "error", "suspended", "paused"])
def test_a_second_recovery_moves_what_failed_and_ends_as_what_it_was(nova, kind, vm_state):
    server = nova.add("a", vm_state=vm_state)
    nova.outcomes[server["id"]] = [kind]
    first = plan_of(nova)
    attempt(nova, first)
    nova.advance(3600)
    attempt(nova, plan_of(nova, [first]))
    off = {"stopped": "stopped", "suspended": "stopped", "error": "error"}
    assert now_is(nova, "a")[1:] == (off.get(vm_state, "active"), None)


def test_servers_that_the_first_attempt_moved_are_not_moved_again(nova):
    bad, good = nova.add("bad"), nova.add("good")
    nova.outcomes[bad["id"]] = ["failed"]
    plan = plan_of(nova)
    first = attempt(nova, plan)
    assert states(first) == {"bad": ("FAILED", "EVACUATION_FAILED"), "good": MOVED}
    assert by_name(first)["bad"]["message"] == "No space left"
    report = attempt(nova, plan, "compute3", first["details"]["newest_migration"])
    assert states(report) == {"bad": MOVED, "good": MOVED}
    assert nova.counted("evacuate")[good["id"]] == 1


def test_an_evacuation_that_does_not_end_fails_after_its_time(nova):
    server = nova.add("stuck")
    nova.add("fine")
    nova.outcomes[server["id"]] = ["stuck"]
    report = attempt(nova, plan_of(nova, evacuation_timeout=20, concurrency=1))
    assert states(report) == {"stuck": ("FAILED", "TIMED_OUT"), "fine": MOVED}
    assert by_name(report)["stuck"]["message"].startswith("still accepted in Nova after 2")
    assert nova.counted("evacuate")[server["id"]] == 1
    assert now_is(nova, "stuck")[2] is None


def test_an_evacuation_that_ends_after_its_time_is_still_restored(nova):
    """While other servers keep the recovery busy, the late one ends, in error before."""
    late = nova.add("late", vm_state="error")
    nova.spawning = 30
    nova.add("other")
    plan = plan_of(nova, evacuation_timeout=20, concurrency=1)
    attempt(nova, plan)
    nova.advance(60)
    assert nova.counted("evacuate")[late["id"]] == 1
    assert now_is(nova, "late")[1:] == ("error", None)


def test_a_running_record_of_an_earlier_recovery_is_adopted(nova):
    server = nova.add("a", task="rebuilding")
    record = nova.add_record(server, "accepted", age=30)
    record["ends"] = (nova.now, "done")
    plan = plan_of(nova)
    assert plan["adopted"] == [record["id"]]
    report = attempt(nova, plan)
    assert states(report) == {"a": MOVED}
    assert sum(nova.counted("evacuate").values()) == 0


def test_an_adopted_evacuation_that_fails_is_tried_again(nova):
    server = nova.add("a", task="rebuilding")
    nova.add_record(server, "accepted", age=30)["ends"] = (nova.now, "failed")
    report = attempt(nova, plan_of(nova))
    assert states(report) == {"a": MOVED}
    assert nova.counted("evacuate")[server["id"]] == 1


def test_an_adopted_record_of_days_ago_ends_in_a_timeout_not_in_endless_polling(nova):
    """Its conductor died: the server is `rebuilding` for ever."""
    server = nova.add("a", task="rebuilding")
    nova.add_record(server, "pre-migrating", to="compute2", age=3 * 86400)
    report = attempt(nova, plan_of(nova))
    assert states(report) == {"a": ("FAILED", "TIMED_OUT")}
    assert nova.beside_running == []
