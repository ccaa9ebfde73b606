"""The bulk evacuation, disturbed: refusals, missing rights, outages, hosts that come back."""

import pytest

from mistral_actions.errors import Conflict, Forbidden, NotFound, Refused, Rejected, Unavailable
from tests.unit.mistral_actions.fake_nova import Killed
from tests.unit.mistral_actions.recovering import (
    HOST,
    OURS,
    at_call,
    attempt,
    by_name,
    now_is,
    one_pass,
    plan_of,
    states,
)

MOVED = ("MOVED", "EVACUATED")


def test_a_dead_record_does_not_bar_a_server_that_the_operator_has_reset(nova):
    """Nova has no way to close the record of an evacuation whose conductor died."""
    server = nova.add("a")
    nova.add_record(server, "accepted", age=3600)
    plan = plan_of(nova)
    assert plan["adopted"] == []
    assert states(attempt(nova, plan)) == {"a": MOVED}


def test_a_server_that_nova_never_evacuates_fails_with_novas_reason(nova):
    """Nova answers 409 for a server with a vTPM, whatever its state; it is left as it was."""
    server = nova.add("secret")
    plan = plan_of(nova)

    def refuse(name, arguments):
        if name == "act" and arguments[0] == server["id"] and "evacuate" in arguments[2]:
            raise Conflict("Operation 'evacuate' not supported for vTPM-enabled instance")

    nova.hook = refuse
    report = attempt(nova, plan)
    assert states(report) == {"secret": ("FAILED", "REFUSED")}
    assert "vTPM" in report["message"]
    assert now_is(nova, "secret") == (HOST, "active", None)


def test_a_host_that_comes_back_ends_the_recovery_with_its_reason(nova):
    nova.add("a")
    plan = plan_of(nova)
    nova.services[HOST].update(state="up", forced_down=False)
    with pytest.raises(Refused, match="compute1 came back") as refused:
        one_pass(nova, plan)
    assert refused.value.code == "HOST_UP"
    assert now_is(nova, "a") == (HOST, "active", None)


def test_when_the_host_comes_back_what_runs_is_still_brought_to_its_end(nova):
    for name in "ab":
        nova.add(name)
    plan = plan_of(nova, concurrency=1)
    one_pass(nova, plan)
    nova.services[HOST].update(state="up", forced_down=False)
    with pytest.raises(Refused, match="compute1 came back"):
        attempt(nova, plan)
    assert now_is(nova, "a")[1:] == ("active", None)
    assert now_is(nova, "b") == (HOST, "active", None)


def test_a_server_that_nova_refuses_to_evacuate_fails_alone(nova):
    server = nova.add("odd")
    nova.add("fine")
    plan = plan_of(nova)

    def refuse(name, arguments):
        if name == "act" and arguments[0] == server["id"] and "evacuate" in arguments[2]:
            raise Rejected("its ports have accelerators (HTTP 400)")

    nova.hook = refuse
    report = attempt(nova, plan)
    assert states(report) == {"odd": ("FAILED", "REFUSED"), "fine": MOVED}
    assert "accelerators" in report["message"]
    assert now_is(nova, "odd") == (HOST, "active", None)


def test_a_destination_that_nova_does_not_know_is_no_success(nova):
    nova.add("a")
    plan = plan_of(nova)
    report = attempt(nova, plan, "nosuch")
    assert report["state"] == "FAILED"
    assert states(report)["a"][0] == "FAILED"
    assert now_is(nova, "a") == (HOST, "active", None)


@pytest.mark.parametrize(
    ("call", "action", "error"),
    [
        ("act", "os-stop", Conflict),
        ("act", "os-stop", NotFound),
        ("act", "os-resetState", NotFound),
        ("act", "unlock", NotFound),
        ("act", "evacuate", Conflict),
        ("server", None, NotFound),
    ],
)
def test_an_error_at_one_server_never_stops_the_others(nova, call, action, error):
    """What a 404 or 409 says is about that server only: the pass goes on to the next ones."""
    nova.add("off", vm_state="suspended")
    nova.add("failed", vm_state="error")
    nova.add("other")
    plan = plan_of(nova, concurrency=1)
    nova.hook = at_call(call, action, doing=error("it has just changed"))
    report = attempt(nova, plan)
    assert states(report)["other"] == MOVED
    assert {line["state"] for line in by_name(report).values()} <= {"MOVED", "FAILED", "SKIPPED"}


def test_a_missing_right_leaves_no_lock_behind(nova):
    nova.add("a")
    plan = plan_of(nova)
    nova.hook = at_call("act", "evacuate", doing=Forbidden("Policy does not allow it"))
    with pytest.raises(Forbidden):
        one_pass(nova, plan)
    assert now_is(nova, "a") == (HOST, "active", None)


@pytest.mark.parametrize("vm_state", ["active", "stopped", "error", "suspended", "paused"])
@pytest.mark.parametrize("outage", [5, 1200])
def test_a_recovery_that_goes_on_after_an_outage_restores_what_was_moved(nova, outage, vm_state):
    """The executor was away while Nova finished the evacuations, for longer than any timeout."""
    nova.add("a", vm_state=vm_state)
    plan = plan_of(nova)
    one_pass(nova, plan)
    nova.advance(outage)
    assert states(attempt(nova, plan)) == {"a": MOVED}
    off = {"stopped": "stopped", "suspended": "stopped", "error": "error"}
    assert now_is(nova, "a")[1:] == (off.get(vm_state, "active"), None)


def test_a_server_that_cannot_be_restored_is_reported_and_unlocked(nova):
    server = nova.add("a", vm_state="suspended")
    plan = plan_of(nova, evacuation_timeout=20)

    def no_power_off(name, arguments):
        if name == "act" and "os-stop" in arguments[2]:
            server["OS-EXT-STS:task_state"] = "powering-off"
            raise Unavailable("power_off hangs")

    nova.hook = no_power_off
    for _ in range(60):
        try:
            result = one_pass(nova, plan)
        except Unavailable:
            result = {"finished": False}
        if result["finished"]:
            break
        nova.advance(1)
    assert states(result["report"]) == {"a": ("MOVED", "NOT_RESTORED")}
    assert now_is(nova, "a")[2] is None


def test_a_recovery_of_another_host_keeps_its_locks(nova):
    """Its destination failed too, and another recovery has locked the server meanwhile."""
    server = nova.add("a")
    plan = plan_of(nova)
    one_pass(nova, plan)
    nova.advance(10)
    server.update(locked=True, locked_reason="Recovery of host compute2")
    attempt(nova, plan)
    assert now_is(nova, "a")[2] == "Recovery of host compute2"


def test_what_an_earlier_recovery_left_locked_is_restored_and_unlocked(nova):
    """It was cancelled, or its token expired, after the evacuation and before the rest."""
    nova.add("a", vm_state="suspended")
    first = plan_of(nova)
    one_pass(nova, first)
    nova.advance(30)
    assert now_is(nova, "a")[1:] == ("active", OURS)
    nova.advance(1800)
    report = attempt(nova, plan_of(nova, [first]))
    assert states(report) == {"a": ("MOVED", "EVACUATED_BEFORE")}
    assert now_is(nova, "a")[1:] == ("stopped", None)


def test_what_was_left_is_restored_although_the_plan_is_old_when_its_turn_comes(nova):
    """Confirming that the host failed and waiting until it is down takes its time."""
    nova.add("a", vm_state="suspended")
    first = plan_of(nova)
    one_pass(nova, first)
    nova.advance(600)
    second = plan_of(nova, [first])
    nova.advance(200)
    attempt(nova, second)
    assert now_is(nova, "a")[1:] == ("stopped", None)


def test_a_pass_killed_between_lock_and_evacuate_is_made_good(nova):
    nova.add("a")
    plan = plan_of(nova)
    nova.afterwards = at_call("act", "lock", doing=Killed())
    with pytest.raises(Killed):
        one_pass(nova, plan)
    assert now_is(nova, "a") == (HOST, "active", OURS)
    assert states(attempt(nova, plan)) == {"a": MOVED}
    assert now_is(nova, "a")[1:] == ("active", None)


@pytest.mark.parametrize("error", [Forbidden("no right"), Rejected("of no use")])
def test_a_second_recovery_knows_that_the_first_one_reset_the_server(nova, error):
    """The first put a paused server into error to evacuate it, and got no further."""
    nova.add("a", vm_state="paused")
    first = plan_of(nova)
    nova.hook = at_call("act", "evacuate", which=2, doing=error)  # Nova refuses the first itself
    if isinstance(error, Forbidden):
        with pytest.raises(Forbidden):
            one_pass(nova, first)
    else:
        attempt(nova, first)
    assert now_is(nova, "a")[:2] == (HOST, "error")
    second = plan_of(nova, [first])
    assert [one["was"] for one in second["servers"]] == ["active"]
    attempt(nova, second)
    assert now_is(nova, "a")[1:] == ("active", None)
