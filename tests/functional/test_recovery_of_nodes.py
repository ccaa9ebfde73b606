"""Nodes are made ready, moved and rebuilt on real services, each thing once, whatever is killed."""

import json
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from mistral_actions.inputs import time
from tests.functional.services import WebServer
from tests.functional.support import Cloud, Ended, wait_for

PREPARE, MIGRATE = "recovery.node.prepare", "recovery.node.migrate"
REBUILD = "recovery.node.rebuild_with_notice"
NOBODY = "11111111-2222-3333-4444-555555555555"
SECRET = "T0-secret-of-the-hook"


def run(cloud: Cloud, workflow: str, server: dict, **given: object) -> Ended:
    return cloud.end_of(cloud.start(workflow, node_id=server["id"], **given))


def migrate(cloud: Cloud, server: dict, host: str | None = None, **given: object) -> Ended:
    return run(cloud, MIGRATE, server, host=host, **given)


def ended_well(ended: Ended, reason: str) -> None:
    told = (ended.state, ended.report.get("state"), ended.reason)
    assert told == ("SUCCESS", "SUCCEEDED", reason), (ended.output, ended.state_info)


def refused(ended: Ended, reason: str, *says: str) -> None:
    told = (ended.state, ended.report.get("state"), ended.reason)
    assert told == ("ERROR", "FAILED", reason), (ended.output, ended.state_info)
    assert ended.state_info == ended.report["message"]
    assert [text for text in says if text not in ended.state_info] == [], ended.state_info


def reasons(ended: Ended) -> list[tuple[str, str]]:
    return [(one["host"], one["reason"]) for one in ended.report["details"]["tried"]]


def kill_and_start_mistral(cloud: Cloud) -> None:
    cloud.lab.kill_mistral()
    cloud.lab.start_mistral()


@pytest.fixture
def hook():
    with WebServer() as server:
        yield server


def url_of(hook: WebServer) -> str:
    return f"{hook.url}/hooks/{SECRET}"


def events(hook: WebServer) -> list[str]:
    return [request.body["event"] for request in hook.requests]


# ---- prepare


def test_a_node_is_made_ready_and_says_why_and_by_what(cloud: Cloud) -> None:
    server = cloud.lab.boot("ready", "compute1", metadata={"mine": "1"})

    dry = run(cloud, PREPARE, server, reason="no ping", dry_run='"True"')
    assert cloud.server(server)["metadata"] == {"mine": "1"}
    ended = run(cloud, PREPARE, server, reason="no ping", cluster_id="c1")

    assert (dry.reason, dry.report["message"]) == (
        "DRY_RUN",
        "Would write into the metadata of ready: recovery_reason=no ping.",
    )
    ended_well(ended, "PREPARED")
    written = {"mine": "1", "recovery_reason": "no ping", "recovery_execution": ended.id}
    assert cloud.server(server)["metadata"] == written
    assert ended.report["details"]["cluster_id"] == "c1"
    assert cloud.done(server) == []


def test_a_node_in_error_is_ready_although_nova_takes_no_metadata_of_it(cloud: Cloud) -> None:
    server = cloud.lab.boot("ready-in-error", "compute1", power="error")

    ended = run(cloud, PREPARE, server)

    ended_well(ended, "PREPARED")
    assert ended.report["details"]["recorded"] is False
    assert cloud.server(server)["metadata"] == {}


def test_a_node_that_nova_is_busy_with_is_waited_for(cloud: Cloud, faults) -> None:
    server = cloud.lab.boot("busy", "compute1")
    faults({server["id"]: {"power_off": {"delay": 5}}})
    cloud.ask(server, "os-stop")

    ended = run(cloud, PREPARE, server)

    ended_well(ended, "PREPARED")
    assert cloud.where(server)[0] == "SHUTOFF"


def test_a_node_that_cannot_be_made_ready_is_refused(cloud: Cloud) -> None:
    locked = cloud.lab.boot("locked", "compute1", locked=True)

    refused(run(cloud, PREPARE, {"id": NOBODY}), "UNKNOWN_SERVER", NOBODY)
    refused(run(cloud, PREPARE, {"id": "locked"}), "BAD_INPUT", "'locked'", "an id")
    refused(run(cloud, PREPARE, locked), "LOCKED", "openstack server unlock")
    assert cloud.server(locked)["metadata"] == {}


# ---- migrate


@pytest.mark.parametrize(
    ("power", "kind", "status", "action"),
    [
        ("running", "live", "ACTIVE", "live-migration"),
        ("paused", "live", "PAUSED", "live-migration"),
        ("stopped", "cold", "SHUTOFF", "migrate"),
    ],
)
def test_a_server_of_a_host_that_is_up_is_migrated(
    cloud: Cloud, power: str, kind: str, status: str, action: str
) -> None:
    first = "running" if power == "paused" else power
    server = cloud.lab.boot(f"moves-{power}", "compute1", power=first)
    if power == "paused":
        cloud.ask(server, "pause")
        wait_for("it is paused", lambda: cloud.where(server)[0] == "PAUSED")

    dry = migrate(cloud, server, "compute2,compute3", dry_run=True)
    ended = migrate(cloud, server, "compute2,compute3")

    assert dry.reason == "DRY_RUN"
    assert dry.report["message"].endswith("from compute1 to compute2, then compute3.")
    ended_well(ended, "MIGRATED")
    assert cloud.where(server) == (status, "compute2")
    assert cloud.done(server).count(action) == 1
    details = ended.report["details"]
    assert (details["from"], details["to"], details["kind"]) == ("compute1", "compute2", kind)
    assert details["tried"] == []


@pytest.mark.parametrize("power", ["running", "stopped"])
def test_hosts_that_cannot_take_it_and_those_that_fail_are_passed_over(
    cloud: Cloud, faults, power: str
) -> None:
    server = cloud.lab.boot(f"any-{power}", "compute1", power=power)
    cloud.update_service("compute4", status="disabled", disabled_reason="kept free")
    step = "pre_live_migration" if power == "running" else "migrate_disk_and_power_off"
    where = "compute2" if power == "running" else "compute1"
    faults({where: {step: {"fail": "no room"}}})
    # the source fails as long as the first try lasts
    execution = cloud.start(
        MIGRATE, node_id=server["id"], host="nowhere, compute4, compute2, compute3"
    )
    if power == "stopped":
        wait_for("the first has failed", lambda: cloud.migrations(server)[:1] == ["error"])
        faults({})
    ended = cloud.end_of(execution)
    cloud.update_service("compute4", status="enabled")

    status = "ACTIVE" if power == "running" else "SHUTOFF"
    if power == "running":
        ended_well(ended, "MIGRATED")
        assert cloud.where(server) == (status, "compute3")
        assert reasons(ended) == [
            ("nowhere", "UNKNOWN_HOST"),
            ("compute4", "HOST_DISABLED"),
            ("compute2", "MIGRATE_FAILED"),
        ]
    else:  # what fails on the source puts the server into error: a rebuild helps
        refused(ended, "WRONG_STATE", "error", "rebuild")
        assert ("compute2", "MIGRATE_FAILED") in reasons(ended)


def test_without_a_host_that_can_take_it_nothing_is_touched(cloud: Cloud) -> None:
    server = cloud.lab.boot("nowhere-to-go", "compute1")

    cloud.update_service("compute4", status="disabled", disabled_reason="kept free")
    ended = migrate(cloud, server, "compute4, nowhere")
    cloud.update_service("compute4", status="enabled")

    refused(ended, "NO_TARGET", "kept free", "'nowhere'")
    assert ended.report["message"].endswith("Nothing was changed.")
    assert cloud.done(server) == []


def test_without_hosts_the_scheduler_picks_one(cloud: Cloud) -> None:
    server = cloud.lab.boot("anywhere", "compute1")

    ended = migrate(cloud, server)

    ended_well(ended, "MIGRATED")
    assert cloud.where(server)[1] == ended.report["details"]["to"] != "compute1"


def test_a_server_that_is_on_one_of_the_hosts_is_left_there(cloud: Cloud) -> None:
    server = cloud.lab.boot("there", "compute2")

    ended = migrate(cloud, server, "compute3,compute2")

    assert (ended.state, ended.report["state"]) == ("SUCCESS", "SKIPPED")
    assert ended.reason == "ALREADY_THERE"
    assert "is already there" in ended.report["message"]
    assert cloud.done(server) == []


def test_a_server_in_error_on_a_host_that_is_up_is_not_moved(cloud: Cloud) -> None:
    server = cloud.lab.boot("in-error", "compute1", power="error")
    before = cloud.done(server)

    refused(migrate(cloud, server, "compute2"), "WRONG_STATE", "rebuild")

    assert cloud.done(server) == before


def test_a_mistral_that_is_killed_goes_on_and_the_server_is_migrated_once(
    cloud: Cloud, faults
) -> None:
    live = cloud.lab.boot("survives-live", "compute1")
    cold = cloud.lab.boot("survives-cold", "compute1", power="stopped")
    faults({
        live["id"]: {"live_migration": {"delay": 5}},
        cold["id"]: {"finish_migration": {"delay": 5}},
    })
    executions = [cloud.start(MIGRATE, node_id=s["id"], host="compute2") for s in (live, cold)]
    wait_for("Nova does both", lambda: all(map(cloud.migrations, (live, cold))))

    kill_and_start_mistral(cloud)

    for execution in executions:
        ended_well(cloud.end_of(execution), "MIGRATED")
    assert cloud.where(live) == ("ACTIVE", "compute2")
    assert cloud.where(cold) == ("SHUTOFF", "compute2")
    assert cloud.done(live) == ["live-migration"]
    assert cloud.done(cold) == ["stop", "migrate", "confirmResize"]


def test_a_second_migration_of_a_server_is_refused_while_one_runs(cloud: Cloud, faults) -> None:
    server = cloud.lab.boot("one-at-a-time", "compute1")
    faults({server["id"]: {"live_migration": {"delay": 5}}})
    first = cloud.start(MIGRATE, node_id=server["id"], host="compute2")
    wait_for("Nova does it", lambda: cloud.migrations(server))

    second = migrate(cloud, server, "compute3")

    refused(second, "RECOVERY_RUNNING", first)
    ended_well(cloud.end_of(first), "MIGRATED")
    assert cloud.done(server) == ["live-migration"]


def test_the_servers_of_a_dead_host_are_evacuated_and_end_as_they_were(
    cloud: Cloud, faults
) -> None:
    runs = cloud.lab.boot("evacuated", "compute5")
    off = cloud.lab.boot("evacuated-off", "compute5", power="stopped")
    survives = cloud.lab.boot("evacuated-once", "compute5")
    bystander = cloud.lab.boot("bystander", "compute5")
    cloud.kill("compute5")
    faults({"compute6": {"spawn": {"fail": "no space left"}}})

    for server, status in ((runs, "ACTIVE"), (off, "SHUTOFF")):
        ended = migrate(cloud, server, "compute5,compute6,compute7")

        ended_well(ended, "EVACUATED")
        assert cloud.where(server) == (status, "compute7")
        assert reasons(ended) == [("compute5", "HOST_DOWN"), ("compute6", "EVACUATION_FAILED")]
        assert "no space left" in ended.report["details"]["tried"][1]["message"]
        assert cloud.migrations(server) == ["failed", "done"]
        assert ended.report["details"]["kind"] == "evacuate"

    faults({survives["id"]: {"spawn": {"delay": 5}}})
    execution = cloud.start(MIGRATE, node_id=survives["id"], host="compute7", timeout="60")
    wait_for("Nova evacuates it", lambda: cloud.migrations(survives))
    kill_and_start_mistral(cloud)
    ended_well(cloud.end_of(execution), "EVACUATED")
    assert cloud.migrations(survives) == ["done"]
    assert cloud.where(survives) == ("ACTIVE", "compute7")

    faults({"*": {"spawn": {"fail": "no space left"}}})
    failed = migrate(cloud, bystander, "compute6,compute7")
    refused(failed, "NOT_MOVED", "compute6", "compute7", "still on compute5")
    assert cloud.migrations(bystander) == ["failed", "failed"]


def test_a_host_that_died_unnoticed_is_waited_for_and_its_server_evacuated(cloud: Cloud) -> None:
    server = cloud.lab.boot("unnoticed", "compute8")
    cloud.lab.kill_host("compute8", noticed=False)
    beat = cloud.service("compute8")["updated_at"]
    age = "/os-services?binary=nova-compute&host=compute8"
    wait_for("30 s of silence", lambda: _silence(cloud, age, beat) > 31, 60)
    assert cloud.service("compute8")["state"] == "up"

    ended = migrate(cloud, server, "compute2")

    ended_well(ended, "EVACUATED")
    assert cloud.where(server) == ("ACTIVE", "compute2")
    assert cloud.done(server) == ["evacuate"]


def _silence(cloud: Cloud, path: str, beat: str) -> float:
    answer = cloud.nova.get(path, microversion="2.79")
    return (parsedate_to_datetime(answer.headers["Date"]) - time(beat)).total_seconds()


# ---- rebuild_with_notice


@pytest.mark.parametrize(
    ("power", "status"), [("running", "ACTIVE"), ("stopped", "SHUTOFF"), ("error", "ACTIVE")]
)
def test_a_node_is_rebuilt_between_two_notices(
    cloud: Cloud, hook: WebServer, power: str, status: str
) -> None:
    server = cloud.lab.boot(f"rebuilt-{power}", "compute1", power=power)
    before, seen = cloud.done(server), cloud.server(server)

    dry = run(cloud, REBUILD, server, notify_url=url_of(hook), dry_run=True)
    assert (dry.reason, hook.requests, cloud.done(server)) == ("DRY_RUN", [], before)
    assert cloud.server(server) == seen  # the question whether the caller may left no trace
    ended = run(cloud, REBUILD, server, notify_url=url_of(hook), reason="no ping", cluster_id="c1")

    ended_well(ended, "REBUILT")
    assert cloud.where(server) == (status, "compute1")
    assert cloud.done(server)[len(before):][0] == "rebuild"
    assert cloud.done(server).count("rebuild") == 1
    first, last = (request.body for request in hook.requests)
    assert first["text"] == f"rebuilt-{power} is about to be rebuilt: no ping."
    assert (last["state"], last["text"]) == ("SUCCEEDED", ended.report["message"])
    for body in (first, last):
        assert (body["node_id"], body["cluster_id"]) == (server["id"], "c1")
        assert body["execution"] == ended.id
    assert [one["reason"] for one in ended.report["details"]["notices"]] == ["NOTIFIED"] * 2


def test_a_notice_that_nobody_takes_does_not_stop_the_rebuild_and_tells_no_secret(
    cloud: Cloud, hook: WebServer
) -> None:
    server = cloud.lab.boot("without-notice", "compute1")
    hook.answers = [503, 503, 200, 404]
    ended = run(cloud, REBUILD, server, notify_url=url_of(hook))
    nobody = "http://127.0.0.1:9/hooks/" + SECRET
    alone = run(cloud, REBUILD, server, notify_url=nobody)

    ended_well(ended, "REBUILT")
    ended_well(alone, "REBUILT")
    assert events(hook) == ["rebuild_begins"] * 3 + ["rebuild_ended"]
    notices = ended.report["details"]["notices"]
    assert [one["reason"] for one in notices] == ["NOTIFIED", "NOTICE_FAILED"]
    assert "HTTP 404" in notices[1]["message"]
    assert [one["reason"] for one in alone.report["details"]["notices"]] == ["NOTICE_FAILED"] * 2
    for one in (ended, alone):
        assert SECRET not in json.dumps(one.output) + one.state_info
    logs = [path.read_text() for path in Path(cloud.lab.state).rglob("*.log")]
    assert logs
    assert not any(SECRET in text for text in logs)


def test_what_cannot_be_rebuilt_is_refused_before_any_notice(
    cloud: Cloud, hook: WebServer
) -> None:
    server = cloud.lab.boot("not-rebuilt", "compute1")
    there = cloud.lab.boot("not-rebuilt-dead", "compute4")
    cloud.ask(server, "pause")
    wait_for("it is paused", lambda: cloud.where(server)[0] == "PAUSED")
    cloud.kill("compute4")
    url = url_of(hook)

    refused(run(cloud, REBUILD, server, notify_url=url), "WRONG_STATE", "paused")
    cloud.ask(server, "unpause")
    wait_for("it is active", lambda: cloud.where(server)[0] == "ACTIVE")
    refused(run(cloud, REBUILD, server, notify_url=url, image=NOBODY), "UNKNOWN_IMAGE", NOBODY)
    refused(run(cloud, REBUILD, there, notify_url=url), "HOST_DOWN", "recovery.node.migrate")
    refused(run(cloud, REBUILD, server, notify_url=f"ftp://{SECRET}"), "BAD_INPUT", "http://")

    assert hook.requests == []
    assert "rebuild" not in cloud.done(server) + cloud.done(there)


def test_a_rebuild_that_fails_says_so_in_its_last_notice(
    cloud: Cloud, faults, hook: WebServer
) -> None:
    server = cloud.lab.boot("fails", "compute2")
    faults({server["id"]: {"spawn": {"fail": "no space left"}}})

    ended = run(cloud, REBUILD, server, notify_url=url_of(hook))

    refused(ended, "REBUILD_FAILED", "no space left")
    assert events(hook) == ["rebuild_begins", "rebuild_ended"]
    assert hook.requests[-1].body["state"] == "FAILED"
    assert hook.requests[-1].body["text"] == ended.report["message"]


def test_a_mistral_that_is_killed_goes_on_and_the_node_is_rebuilt_once(
    cloud: Cloud, faults, hook: WebServer
) -> None:
    server = cloud.lab.boot("survives-rebuild", "compute2")
    faults({server["id"]: {"spawn": {"delay": 5}}})
    execution = cloud.start(REBUILD, node_id=server["id"], notify_url=url_of(hook))
    wait_for("Nova rebuilds it", lambda: cloud.done(server) == ["rebuild"])

    kill_and_start_mistral(cloud)

    ended_well(cloud.end_of(execution), "REBUILT")
    assert cloud.done(server) == ["rebuild"]
    assert events(hook) == ["rebuild_begins", "rebuild_ended"]
