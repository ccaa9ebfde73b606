"""The actions about hosts: what they refuse, and what they write."""

import pytest

from mistral_actions.errors import BadInput, Failed, Refused, StillRunning
from mistral_actions.recovery import hosts
from tests.unit.mistral_actions.fake_nova import FakeNova, stamp
from tests.unit.mistral_actions.recovering import HOST, plan_of


@pytest.fixture
def up():
    """A cloud in which Nova still shows compute1 up."""
    return FakeNova(down=())


def planned(nova, host=HOST, running=None, dry_run=None, in_flight=False, **options):
    records = {"running": running, "in_flight": in_flight, "plans": []}
    return hosts.PlanHostRecovery(host, dry_run, options, {}, records).act(nova)


def written(nova):
    return [name for name, _ in nova.calls if name in ("act", "update_service", "add_to_aggregate")]


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ({"host": "compute9"}, "UNKNOWN_HOST", "did you mean 'compute"),
        ({"host": "nowhere"}, "UNKNOWN_HOST", "no compute service on a host 'nowhere'."),
        ({"host": "compute1.example.org"}, "UNKNOWN_HOST", "the hypervisor of host 'compute1'"),
        ({"reserved_hosts": "compute2,elsewhere"}, "UNKNOWN_HOST", "'elsewhere'"),
        ({"reserved_hosts": "uuid-of-compute1"}, "BAD_INPUT", "the failed host itself"),
        ({"reserved_hosts": '"compute1"'}, "BAD_INPUT", "the failed host itself"),
        ({"method": "reserved_host"}, "NO_RESERVED_HOST", "at least one name"),
        ({"method": "fastest"}, "BAD_INPUT", "it must be one of auto"),
        ({"concurrency": "0"}, "BAD_INPUT", "from 1 to 1000"),
        ({"dry_run": "perhaps"}, "BAD_INPUT", "Input 'dry_run' is 'perhaps'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_write(nova, more, code, says):
    nova.add("a")
    with pytest.raises((BadInput, Refused), match=says) as refused:
        planned(nova, **more)
    assert refused.value.code == code
    assert written(nova) == []


def test_a_second_recovery_of_a_host_is_refused(nova):
    with pytest.raises(Refused, match="by execution e7") as refused:
        planned(nova, running="e7")
    assert refused.value.code == "RECOVERY_RUNNING"


def test_a_step_of_a_cancelled_recovery_ends_first(nova):
    nova.add("a")
    with pytest.raises(StillRunning) as busy:
        planned(nova, in_flight=True)
    assert busy.value.as_dict()["retriable"] is True
    assert written(nova) == []
    assert planned(nova, in_flight=True, dry_run=True)["report"]["reason"] == "DRY_RUN"


def test_a_dry_run_beside_a_recovery_only_looks(nova):
    nova.add("a")
    plan = planned(nova, running="e7", dry_run='"True"')
    assert plan["go_on"] is False
    assert plan["report"]["reason"] == "DRY_RUN"
    assert plan["report"]["details"]["servers"][0]["reason"] == "SELECTED"
    assert written(nova) == []


def test_a_dry_run_says_that_the_host_is_up(up):
    up.add("a")
    assert "is up now" in planned(up, dry_run=True)["report"]["message"]


def test_an_empty_host_needs_no_recovery(nova):
    plan = planned(nova)
    assert plan["go_on"] is False
    assert (plan["report"]["state"], plan["report"]["reason"]) == ("SKIPPED", "NOTHING_TO_RECOVER")


def test_a_host_that_nova_shows_down_has_failed(nova):
    nova.add("a")
    assert hosts.CheckHostFailed(plan_of(nova)).act(nova)["finished"] is True


def test_a_host_that_is_silent_has_failed_after_the_time_for_heartbeats(up):
    up.add("a")
    check = hosts.CheckHostFailed(plan_of(up, heartbeat_timeout=30))
    answers = []
    for _ in range(8):
        answers.append(check.act(up)["finished"])
        up.advance(5)
    assert answers == [False] * 5 + [True] * 3
    assert written(up) == []


def test_a_heartbeat_newer_than_the_plan_proves_that_the_host_lives(up):
    up.add("a")
    check = hosts.CheckHostFailed(plan_of(up))
    check.act(up)
    up.services[HOST]["updated_at"] = stamp(up.now)
    with pytest.raises(Refused, match="compute1 is up: its nova-compute sent a heartbeat") as no:
        check.act(up)
    assert no.value.code == "HOST_UP"
    assert written(up) == []


def test_isolating_a_host_twice_is_the_same_as_once(up):
    up.add("a")
    plan = plan_of(up, disable_reason="burnt")
    for _ in range(2):
        assert hosts.IsolateHost(plan).act(up)["finished"] is True
    service = up.services[HOST]
    assert (service["forced_down"], service["status"]) == (True, "disabled")
    assert service["disabled_reason"] == "burnt"


def test_a_reserved_host_is_enabled_and_joins_the_aggregates(nova):
    nova.add("a")
    nova.services["compute3"]["status"] = "disabled"
    nova.host_aggregates = [
        {"id": 1, "name": "az1", "hosts": [HOST]},
        {"id": 2, "name": "az2", "hosts": ["compute2"]},
    ]
    plan = plan_of(nova, add_reserved_host_to_aggregates=True)
    hosts.PrepareReservedHost(plan, ["compute3", "compute4"]).act(nova)
    assert nova.services["compute3"]["status"] == "enabled"
    assert [one["hosts"] for one in nova.host_aggregates] == [[HOST, "compute3"], ["compute2"]]


def test_a_plan_names_reserved_hosts_as_their_services_do_and_each_once(nova):
    nova.add("a")
    plan = planned(nova, reserved_hosts="compute3.example.org, compute2, uuid-of-compute3")
    assert plan["reserved_hosts"] == plan["options"]["reserved_hosts"] == ["compute3", "compute2"]


def test_a_reserved_host_of_a_method_may_be_given_by_any_name(nova):
    nova.add("a")
    ready = hosts.PrepareReservedHost(plan_of(nova), ["compute3.example.org"]).act(nova)
    assert ready == {"reserved_host": "compute3"}


def test_a_reserved_host_that_is_ready_is_left_as_it_is(nova):
    nova.add("a")
    hosts.PrepareReservedHost(plan_of(nova), ["compute3"]).act(nova)
    assert written(nova) == []


@pytest.mark.parametrize(
    ("reserved", "code"),
    [([], "NO_RESERVED_HOST"), (["gone"], "UNKNOWN_HOST"), ([HOST], "RESERVED_HOST_DOWN")],
)
def test_a_reserved_host_that_cannot_help_fails_without_a_write(nova, reserved, code):
    nova.add("a")
    with pytest.raises(Failed) as failed:
        hosts.PrepareReservedHost(plan_of(nova), reserved).act(nova)
    assert failed.value.code == code
    assert written(nova) == []
