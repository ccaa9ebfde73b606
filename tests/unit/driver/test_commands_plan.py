"""The ``openstack recovery plan`` commands, run as openstack runs them but without a cloud."""

import functools
import io
import json
import types

import pytest
from cliff.commandmanager import CommandManager

from driver import osc_plugin
from driver.commands import plan as commands
from driver.commands.plan import CancelPlan, GraphPlan, ListPlans, RollBackPlan, RunPlan, ShowPlan
from driver.errors import DriverError, NotFoundError, StillRunningError
from driver.plans.model import PlanError
from driver.plans.service import Plans
from tests.unit.driver.fake_mistral import Clock
from tests.unit.driver.plans.fake_plans import (
    CANCEL,
    CHAIN,
    PLAN,
    ROLLBACK,
    PlansApi,
    accept,
    refuse,
)
from tests.unit.driver.test_commands import Console

DIAMOND = CHAIN.replace(
    "parents: [00000000-0000-4000-8000-000000000002]",
    "parents: [00000000-0000-4000-8000-000000000001, 00000000-0000-4000-8000-000000000002]",
)


@pytest.fixture
def api():
    return PlansApi()


@pytest.fixture
def clock(monkeypatch):
    """Waiting takes no time; what happens meanwhile is in the plan."""
    clock = Clock()
    monkeypatch.setattr(commands, "Plans", functools.partial(Plans, sleep=clock.sleep, clock=clock))
    return clock


@pytest.fixture
def console(api, clock):
    return Console(api)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(CHAIN)
    return str(path)


@pytest.fixture
def started(api, console, file):
    console.run(RunPlan, file)
    for stream in (console.stdout, console.stderr):
        stream.seek(0)
        stream.truncate()
    return console


def cell(console, *arguments):
    """Return the lines of the only field of a table that people see."""
    console.stdout.truncate(console.stdout.seek(0))
    console.run(ShowPlan, PLAN, "-f", "table", *arguments)
    lines = [line.split("|") for line in console.stdout.getvalue().splitlines()[3:-1]]
    return [parts[2][1:].rstrip() for parts in lines]


def test_every_command_of_the_metadata_can_be_loaded():
    found = CommandManager(f"openstack.{osc_plugin.API_NAME}.v{osc_plugin.DEFAULT_API_VERSION}")
    names = ("run", "list", "show", "cancel", "rollback", "graph")
    kinds = [found.find_command(["recovery", "plan", name])[0] for name in names]
    assert kinds == [RunPlan, ListPlans, ShowPlan, CancelPlan, RollBackPlan, GraphPlan]


def test_a_plan_is_started_and_shown(console, file):
    assert console.run(RunPlan, file, "--rule", "any", "-f", "json") == 0
    assert console.json == [
        {
            "ID": PLAN,
            "State": "ONGOING",
            "Reason": "",
            "Plan": "3 actions, rule ANY",
            "Created At": "2026-01-31 12:00:00",
            "Updated At": "2026-01-31 12:05:00",
        }
    ]
    assert console.stderr.getvalue() == ""


def test_a_plan_can_come_from_the_standard_input(api, console, monkeypatch):
    data = types.SimpleNamespace(buffer=io.BytesIO(CHAIN.encode()))
    monkeypatch.setattr("sys.stdin", data)
    assert console.run(RunPlan, "-") == 0
    assert [one["id"] for one in api.data["executions"]] == [PLAN]


def test_waiting_ends_with_the_actions_and_success(api, console, clock, file):
    clock.plan = [lambda: api.act("nop_first", "RUNNING"), api.carry_out]
    assert console.run(RunPlan, file, "--wait", "-f", "json") == 0
    assert console.json[1] == {
        "Action": "migrate_web",
        "State": "SUCCEEDED",
        "Reason": "DONE",
        "Started At": "2026-01-31 12:01:00",
        "Ended At": "2026-01-31 12:02:00",
    }
    assert console.stderr.getvalue().splitlines() == [
        f"plan {PLAN} started: 3 actions, rule ALWAYS",
        "0 of 3 actions have ended",
        "0 of 3 actions have ended; nop_first",
        "SUCCEEDED (CARRIED_OUT): It was carried out.",
    ]


def test_a_plan_that_fails_fails_the_command_that_waits(api, console, clock, file):
    clock.plan = [lambda: api.end(PLAN, "ERROR", state="FAILED", reason="ACTIONS_FAILED")]
    assert console.run(RunPlan, file, "--wait") == 1
    assert "FAILED (ACTIONS_FAILED): no reason was given\n" in console.stderr.getvalue()


def test_the_second_run_of_a_plan_says_that_it_was_started_before(api, started, file):
    api.carry_out()
    assert started.run(RunPlan, file, "--wait", "-f", "json") == 0
    assert len(api.data["executions"]) == 1 + 3
    told = started.stderr.getvalue()
    assert f"plan {PLAN} was started before (2026-01-31 12:00:00): not started again\n" in told


def test_what_is_wrong_in_a_file_is_told_with_its_place(api, console, file, tmp_path):
    (tmp_path / "plan.yaml").write_text(CHAIN.replace("type: migrate", "type: migrat"))
    with pytest.raises(PlanError, match=r"plan\.yaml:8: .*'migrat'.*did you mean 'migrate'"):
        console.run(RunPlan, file)
    assert api.requests == []


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"uuid: \xff", "not UTF-8")]
)
def test_a_file_that_cannot_be_read_is_named(console, tmp_path, content, reason):
    path = tmp_path / "some.yaml"
    if content:
        path.write_bytes(content)
    with pytest.raises(DriverError, match=rf"some\.yaml: cannot be read: .*{reason}"):
        console.run(RunPlan, str(path))


def test_ctrl_c_while_waiting_says_that_the_plan_goes_on(api, console, clock, file):
    def interrupt():
        raise KeyboardInterrupt

    clock.plan = [interrupt]
    assert console.run(RunPlan, file, "--wait") == 130
    assert f"`openstack recovery plan show {PLAN} --wait`" in console.stderr.getvalue()
    assert api.data["executions"][0]["state"] == "RUNNING"


def test_a_timeout_is_an_error_that_says_how_to_go_on(console, file):
    with pytest.raises(StillRunningError, match="still running after 3 s"):
        console.run(RunPlan, file, "--wait", "--timeout", "3")


def test_plans_are_listed_by_state_up_to_a_limit(api, started, file):
    assert started.run(ListPlans, "-f", "json", "--state", "succeeded") == 0
    assert started.json == []
    api.execution("some cancel", CANCEL, plan=PLAN)
    started.stdout.truncate(started.stdout.seek(0))
    assert started.run(ListPlans, "-f", "json", "--state", "cancelling", "--limit", "1") == 0
    assert [(row["ID"], row["State"]) for row in started.json] == [(PLAN, "CANCELLING")]


def test_a_plan_is_shown_as_a_tree_with_what_went_wrong(api, started):
    api.act("nop_first", "SUCCESS", state="SUCCEEDED", reason="DONE")
    api.act("migrate_web", "ERROR", state="FAILED", reason="HOST_DOWN", message="It is\ndown.")
    assert cell(started, "-c", "actions") == [
        "nop_first      SUCCEEDED  2026-01-31 12:01:00  2026-01-31 12:02:00  DONE",
        "  migrate_web  FAILED     2026-01-31 12:01:00  2026-01-31 12:02:00  HOST_DOWN",
        "    It is down.",
        "    nop_last   PENDING    -                    -",
    ]


def test_an_action_with_several_parents_stands_once_and_says_so(console, tmp_path):
    (tmp_path / "diamond.yaml").write_text(DIAMOND)
    console.run(RunPlan, str(tmp_path / "diamond.yaml"))
    names = [line.partition("  PENDING")[0].rstrip() for line in cell(console, "-c", "actions")]
    assert names == ["nop_first", "  migrate_web", "    nop_last (after nop_first, too)"]


def test_a_long_chain_stays_on_the_screen(api, console, tmp_path):
    actions = "".join(
        f"\n  - {{uuid: {number:08x}-0000-4000-8000-000000000000, type: nop,"
        f" parents: [{f'{number - 1:08x}-0000-4000-8000-000000000000' if number else ''}]}}"
        for number in range(400)
    )
    (tmp_path / "chain.yaml").write_text(f"uuid: {PLAN}\nactions:{actions}")
    console.run(RunPlan, str(tmp_path / "chain.yaml"))
    lines = cell(console, "-c", "actions")
    assert len(lines) == 400
    assert max(map(len, lines)) < 80


def test_programs_are_shown_the_actions_as_records(api, started):
    api.act("nop_first", "SUCCESS", state="SUCCEEDED", reason="DONE", message="Done.")
    assert started.run(ShowPlan, PLAN, "-f", "json") == 0
    shown = started.json
    assert (shown["state"], shown["rule"], shown["rollback"]) == ("ONGOING", "ALWAYS", None)
    assert shown["actions"][0] == {
        "action": "00000000-0000-4000-8000-000000000001",
        "task": "nop_first",
        "type": "nop",
        "parents": [],
        "parameters": {},
        "resource": "",
        "state": "SUCCEEDED",
        "reason": "DONE",
        "message": "Done.",
        "started_at": "2026-01-31 12:01:00",
        "ended_at": "2026-01-31 12:02:00",
    }
    assert shown["actions"][1]["parents"] == ["nop_first"]


def test_showing_can_wait_for_the_end_of_a_plan(api, started, clock):
    clock.plan = [api.carry_out]
    assert started.run(ShowPlan, PLAN, "--wait", "-f", "json") == 0
    assert started.json["state"] == "SUCCEEDED"


@pytest.mark.parametrize("command", [ShowPlan, CancelPlan, RollBackPlan, GraphPlan])
def test_an_unknown_plan_is_an_error(api, console, command):
    with pytest.raises(NotFoundError, match=f"no action plan {PLAN}"):
        console.run(command, PLAN)
    assert api.written() == []


@pytest.mark.parametrize(
    ("command", "workflow"), [(CancelPlan, CANCEL), (RollBackPlan, ROLLBACK)]
)
def test_cancelling_and_rollback_are_begun_without_waiting_for_their_end(
    api, started, command, workflow
):
    api.decides[workflow] = accept(api)
    assert started.run(command, PLAN, "-f", "json") == 0
    begun = api.data["executions"][-1]
    assert begun["workflow_name"] == workflow
    assert started.json == {
        "plan": PLAN,
        "execution": begun["id"],
        "state": "RUNNING",
        "reason": "",
        "message": "",
    }


@pytest.mark.parametrize(
    ("command", "workflow"), [(CancelPlan, CANCEL), (RollBackPlan, ROLLBACK)]
)
@pytest.mark.parametrize("options", [(), ("--wait",)])
def test_a_refusal_is_an_error_with_its_code(api, started, command, workflow, options):
    api.decides[workflow] = refuse(api, "NOT_NOW")
    with pytest.raises(DriverError, match=r"FAILED \(NOT_NOW\): It must not be\."):
        started.run(command, PLAN, *options)


def test_a_cancelling_that_is_waited_for_ends_with_the_actions(api, started, clock):
    def stop():
        api.end(PLAN, "CANCELLED")
        api.end(api.data["executions"][-1]["id"], reason="CANCELLED", message="Stopped.")

    api.decides[CANCEL] = accept(api)
    clock.plan = [stop]
    assert started.run(CancelPlan, PLAN, "--wait", "-f", "json") == 0
    assert started.json["state"] == "SUCCEEDED"
    assert {action["state"] for action in started.json["actions"]} == {"CANCELLED"}
    assert "SUCCEEDED (CANCELLED): Stopped.\n" in started.stderr.getvalue()


def test_an_abort_that_fails_fails_the_command_that_waits(api, started, clock):
    def fail():
        control = api.data["executions"][-1]["id"]
        api.end(control, "ERROR", reason="ABORT_FAILED", message="Nova says no.")

    api.decides[CANCEL] = accept(api)
    clock.plan = [fail]
    assert started.run(CancelPlan, PLAN, "--wait") == 1
    assert "FAILED (ABORT_FAILED): Nova says no.\n" in started.stderr.getvalue()


def test_a_rollback_that_is_waited_for_ends_with_what_was_undone(api, started, clock):
    def undo():
        control = api.data["executions"][-1]["id"]
        api.execution("undoing", f"recovery.plan.{PLAN}.rollback", control, "its task")
        api.act("undo_migrate_web", "SUCCESS", "undoing", control, state="SUCCEEDED")
        api.end(control, state="SUCCEEDED", reason="ROLLED_BACK", message="Undone.")

    api.decides[ROLLBACK] = accept(api)
    clock.plan = [undo]
    assert started.run(RollBackPlan, PLAN, "--wait", "--max-age", "60", "-f", "json") == 0
    assert [one["task"] for one in started.json["actions"]] == ["undo_migrate_web"]
    sent = next(one for one in api.data["executions"] if one["workflow_name"] == ROLLBACK)
    assert json.loads(sent["input"]) == {"plan": PLAN, "max_age": 60}


def test_the_rollback_of_a_plan_is_shown_with_it(api, started):
    api.carry_out()
    api.execution("rollback", ROLLBACK, plan=PLAN)
    api.execution("undoing", f"recovery.plan.{PLAN}.rollback", "rollback", "its task")
    assert cell(started, "-c", "rollback") == ["RUNNING"]
    api.end("rollback", state="SUCCEEDED", reason="ROLLED_BACK", message="Undone.")
    assert cell(started, "-c", "rollback") == ["SUCCEEDED (ROLLED_BACK): Undone."]


@pytest.mark.parametrize(
    ("options", "first", "line"),
    [
        ((), "flowchart TD", "    a1 --> a2"),
        (("--format", "graphviz"), "digraph plan {", '    "nop_first" -> "migrate_web"'),
    ],
)
def test_a_graph_is_text_with_the_states(api, started, options, first, line):
    api.act("nop_first", "SUCCESS", state="SUCCEEDED")
    assert started.run(GraphPlan, PLAN, *options) == 0
    lines = started.stdout.getvalue().splitlines()
    assert lines[0] == first
    assert line in lines
    assert any("nop_first" in text and "SUCCEEDED" in text for text in lines)


def test_the_graph_of_a_plan_whose_workbook_was_deleted_is_not_known(api, started):
    api.data["workbooks"].clear()
    with pytest.raises(DriverError, match="its workbook was deleted"):
        started.run(GraphPlan, PLAN)


@pytest.mark.parametrize("age", ["0", "-1", "soon"])
def test_a_window_that_is_none_is_refused(console, capsys, age):
    with pytest.raises(SystemExit):
        console.run(RollBackPlan, PLAN, "--max-age", age)
    assert "is not a whole number above 0" in capsys.readouterr().err
