"""Which servers are evacuated, in which order, and what each was before."""

import pytest

from mistral_actions.errors import BadInput
from tests.unit.mistral_actions.recovering import OURS, attempt, one_pass, plan_of

HA = {"HA_Enabled": "True"}


def names(plan):
    return [server["name"] for server in plan["servers"]]


def left_out(plan):
    return {line["name"]: line["reason"] for line in plan["left_out"]}


def known(plan, name="a"):
    return next(server for server in plan["servers"] if server["name"] == name)


def test_ha_servers_come_first_and_each_group_in_order_of_creation(nova):
    for name, metadata in [("a", {}), ("b", HA), ("c", {}), ("d", {"HA_Enabled": "yes"})]:
        nova.add(name, metadata=metadata)
    assert names(plan_of(nova)) == ["b", "d", "a", "c"]


def test_only_ha_servers_if_not_all_are_wanted(nova):
    nova.add("a")
    nova.add("b", metadata=HA)
    nova.add("c", metadata={"HA_Enabled": "False"})
    plan = plan_of(nova, evacuate_all=False)
    assert names(plan) == ["b"]
    assert left_out(plan) == {"a": "NOT_HA", "c": "NOT_HA"}


@pytest.mark.parametrize(
    ("value", "ha"),
    [
        *[(word, True) for word in ("True", "true", "1", "on", "y", "T", " yes ", '"True"')],
        *[(word, False) for word in ("no", "", "n", "0", "off", "None", "enabled")],
    ],
)
def test_the_mark_is_read_under_its_configured_key(nova, value, ha):
    nova.add("a", metadata={"my:ha": value})
    assert known(plan_of(nova, ha_metadata_key="my:ha"))["ha"] is ha
    assert known(plan_of(nova))["ha"] is False


def test_rules_leave_servers_out_and_say_which_did(nova):
    nova.add("amphora-1")
    nova.add("web", tenant_id="p1")
    nova.add("db", metadata={"role": "Pet"})
    nova.add("other", metadata={"role": "pet"})
    plan = plan_of(nova, leave_out="name=amphora-*, project=p1, metadata.role=Pet")
    assert names(plan) == ["other"]
    assert {line["name"]: line["message"] for line in plan["left_out"]} == {
        "amphora-1": "rule name=amphora-*",
        "web": "rule project=p1",
        "db": "rule metadata.role=Pet",
    }
    assert {line["state"] for line in plan["left_out"]} == {"SKIPPED"}


@pytest.mark.parametrize("pattern", ["?*", "*"])
def test_a_rule_about_metadata_spares_servers_that_do_not_have_it(nova, pattern):
    nova.add("a")
    nova.add("b", metadata={"role": "lb"})
    assert names(plan_of(nova, leave_out=f"metadata.role={pattern}")) == ["a"]


@pytest.mark.parametrize("name", ["None", '"web"', "web[1]", "123", "-web", "a=b", "a b"])
def test_a_rule_means_a_name_as_it_stands(nova, name):
    for other in ("web", "web1", name):
        nova.add(other)
    assert names(plan_of(nova, leave_out=f"name={name}")) == ["web", "web1"]


def test_a_comma_within_a_name_is_matched_by_a_question_mark_or_given_in_a_list(nova):
    nova.add("a,b")
    nova.add("web")
    assert names(plan_of(nova, leave_out="name=a?b")) == ["web"]
    assert names(plan_of(nova, leave_out=["name=a,b"])) == ["web"]
    with pytest.raises(BadInput, match=r"'b' is none \(a \? stands for any character"):
        plan_of(nova, leave_out="name=a,b")


def test_servers_in_error_are_left_out_if_wanted(nova):
    nova.add("a", vm_state="error")
    nova.add("b")
    assert names(plan_of(nova)) == ["a", "b"]
    plan = plan_of(nova, ignore_error_servers=True)
    assert names(plan) == ["b"]
    assert left_out(plan) == {"a": "IN_ERROR"}


def test_a_server_put_into_error_by_an_evacuation_is_not_left_out(nova):
    server = nova.add("a", vm_state="error")
    nova.add_record(server, "error")
    assert names(plan_of(nova, ignore_error_servers=True)) == ["a"]


@pytest.mark.parametrize(
    ("vm_state", "task"),
    [("soft-delete", None), ("deleted", None), ("shelved_offloaded", None), ("active", "deleting")],
)
def test_what_has_nothing_on_the_host_is_left_out(nova, vm_state, task):
    nova.add("a", vm_state=vm_state, task=task)
    plan = plan_of(nova)
    assert names(plan) == []
    assert left_out(plan) == {"a": "DELETED"}
    assert plan["go_on"] is False
    assert plan["report"]["reason"] == "NOTHING_TO_RECOVER"


@pytest.mark.parametrize(
    ("vm_state", "launched"), [("building", None), ("building", "hidden"), ("error", None)]
)
def test_what_was_still_being_built_is_left_alone_and_named(nova, vm_state, launched):
    """Nova evacuates it through ERROR only, and then it stays there, whatever recovery comes."""
    shown = {} if launched == "hidden" else {"OS-SRV-USG:launched_at": launched}
    nova.add("a", vm_state=vm_state, **shown)
    nova.add("b", vm_state="error", **{"OS-SRV-USG:launched_at": "2026-11-20T11:00:00.000000"})
    plan = plan_of(nova)
    assert names(plan) == ["b"]
    assert left_out(plan) == {"a": "NEVER_RAN"}
    assert "delete it" in plan["left_out"][0]["message"]


def test_servers_of_other_hosts_are_not_looked_at(nova):
    nova.add("a")
    nova.add("b", host="compute2")
    plan = plan_of(nova)
    assert names(plan) == ["a"]
    assert left_out(plan) == {}


@pytest.mark.parametrize(
    ("vm_state", "was"),
    [
        ("active", "active"),
        ("stopped", "stopped"),
        ("error", "error"),
        ("suspended", "stopped"),
        ("shelved", "stopped"),
        ("paused", "active"),
        ("rescued", "active"),
        ("resized", "active"),
    ],
)
def test_what_a_server_was(nova, vm_state, was):
    nova.add("a", vm_state=vm_state)
    assert known(plan_of(nova))["was"] == was


@pytest.mark.parametrize("status", ["error", "failed", "cancelled"])
@pytest.mark.parametrize(("power", "was"), [(1, "active"), (4, "stopped"), (0, "active")])
def test_an_evacuation_failed_and_nobody_recorded_what_it_was(nova, status, power, was):
    """Another tool evacuated it, or Mistral's records are gone: the power state tells."""
    server = nova.add("a", vm_state="error", **{"OS-EXT-STS:power_state": power})
    nova.add_record(server, status)
    assert known(plan_of(nova))["was"] == was


@pytest.mark.parametrize("was", ["active", "stopped", "error"])
def test_an_evacuation_failed_and_an_earlier_plan_knows_what_it_was(nova, was):
    server = nova.add("a", vm_state=was)
    nova.outcomes[server["id"]] = ["failed", "failed"]
    first = plan_of(nova)
    attempt(nova, first)
    second = plan_of(nova, [first])
    assert known(second)["was"] == was
    attempt(nova, second)
    assert known(plan_of(nova, [second, first]))["was"] == was


def test_a_plan_made_after_the_failure_does_not_explain_it(nova):
    server = nova.add("a", vm_state="stopped")
    nova.outcomes[server["id"]] = ["failed"]
    first = plan_of(nova)
    attempt(nova, first)
    refused = plan_of(nova)  # one that knew no records of the first
    assert known(plan_of(nova, [refused, first]))["was"] == "stopped"


def test_a_server_in_error_while_its_second_evacuation_runs_is_what_it_was(nova):
    """The recovery was cancelled during its fallback; vm_state is still error meanwhile."""
    server = nova.add("a")
    nova.outcomes[server["id"]] = ["failed"]
    first = plan_of(nova)
    report = attempt(nova, first)
    one_pass(nova, first, "compute3", report["details"]["newest_migration"])
    second = plan_of(nova, [first])
    assert known(second)["was"] == "active"
    attempt(nova, second)
    assert nova.all[server["id"]]["OS-EXT-STS:vm_state"] == "active"


def test_a_server_that_came_back_and_is_in_error_of_its_own_stays_in_error(nova):
    server = nova.add("a", vm_state="error")
    nova.add_record(server, "failed", age=9000)
    nova.add_record(server, "done", age=8000, to="compute2")
    assert known(plan_of(nova))["was"] == "error"


def test_a_dry_run_explains_no_error(nova):
    """It reset nothing, so an error that came later is a genuine one."""
    server = nova.add("a", vm_state="paused")
    looked = {**plan_of(nova), "go_on": False}
    server["OS-EXT-STS:vm_state"] = "error"
    assert known(plan_of(nova, [looked]))["was"] == "error"


@pytest.mark.parametrize(
    ("lock", "locked"),
    [
        (None, False),
        ("", True),
        ("maintenance", True),
        (OURS, False),
        ("Recovery of host compute9", False),
    ],
)
def test_a_lock_of_the_user_is_told_from_one_of_a_recovery(nova, lock, locked):
    nova.add("a", lock=lock)
    assert known(plan_of(nova))["locked"] is locked


def test_a_running_evacuation_is_adopted(nova):
    server = nova.add("a", task="rebuilding")
    record = nova.add_record(server, "pre-migrating", to="compute2")
    assert plan_of(nova)["adopted"] == [record["id"]]


def test_ended_records_are_not_adopted_and_belong_to_earlier_attempts(nova):
    server = nova.add("a")
    for status in ("failed", "error", "done"):
        nova.add_record(server, status)
    nova.add_record(server, "done", source="compute2")
    plan = plan_of(nova)
    assert plan["adopted"] == []
    assert plan["tried_before"] == 3


# ---- what an earlier recovery left unfinished


@pytest.fixture
def cancelled(nova):
    """The plan of a recovery that moved `a` and was cancelled before it unlocked it."""
    nova.add("a", vm_state="suspended")
    plan = plan_of(nova)
    one_pass(nova, plan)
    nova.advance(10)
    return plan


def test_a_moved_server_with_our_lock_is_taken_up_again(nova, cancelled):
    plan = plan_of(nova, [cancelled])
    assert (known(plan)["moved"], known(plan)["was"]) == (True, "stopped")
    assert plan["go_on"] is True


def test_without_a_plan_that_knows_it_it_is_left_alone(nova, cancelled):
    assert names(plan_of(nova, [])) == []
    assert names(plan_of(nova, [{**cancelled, "servers": []}])) == []


def test_a_moved_server_without_our_lock_is_left_alone(nova, cancelled):
    server = next(iter(nova.all.values()))
    server.update(locked=True, locked_reason="the user's")
    assert names(plan_of(nova, [cancelled])) == []
    server.update(locked=False, locked_reason=None)
    assert names(plan_of(nova, [cancelled])) == []


def test_a_server_under_recovery_from_another_host_is_left_to_that_one(nova, cancelled):
    """It was moved from compute1 long ago; now compute2 fails, and compute1 once more."""
    server = next(iter(nova.all.values()))
    server.update(locked=True, locked_reason="Recovery of host compute2")
    assert names(plan_of(nova, [cancelled])) == []
