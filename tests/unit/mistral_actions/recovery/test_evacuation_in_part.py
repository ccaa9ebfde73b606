"""The bulk evacuation while Nova leaves out of its lists what is in a cell that does not answer."""

import pytest

from tests.unit.mistral_actions.recovering import (
    HOST,
    OURS,
    attempt,
    by_name,
    now_is,
    one_pass,
    plan_of,
    states,
)

MOVED = ("MOVED", "EVACUATED")


def leave_out(nova, *calls, times=1):
    """Leave all out of the next answers of some calls."""
    left = dict.fromkeys(calls, times)

    def shown(name, answer):
        if left.get(name, 0) > 0:
            left[name] -= 1
            return []
        return answer

    nova.shown = shown


@pytest.mark.parametrize("lists", [["evacuations"], ["evacuations", "migrations"]])
@pytest.mark.parametrize("seconds", [0, 1, 3])
def test_evacuations_that_nova_does_not_show_are_not_started_again(nova, seconds, lists):
    for name in "abc":
        nova.add(name)
    plan = plan_of(nova, concurrency=2)
    one_pass(nova, plan)
    nova.advance(seconds)
    leave_out(nova, *lists, times=2)
    assert one_pass(nova, plan)["running"] == 2
    assert set(states(attempt(nova, plan)).values()) == {MOVED}
    assert nova.beside_running == []
    assert set(nova.counted("evacuate").values()) == {1}


def test_a_server_that_was_evacuated_to_the_host_just_before_it_died_is_evacuated_at_once(nova):
    """That is the evacuation of another host, which took as long as these two took to die."""
    server = nova.add("a", host="compute2")
    nova.services["compute2"]["state"] = "down"
    nova.services[HOST]["state"] = "up"
    nova.act(server["id"], "", {"evacuate": {"host": HOST}})
    nova.advance(4)
    nova.services[HOST]["state"] = "down"
    plan = plan_of(nova)
    one_pass(nova, plan)
    assert nova.counted("evacuate")[server["id"]] == 2
    assert states(attempt(nova, plan)) == {"a": MOVED}
    assert nova.counted("evacuate")[server["id"]] == 2


@pytest.mark.parametrize("outcome", ["failed", "error", "claim"])
def test_a_failure_that_nova_does_not_show_is_none_to_try_again(nova, outcome):
    """A server that could not be moved is reported; whoever wants a second try says so."""
    server = nova.add("a")
    nova.outcomes[server["id"]] = [outcome, "done"]
    plan = plan_of(nova)
    one_pass(nova, plan)
    nova.advance(10)
    leave_out(nova, "evacuations")
    assert one_pass(nova, plan)["pending"] == 1
    assert states(attempt(nova, plan))["a"][0] == "FAILED"
    assert nova.counted("evacuate")[server["id"]] == 1


def test_a_server_that_arrived_while_nova_showed_no_record_is_ours(nova):
    nova.add("a", vm_state="suspended")
    plan = plan_of(nova)
    one_pass(nova, plan)
    nova.advance(10)
    leave_out(nova, "evacuations")
    assert one_pass(nova, plan)["running"] == 1
    assert states(attempt(nova, plan)) == {"a": MOVED}
    assert now_is(nova, "a")[1:] == ("stopped", None)


@pytest.mark.parametrize("lists", [["locked_servers"], ["locked_servers", "changed_servers"]])
def test_what_is_not_among_the_locked_servers_is_not_taken_for_restored(nova, lists):
    nova.add("a", vm_state="suspended")
    plan = plan_of(nova)
    one_pass(nova, plan)
    nova.advance(10)
    leave_out(nova, *lists, times=100)
    assert states(attempt(nova, plan)) == {"a": MOVED}
    assert now_is(nova, "a")[1:] == ("stopped", None)


def test_a_server_that_its_user_stopped_after_the_recovery_was_done_with_it_stays_off(nova):
    """The recovery of the others goes on for long: at its end it looks at all once more."""
    early, late = nova.add("early"), nova.add("late")
    plan = plan_of(nova, concurrency=1)
    while not nova.counted("evacuate")[late["id"]]:
        one_pass(nova, plan)
        nova.advance(1)
    assert now_is(nova, "early")[1:] == ("active", None)
    early["OS-EXT-STS:vm_state"] = "stopped"
    assert set(states(attempt(nova, plan)).values()) == {MOVED}
    assert now_is(nova, "early")[1:] == ("stopped", None)


def test_a_server_that_is_where_it_was_is_not_called_moved(nova):
    """Nova hid an old record when the plan was made: of its former life on this host."""
    server = nova.add("a")
    nova.add_record(server, "done", to="compute2", age=9000)
    leave_out(nova, "evacuations")
    plan = plan_of(nova)
    report = attempt(nova, plan)
    assert (report["state"], states(report)) == ("FAILED", {"a": ("FAILED", "NOT_MOVED")})
    assert by_name(report)["a"]["to"] is None
    assert now_is(nova, "a") == (HOST, "active", None)
    assert states(attempt(nova, plan_of(nova, [plan]))) == {"a": MOVED}


def test_an_attempt_that_was_shown_no_record_hands_on_the_newest_that_is_known(nova):
    """Else the attempt after it would take the failures of the first one for its own."""
    server = nova.add("a")
    nova.outcomes[server["id"]] = ["failed", "done"]
    plan = plan_of(nova)
    tried = attempt(nova, plan)["details"]["newest_migration"]
    nova.shown = lambda name, answer: [] if name == "evacuations" else answer
    nova.done.clear()
    report = attempt(nova, plan, "nowhere", tried)
    assert states(report) == {"a": ("FAILED", "REFUSED")}
    assert report["details"]["newest_migration"] == tried


def test_what_an_earlier_recovery_left_locked_is_looked_for_twice(nova):
    nova.add("a", vm_state="suspended")
    first = plan_of(nova)
    one_pass(nova, first)
    nova.advance(30)
    assert now_is(nova, "a")[1:] == ("active", OURS)
    leave_out(nova, "locked_servers")
    assert [one["name"] for one in plan_of(nova, [first])["servers"]] == ["a"]


def test_before_the_first_record_each_server_is_asked_about_and_later_all_by_one_list(nova):
    for name in "abcd":
        nova.add(name)
    plan = plan_of(nova, concurrency=2)
    nova.calls.clear()
    one_pass(nova, plan)
    names = [name for name, _ in nova.calls]
    assert (names.count("servers_on"), names.count("server_actions")) == (1, 2)
    nova.advance(10)
    nova.calls.clear()
    one_pass(nova, plan)
    names = [name for name, _ in nova.calls]
    assert (names.count("servers_on"), names.count("server_actions")) == (1, 0)
    assert names.count("server") == 0
