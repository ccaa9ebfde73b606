"""``openstack recovery keeper look``, without a cloud."""

import json

import pytest

from driver.commands.executions import ListRecoveries
from driver.commands.keeper import KeeperLook
from driver.errors import WorkflowMissingError
from driver.recoveries.keeper import LOOK
from tests.unit.driver.test_commands import Console, api, clock, newest  # noqa: F401 - fixtures

ROW = {"id": "e1", "workflow": "recovery.host.recover", "root": "e0", "seconds": 40, "asked": True,
       "message": "plan_recovery was never started"}  # fmt: skip


@pytest.fixture
def keeper(api, clock):  # noqa: F811
    """Run the command; the look ends with a report."""

    def run(*arguments, rows=(), **report):
        api.data["workflows"].append({"id": "k", "name": LOOK, "input": ""})
        console = Console(api)
        details = {"executions": list(rows)}
        clock.plan = [lambda: api.end(newest(api), details=details, **report)]
        status = console.run(KeeperLook, "-f", "json", *arguments)
        return status, console

    return run


def given(api):  # noqa: F811
    return json.loads(api.data["executions"][-1]["input"])


def test_what_was_found_and_what_was_done_is_shown(keeper, api):  # noqa: F811
    report = {"state": "SUCCEEDED", "reason": "LOOKED_AGAIN", "message": "It stood still."}
    status, console = keeper(rows=[ROW], **report)
    assert status == 0
    assert console.json == [
        {"ID": "e1", "Workflow": "recovery.host.recover", "Root": "e0",
         "Found": "plan_recovery was never started", "Seconds": 40, "Done": "looks again"}
    ]  # fmt: skip
    assert console.stderr.getvalue() == "SUCCEEDED (LOOKED_AGAIN): It stood still.\n"
    assert given(api) == {"dry_run": False}


def test_that_nothing_stands_still_is_said_and_is_no_failure(keeper):
    report = {"state": "SKIPPED", "reason": "NOTHING_STANDS_STILL", "message": "Nothing stands."}
    status, console = keeper(**report)
    assert (status, console.json) == (0, [])
    assert console.stderr.getvalue() == "SKIPPED (NOTHING_STANDS_STILL): Nothing stands.\n"


def test_a_dry_run_does_nothing_and_says_so(keeper, api):  # noqa: F811
    report = {"state": "SUCCEEDED", "reason": "DRY_RUN", "message": "Nothing was done."}
    status, console = keeper("--dry-run", "--idle", "60", rows=[{**ROW, "asked": False}], **report)
    assert (status, console.json[0]["Done"]) == (0, "nothing")
    assert given(api) == {"dry_run": True, "idle": 60}


def test_a_look_that_could_not_do_all_fails_and_shows_all(keeper):
    report = {"state": "FAILED", "reason": "CALLER_UNKNOWN", "message": "Mistral does not tell."}
    status, console = keeper(rows=[ROW, {**ROW, "asked": False}], ended="ERROR", **report)
    assert status == 1
    assert [row["Done"] for row in console.json] == ["looks again", "nothing"]


def test_a_mistral_without_the_keeper_is_told_how_to_get_it(api):  # noqa: F811
    with pytest.raises(WorkflowMissingError, match="openstack recovery sync"):
        Console(api).run(KeeperLook)


@pytest.mark.parametrize("idle", ["0", "-1", "x", "1.5"])
def test_an_idle_time_that_is_no_whole_number_is_refused_before_mistral_is_asked(
    api,  # noqa: F811
    idle,
):
    with pytest.raises(SystemExit):
        Console(api).run(KeeperLook, "--idle", idle)
    assert api.requests == []


def test_a_list_of_recoveries_leaves_out_the_looks_of_the_keeper(api):  # noqa: F811
    api.execution("e1", LOOK)
    api.execution("e2")
    console = Console(api)
    assert console.run(ListRecoveries, "-f", "json") == 0
    assert [row["ID"] for row in console.json] == ["e2"]
