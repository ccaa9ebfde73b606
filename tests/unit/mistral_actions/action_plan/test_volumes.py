"""Moving volumes, over HTTP in Cinder's published shapes."""

import json

import pytest

from mistral_actions.action_plan import volumes
from mistral_actions.errors import Failed, RecoveryError, Rejected
from mistral_actions.services import session
from tests.unit.mistral_actions.stub_services import (
    ACTION_PATH,
    POOLS,
    POOLS_PATH,
    TYPES,
    TYPES_PATH,
    VOLUME,
    VOLUME_PATH,
    add_services,
    context_of,
    volume,
)

TO_POOL = {"migration_type": "migrate", "destination_node": "lvm@two#pool"}
TO_TYPE = {"migration_type": "retype", "destination_type": "slow"}


@pytest.fixture
def cinder(openstack, no_waiting, monkeypatch):
    monkeypatch.setattr(session, "_cache", type(session._cache)())
    add_services(openstack)
    openstack.answers["GET", VOLUME_PATH] = [volume()]
    openstack.answers["GET", POOLS_PATH] = [POOLS]
    openstack.answers["GET", TYPES_PATH] = [TYPES]
    openstack.answers["POST", ACTION_PATH] = [(202, "")]
    return openstack


def check(cinder, **given):
    action = volumes.CheckVolumeMigrate("a1", {"resource_id": VOLUME, **given})
    result = action.act_for(context_of(cinder))
    assert json.loads(json.dumps(result)) == result
    return result


def move(cinder, todo, ask=False):
    return volumes.MoveVolume(todo, ask).act_for(context_of(cinder))


@pytest.mark.parametrize("kind", ["migrate", "swap"])
def test_a_volume_is_moved_to_a_pool_and_its_undo_is_the_pool_it_was_in(cinder, kind):
    todo = check(cinder, **{**TO_POOL, "migration_type": kind})
    back = {"migration_type": "migrate", "destination_node": "lvm@one#pool"}
    undo = {"parameters": {"resource_id": VOLUME, **back}}
    assert todo["report"]["details"]["undo"] == undo
    assert cinder.asked("POST", ACTION_PATH) == []

    assert move(cinder, todo, ask=True)["finished"] is True
    (asked,) = cinder.asked("POST", ACTION_PATH)
    body = {"host": "lvm@two#pool", "force_host_copy": False, "lock_volume": True}
    assert asked.body == {"os-migrate_volume": body}
    assert asked.headers["openstack-api-version"] == "volume 3.59"
    cinder.answers["GET", VOLUME_PATH] = [
        volume(status="maintenance", migration="migrating"),
        volume("lvm@two#pool", migration="success"),
    ]
    assert move(cinder, todo)["finished"] is False
    assert move(cinder, todo)["report"]["state"] == "SUCCEEDED"


@pytest.mark.parametrize("kind", ["retype", "swap"])
def test_a_volume_gets_another_type_and_its_undo_is_the_type_it_had(cinder, kind):
    todo = check(cinder, **{**TO_TYPE, "migration_type": kind})
    back = {"migration_type": "retype", "destination_type": "fast"}
    undo = {"parameters": {"resource_id": VOLUME, **back}}
    assert todo["report"]["details"]["undo"] == undo

    move(cinder, todo, ask=True)
    (asked,) = cinder.asked("POST", ACTION_PATH)
    assert asked.body == {"os-retype": {"new_type": "slow", "migration_policy": "on-demand"}}
    cinder.answers["GET", VOLUME_PATH] = [volume(status="retyping"), volume(kind="slow")]
    assert move(cinder, todo)["finished"] is False
    assert move(cinder, todo)["report"]["state"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("answer", "given", "reason"),
    [
        ((404, {"itemNotFound": {"code": 404, "message": "no volume"}}), TO_POOL, "GONE"),
        (volume(status="deleting"), TO_POOL, "GONE"),
        (volume("lvm@two#pool"), TO_POOL, "NOTHING_TO_DO"),
        (volume("lvm@two#pool"), {**TO_POOL, "destination_node": "lvm@two"}, "NOTHING_TO_DO"),
        (volume(kind="slow"), TO_TYPE, "NOTHING_TO_DO"),
    ],
)
def test_a_volume_that_is_gone_or_there_already_is_skipped(cinder, answer, given, reason):
    cinder.answers["GET", VOLUME_PATH] = [answer]
    result = check(cinder, **given)
    assert (result["report"]["state"], result["report"]["reason"]) == ("SKIPPED", reason)
    assert result["go_on"] is False


@pytest.mark.parametrize(
    ("answer", "given", "reason"),
    [
        (volume(), {**TO_POOL, "destination_node": "lvm@three#pool"}, "UNKNOWN_HOST"),
        (volume(), {**TO_TYPE, "destination_type": "slowly"}, "UNKNOWN_TYPE"),
        (volume(status="error"), TO_POOL, "WRONG_STATE"),
        (volume(), {"migration_type": "migrate"}, "BAD_INPUT"),
        (volume(), {"migration_type": "retype"}, "BAD_INPUT"),
        (volume(), {"migration_type": "moving"}, "BAD_INPUT"),
        (volume(host=None), TO_POOL, "FORBIDDEN"),
    ],
)
def test_a_volume_that_cannot_be_moved_is_refused_and_not_touched(cinder, answer, given, reason):
    cinder.answers["GET", VOLUME_PATH] = [answer]
    with pytest.raises(RecoveryError) as refused:
        check(cinder, **given)
    assert refused.value.code == reason
    assert cinder.asked("POST") == []


def test_a_volume_that_is_on_its_way_is_looked_at_again_by_the_check(cinder):
    cinder.answers["GET", VOLUME_PATH] = [volume(migration="starting")]
    assert check(cinder, **TO_POOL)["finished"] is False


def test_a_volume_that_does_not_arrive_fails(cinder):
    todo = check(cinder, **TO_POOL)
    cinder.answers["GET", VOLUME_PATH] = [volume(migration="error")]
    with pytest.raises(Failed, match="still in lvm@one#pool") as failed:
        move(cinder, todo)
    assert failed.value.code == "VOLUME_MIGRATE_FAILED"


def test_a_step_that_runs_again_does_not_ask_for_a_volume_on_its_way(cinder):
    todo = check(cinder, **TO_POOL)
    cinder.answers["GET", VOLUME_PATH] = [volume(migration="migrating")]
    assert move(cinder, todo, ask=True)["finished"] is True
    assert cinder.asked("POST") == []


def test_a_refusal_counts_only_if_the_volume_is_not_on_its_way(cinder):
    todo = check(cinder, **TO_POOL)
    no = {"badRequest": {"code": 400, "message": "Volume is being migrated"}}
    cinder.answers["POST", ACTION_PATH] = [(400, no)]
    cinder.answers["GET", VOLUME_PATH] = [volume(), volume(migration="starting")]
    assert move(cinder, todo, ask=True)["finished"] is True
    cinder.answers["GET", VOLUME_PATH] = [volume()]
    with pytest.raises(Rejected, match="being migrated"):
        move(cinder, todo, ask=True)


def test_a_volume_that_is_deleted_meanwhile_fails(cinder):
    todo = check(cinder, **TO_POOL)
    del cinder.answers["GET", VOLUME_PATH]
    with pytest.raises(Failed) as failed:
        move(cinder, todo)
    assert failed.value.code == "GONE"
