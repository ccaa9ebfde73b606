"""The checks of the actions of a plan about servers: what they leave alone, and record."""

import uuid

import pytest

from mistral_actions import inputs
from mistral_actions.action_plan import server_checks
from mistral_actions.action_plan.checks import named
from mistral_actions.errors import BadInput, Forbidden, RecoveryError
from mistral_actions.servers.state import LOCK_REASON
from tests.unit.mistral_actions.fake_moves import FakeMoves
from tests.unit.mistral_actions.planning import CHECKS, TO, act, check, ended, live, written


@pytest.fixture
def nova():
    return FakeMoves()


# ---- the checks


@pytest.mark.parametrize("kind", CHECKS)
def test_a_name_in_the_place_of_an_id_is_refused_and_never_taken_for_gone(nova, kind):
    nova.add("web")
    with pytest.raises(BadInput, match=r"an id, .* not a name"):
        check(nova, kind, "web")
    assert nova.calls == []


@pytest.mark.parametrize("kind", CHECKS)
def test_a_server_that_is_gone_is_skipped(nova, kind):
    more = {"migration_type": "live", "source_node": "compute1", "flavor": "m1.small"}
    gone = str(uuid.uuid4())
    result = check(nova, kind, gone, **more)
    assert ended(result) == ("SKIPPED", "GONE")
    assert result["go_on"] is False
    assert result["report"]["details"] == {
        "action": "a1",
        "type": kind,
        "resource": {"id": gone, "name": None},
        "undo": None,
        "abort_error": None,
    }


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize(
    ("given", "state", "reason"),
    [
        ({"satisfied": "migrate_web succeeded."}, "SKIPPED", "ALTERNATIVE_SUCCEEDED"),
        ({"cancelled": True}, "CANCELLED", "CANCELLED"),
        ({"parameters": None}, "SKIPPED", "NOTHING_TO_DO"),
        ({"parameters": '"None"', "satisfied": '"None"'}, "SKIPPED", "NOTHING_TO_DO"),
    ],
)
def test_what_is_not_needed_ends_without_a_look_at_nova(nova, kind, given, state, reason):
    given = {"parameters": {"resource_id": "s1"}, **given}
    result = act(CHECKS[kind]("a1", **given), nova)
    assert ended(result) == (state, reason)
    assert result["go_on"] is False
    assert nova.calls == []


@pytest.mark.parametrize("kind", CHECKS)
def test_parameters_that_are_no_object_are_refused_without_a_look_at_nova(nova, kind):
    refusal = "Input 'parameters' is 'web1': it must be a JSON object"
    with pytest.raises(RecoveryError, match=refusal) as refused:
        act(CHECKS[kind]("a1", "web1", '"None"'), nova)
    assert refused.value.code == "BAD_INPUT"
    assert nova.calls == []


@pytest.mark.parametrize(
    ("kind", "server", "parameters", "state", "reason"),
    [
        ("migrate", {"host": "compute3"}, {}, "SKIPPED", "MOVED"),
        ("migrate", {}, {"source_node": "uuid-of-compute3"}, "SKIPPED", "MOVED"),
        ("migrate", {}, {"source_node": "Compute1"}, "FAILED", "UNKNOWN_HOST"),
        ("evacuate", {"host": "down"}, {"source_node": "compute9"}, "FAILED", "UNKNOWN_HOST"),
        ("migrate", {"task": "deleting"}, {}, "SKIPPED", "GONE"),
        ("migrate", {"vm_state": "paused"}, {}, "FAILED", "WRONG_STATE"),
        ("migrate", {"vm_state": "stopped"}, {}, "FAILED", "WRONG_STATE"),
        ("migrate", {"lock": "mine"}, {}, "FAILED", "LOCKED"),
        ("migrate", {}, {"destination_node": "compute9"}, "FAILED", "UNKNOWN_HOST"),
        ("migrate", {}, {"destination_node": "disabled"}, "FAILED", "HOST_DISABLED"),
        ("migrate", {}, {"destination_node": "down"}, "FAILED", "HOST_DOWN"),
        ("migrate", {}, {"destination_node": "compute1"}, "FAILED", "BAD_INPUT"),
        ("migrate", {}, {"migration_type": "lively"}, "FAILED", "BAD_INPUT"),
        ("migrate", {}, {"source_node": None}, "FAILED", "BAD_INPUT"),
        ("migrate", {"host": "down"}, {"source_node": "down"}, "FAILED", "HOST_DOWN"),
        ("resize", {}, {"flavor": "m1.tiny"}, "SKIPPED", "NOTHING_TO_DO"),
        ("resize", {}, {"flavor": "1"}, "SKIPPED", "NOTHING_TO_DO"),
        ("resize", {}, {"flavor": "m1.smal"}, "FAILED", "UNKNOWN_FLAVOR"),
        ("resize", {"vm_state": "resized"}, {"flavor": "2"}, "FAILED", "WRONG_STATE"),
        ("evacuate", {}, {}, "FAILED", "HOST_UP"),
        ("evacuate", {"host": "compute3"}, {}, "SKIPPED", "MOVED"),
        ("evacuate", {"host": "down"}, {"destination_node": "down"}, "SKIPPED", "MOVED"),
        ("stop", {"vm_state": "stopped"}, {}, "SKIPPED", "NOTHING_TO_DO"),
        ("stop", {"vm_state": "paused"}, {}, "FAILED", "WRONG_STATE"),
        ("stop", {"lock": "mine"}, {}, "FAILED", "LOCKED"),
        ("start", {}, {}, "SKIPPED", "NOTHING_TO_DO"),
        ("start", {"vm_state": "error"}, {}, "FAILED", "WRONG_STATE"),
        ("start", {"vm_state": "stopped", "host": "down"}, {}, "FAILED", "HOST_DOWN"),
    ],
)
def test_what_must_not_or_need_not_be_done_is_left_alone(kind, server, parameters, state, reason):
    nova = FakeMoves(hosts=("compute1", "compute2", "compute3", "disabled", "down"), down=("down",))
    nova.services["disabled"].update(status="disabled", disabled_reason="repair")
    web = nova.add("web", **server)
    defaults = {"migrate": {"migration_type": "live", **TO}, "evacuate": TO}.get(kind, {})
    try:
        result = check(nova, kind, web, **{**defaults, **parameters})
    except RecoveryError as error:
        result = error.as_dict()
        assert result["report"]["details"]["type"] == kind
        assert result["report"]["details"]["resource"]["id"] == web["id"]
    else:
        assert result["go_on"] is False
    assert ended(result) == (state, reason)
    assert written(nova) == []


def test_the_refusal_names_the_nearest_flavor_and_the_reason_of_a_disabled_host(nova):
    web = nova.add("web")
    nova.services["compute2"].update(status="disabled", disabled_reason="new memory")
    with pytest.raises(RecoveryError, match=r"did you mean 'm1\.small'\?"):
        check(nova, "resize", web, flavor="m1.smal")
    with pytest.raises(RecoveryError, match="new memory"):
        live(nova, web)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("2", "2"), (2, "2"), ('"m1"', "quoted"), ("None", "none"), ('"m1.tiny"', "1"), ("'2'", "2")],
)
def test_a_flavor_that_exists_as_it_stands_is_meant_and_an_id_before_a_name(nova, given, meant):
    odd = {"quoted": '"m1"', "bare": "m1", "none": "None", "9": "2"}
    nova.known_flavors = [
        *({"id": one, "name": name} for one, name in odd.items()),
        *({"id": one, "name": name} for one, name in {"1": "m1.tiny", "2": "m1.small"}.items()),
    ]
    names = inputs.names(given, "flavor", inputs.text)
    assert named(names, nova.flavors())["id"] == meant


def test_a_server_that_nova_is_busy_with_is_looked_at_again(nova):
    web = nova.add("web", task="image_snapshot")
    assert live(nova, web)["finished"] is False
    nova.all[web["id"]]["OS-EXT-STS:task_state"] = None
    assert live(nova, web)["go_on"] is True


@pytest.mark.parametrize("name", ["{}.example.org", "uuid-of-{}"])
def test_hosts_may_be_given_by_their_hypervisors(nova, name):
    web = nova.add("web")
    names = {key: name.format(host) for key, host in TO.items()}
    todo = live(nova, web, **names)
    assert todo["request"]["os-migrateLive"]["host"] == "compute2"
    assert todo["report"]["details"]["undo"]["parameters"]["source_node"] == "compute2"


def test_the_check_records_what_undoes_it_before_anything_is_done(nova):
    web, off = nova.add("web"), nova.add("off", vm_state="stopped")
    failed = nova.add("failed", vm_state="error")
    undo = {
        "migrate": live(nova, web),
        "resize": check(nova, "resize", web, flavor="2"),
        "stop": check(nova, "stop", web),
        "start": check(nova, "start", off),
        "stop one in error": check(nova, "stop", failed),
    }
    undo = {name: todo["report"]["details"]["undo"] for name, todo in undo.items()}
    me = {"resource_id": web["id"]}
    back = {"migration_type": "live", "source_node": "compute2", "destination_node": "compute1"}
    assert undo == {
        "migrate": {"parameters": {**me, **back}},
        "resize": {"parameters": {**me, "flavor": "m1.tiny"}},
        "stop": {"parameters": me},
        "start": {"parameters": {"resource_id": off["id"]}},
        "stop one in error": None,
    }
    assert written(nova) == []


def test_who_may_not_see_hosts_is_told_which_right_is_missing(nova):
    web = nova.add("web", host=None)
    with pytest.raises(Forbidden, match="administrator"):
        live(nova, web)


def test_the_time_that_an_action_may_take_is_a_setting(nova):
    web = nova.add("web")
    given = {"resource_id": web["id"]}
    set_ = server_checks.CheckStop("a1", given, settings={"action_timeout": "60"})
    assert act(set_, nova)["polls"] == 30
    wrong = server_checks.CheckStop("a1", given, settings={"action_timeout": "soon"})
    with pytest.raises(RecoveryError, match="action_timeout"):
        act(wrong, nova)


def test_a_server_that_a_recovery_has_locked_is_not_evacuated_beside_it():
    nova = FakeMoves(down=("compute1",))
    mine = nova.add("mine", lock="maintenance")
    ours = nova.add("ours", lock=LOCK_REASON.format(host="compute1"))
    assert check(nova, "evacuate", mine, **TO)["go_on"] is True
    with pytest.raises(RecoveryError) as refused:
        check(nova, "evacuate", ours, **TO)
    assert refused.value.code == "RECOVERY_RUNNING"
