"""Action plans through Mistral's API: started once, read, cancelled, rolled back, waited for."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from keystoneauth1 import exceptions as ksa

from driver.errors import (
    DriverError,
    NotFoundError,
    RefusedError,
    StillRunningError,
    UnreachableError,
    WorkflowMissingError,
)
from driver.plans.reader import read_plan
from driver.plans.service import OtherPlanError, Plans
from driver.recoveries.keeper import LOOK
from tests.unit.driver.fake_mistral import Clock, fake_mistral, refusal
from tests.unit.driver.plans.fake_plans import (
    CANCEL,
    CHAIN,
    PLAN,
    ROLLBACK,
    TASKS,
    PlansApi,
    accept,
    refuse,
)

RUN = f"recovery.plan.{PLAN}.run"


def plan_of(text=CHAIN, **changes):
    for old, new in changes.items():
        text = text.replace(old, new)
    return read_plan(text, "plan.yaml")


class Notes:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def show(self, progress):
        self.lines.append(str(progress))

    def note(self, text):
        self.lines.append(text)

    def close(self):
        self.lines.append("closed")


@pytest.fixture
def api():
    return PlansApi()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def plans(api, clock):
    return Plans(fake_mistral(api, clock=clock), clock.sleep, clock)


@pytest.fixture
def started(api, plans):
    plans.start(plan_of())
    api.requests.clear()
    return plans


# ---- start


def test_a_plan_is_installed_without_a_check_and_started_with_its_own_uuid(api, plans):
    done = plans.start(plan_of())

    assert done.is_new
    assert (done.plan.id, done.plan.state) == (PLAN, "ONGOING")
    assert done.plan.description == "3 actions, rule ALWAYS"
    assert api.written() == [("POST", "/workbooks"), ("POST", "/executions")]
    assert "skip_validation" in next(o for m, _, o in api.requests if m == "POST")["params"]
    assert api.data["executions"][0]["workflow_name"] == RUN


def test_a_plan_that_was_started_before_is_left_as_it_is(api, started):
    api.carry_out()

    done = started.start(plan_of())

    assert not done.is_new
    assert done.plan.state == "SUCCEEDED"
    assert ("POST", "/workbooks") not in api.written()
    assert [one["id"] for one in api.data["executions"]].count(PLAN) == 1


def test_a_plan_that_was_installed_but_not_started_is_started(api, started):
    api.data["executions"].clear()

    assert started.start(plan_of()).is_new
    assert [one["id"] for one in api.data["executions"]] == [PLAN]


@pytest.mark.parametrize(
    ("change", "rule"), [({"compute1": "compute2"}, None), ({}, "ANY"), ({"last": "end"}, None)]
)
def test_another_plan_with_the_same_uuid_is_refused_and_nothing_is_written(
    api, started, change, rule
):
    with pytest.raises(OtherPlanError, match=f"another plan with the uuid {PLAN}"):
        started.start(plan_of(**change), rule)

    assert api.written() == []


def test_an_installation_whose_answer_was_lost_is_not_taken_for_another_plan(api, plans):
    api.lost_answers = 1

    assert plans.start(plan_of()).plan.id == PLAN
    assert len(api.data["workbooks"]) == 1


def test_who_waits_for_the_check_of_mistral_is_told_the_setting_that_spares_it(api, plans, clock):
    api.checks = lambda: clock.sleep(6)
    assert "validation_mode = enabled" in plans.start(plan_of()).advice
    assert plans.start(plan_of()).advice == ""  # it is there


def test_a_check_that_takes_longer_than_one_waits_ends_in_what_to_do(api, plans, clock):
    """A gateway, or we ourselves, give up; Mistral goes on, and takes the plan later."""
    api.checks = lambda: clock.sleep(180)
    api.lost_answers = 1
    with pytest.raises(UnreachableError, match=r"validation_mode = enabled.*run the plan again"):
        plans.start(plan_of())
    assert api.data["executions"] == []
    api.checks = lambda: None
    assert plans.start(plan_of()).is_new


def test_a_mistral_that_is_away_is_not_called_slow(api, plans):
    api.is_away = True
    with pytest.raises(UnreachableError) as away:
        plans.start(plan_of())
    assert "validation_mode" not in str(away.value)


def test_a_plan_whose_types_are_not_installed_is_refused_before_anything_is_written(api, plans):
    api.data["workflows"] = [
        flow for flow in api.data["workflows"] if flow["name"] != "recovery.action.migrate"
    ]

    with pytest.raises(WorkflowMissingError, match=r"recovery\.action\.migrate .*recovery sync"):
        plans.start(plan_of())

    assert api.written() == []


def test_a_uuid_that_some_other_execution_has_is_refused(api, plans):
    api.execution(PLAN, "recovery.host.recover")

    with pytest.raises(OtherPlanError, match=r"that of an execution of recovery\.host\.recover"):
        plans.start(plan_of())


@pytest.mark.parametrize(
    ("given", "in_file", "environment", "rule"),
    [
        ("ANY", "ALWAYS", {"balance": "ALWAYS"}, "ANY"),
        (None, "ANY", {"balance": "ALWAYS"}, "ANY"),
        (None, None, {"balance": "ANY"}, "ANY"),
        (None, None, {"other": "ANY"}, "ALWAYS"),
        (None, None, None, "ALWAYS"),
    ],
)
def test_the_rule_is_that_of_the_run_then_of_the_file_then_of_the_strategy(
    api, plans, given, in_file, environment, rule
):
    api.environment = {"action_execution_rule": environment} if environment else None
    more = f"strategy: balance\n{f'rule: {in_file}' if in_file else ''}\nactions:"

    done = plans.start(plan_of(**{"actions:": more}), given)

    assert done.plan.description == f"3 actions, rule {rule}, strategy balance"
    asked = [path for path in api.asked() if "environments" in path]
    assert len(asked) == (0 if given or in_file else 1)


# ---- read


def test_a_plan_is_read_with_its_actions_parents_first(api, started):
    api.act("nop_first", "SUCCESS", state="SUCCEEDED", reason="DONE", message="Done.")
    api.act("migrate_web", "RUNNING")

    plan = started.read(PLAN.upper())

    assert (plan.state, plan.rule, plan.rollback) == ("ONGOING", "ALWAYS", None)
    first, second, third = plan.actions
    assert [one.task for one in plan.actions] == list(TASKS)
    assert (first.state, first.reason, first.message) == ("SUCCEEDED", "DONE", "Done.")
    assert (first.started_at, first.ended_at) == ("2026-01-31 12:01:00", "2026-01-31 12:02:00")
    assert (second.type, second.parents) == ("migrate", ("nop_first",))
    assert (second.state, second.resource, second.ended_at) == ("ONGOING", "web", "")
    assert second.parameters["source_node"] == "compute1"
    assert (third.state, third.started_at) == ("PENDING", "")


@pytest.mark.parametrize(
    ("first", "again", "shown"),
    [
        ("FAILED", "SUCCEEDED", "SUCCEEDED"),
        ("SUCCEEDED", "SKIPPED", "SUCCEEDED"),
        ("FAILED", "SKIPPED", "SKIPPED"),
    ],
)
def test_an_action_that_a_person_ran_again_is_as_it_ended_last_but_not_undone(
    api, started, first, again, shown
):
    """What had run before finds itself done, and is skipped; it has succeeded all the same."""
    api.act("nop_first", "SUCCESS", state=first, reason="DONE", message="First.")
    api.execution("again", "recovery.action", PLAN, f"task nop_first of {PLAN}")
    api.end("again", state=again, reason="DONE", message="Again.")

    assert started.read(PLAN).actions[0].state == shown


def test_a_large_plan_is_read_with_as_few_requests_as_a_small_one(api, plans):
    actions = "".join(
        f"\n  - {{uuid: {number:08x}-0000-4000-8000-000000000000, type: nop}}"
        for number in range(150)
    )
    plans.start(read_plan(f"uuid: {PLAN}\nactions:{actions}", "plan.yaml"))
    for task in ("nop", *(f"nop_{number}" for number in range(2, 151))):
        api.act(task, "SUCCESS", state="SUCCEEDED")
    api.requests.clear()

    assert {action.state for action in plans.read(PLAN).actions} == {"SUCCEEDED"}
    assert len(api.requests) <= 6


def test_the_reports_of_actions_are_read_after_their_tasks(api, started):
    # the other way round, an action that ends in between would have ended without a report
    started.read(PLAN)

    queries = [(path, options.get("params", {})) for _, path, options in api.requests]
    tasks = next(n for n, (path, _) in enumerate(queries) if path == "/tasks")
    parts = next(n for n, (_, params) in enumerate(queries) if "root_execution_id" in params)
    assert tasks < parts


def test_what_an_action_was_really_given_is_shown_once_it_runs(api, started):
    api.act("migrate_web", "RUNNING")
    api.data["executions"][-1]["input"] = json.dumps({"parameters": {"resource_id": "an id"}})

    assert started.read(PLAN).actions[1].resource == "an id"


def test_of_a_plan_whose_workbook_was_deleted_the_end_is_still_known(api, started):
    api.carry_out()
    api.data["workbooks"].clear()

    plan = started.read(PLAN)

    assert (plan.state, plan.message, plan.actions) == ("SUCCEEDED", "It was carried out.", ())


def test_a_token_in_a_message_is_not_shown(api, started):
    token = "gAAAA" + "Bx" * 20
    api.act("nop_first", "ERROR", state="FAILED", message=f"refused {token}")
    api.end(PLAN, "ERROR", state="FAILED", message=f"failed: refused {token}")

    plan = started.read(PLAN)

    assert plan.actions[0].message == "refused ***"
    assert token not in repr(plan)


@pytest.mark.parametrize("name", ["no uuid", PLAN])
def test_a_plan_that_is_not_there_is_named(api, plans, name):
    with pytest.raises(NotFoundError, match=r"plan.*`openstack recovery plan list`"):
        plans.read(name)


def test_an_execution_that_is_no_plan_is_not_taken_for_one(api, plans):
    api.execution(PLAN, "recovery.host.recover")

    with pytest.raises(NotFoundError, match="there is no action plan"):
        plans.cancel(PLAN)
    assert api.written() == []


CANCELS = {
    "none": [],
    "running": [("RUNNING", {})],
    "done": [("SUCCESS", {"reason": "CANCELLED", "message": "It was cancelled."})],
    "abort failed": [("ERROR", {"reason": "ABORT_FAILED", "message": "Nova says no."})],
    "refused": [("ERROR", {"reason": "PLAN_ENDED", "message": "It has ended."})],
}


@pytest.mark.parametrize(
    ("cancels", "run", "state", "message"),
    [
        ("none", "RUNNING", "ONGOING", ""),
        ("running", "RUNNING", "CANCELLING", ""),
        ("running", "CANCELLED", "CANCELLING", ""),
        ("done", "CANCELLED", "CANCELLED", "It was cancelled."),
        ("done", "SUCCESS", "CANCELLED", "It was cancelled."),
        ("abort failed", "CANCELLED", "FAILED", "Nova says no."),
        ("refused", "SUCCESS", "SUCCEEDED", "Carried out."),
        ("none", "CANCELLED", "CANCELLED", "stopped"),
    ],
)
def test_the_state_of_a_plan_is_that_of_its_execution_and_of_its_cancelling(
    api, started, cancels, run, state, message
):
    output = {"state": "SUCCEEDED", "message": "Carried out."} if run == "SUCCESS" else {}
    if run != "RUNNING":
        api.end(PLAN, run, None if output else "stopped", **output)
    for ended, told in CANCELS[cancels]:
        api.execution("cancel", CANCEL, plan=PLAN)
        api.end("cancel", ended, **told)
    api.execution("of another plan", CANCEL, plan="another")

    (listed,) = started.plans()

    assert (listed.state, listed.message) == (state, message)
    assert (started.read(PLAN).state, started.read(PLAN).message) == (state, message)


def test_plans_are_listed_newest_first_without_what_undoes_them(api, started):
    other = PLAN.replace("5d1f", "6e2a")
    started.start(plan_of(**{PLAN: other}))
    api.execution("by hand", f"recovery.plan.{PLAN}.rollback")

    assert [plan.id for plan in started.plans()] == [other, PLAN]


# ---- cancel and rollback


def test_a_cancelling_is_begun_with_an_id_that_follows_from_the_plan(api, started):
    api.decides[CANCEL] = accept(api)

    first = started.cancel(PLAN)
    api.data["executions"].pop()

    assert (first.state, first.plan, first.verb) == ("RUNNING", PLAN, "cancel")
    assert started.cancel(PLAN) == first


def test_who_is_refused_is_told_so_and_does_not_stand_in_the_way(api, started):
    api.decides[CANCEL] = refuse(api, "PLAN_ENDED")
    refused = started.cancel(PLAN)
    api.decides[CANCEL] = accept(api)

    second = started.cancel(PLAN)

    assert (refused.state, refused.reason) == ("FAILED", "PLAN_ENDED")
    assert refused.message == "It must not be."
    assert second.state == "RUNNING"
    assert second.id != refused.id


def test_a_refusal_that_comes_later_is_waited_for(api, started, clock):
    clock.plan = [lambda: None, lambda: refuse(api, "TOO_OLD")(api.data["executions"][-1])]

    assert started.rollback(PLAN).reason == "TOO_OLD"


def test_a_mistral_that_does_not_decide_is_not_waited_for_long(api, started, clock):
    assert started.rollback(PLAN).state == "RUNNING"
    assert 25 < clock.now < 40


@pytest.mark.parametrize(("max_age", "inputs"), [(None, {}), (60, {"max_age": 60})])
def test_the_window_of_a_rollback_is_sent_only_if_it_was_given(api, started, max_age, inputs):
    api.decides[ROLLBACK] = accept(api)

    started.rollback(PLAN, max_age)

    assert json.loads(api.data["executions"][-1]["input"]) == {"plan": PLAN, **inputs}


def test_a_rollback_is_part_of_the_plan_and_its_steps_are_read_from_its_own_workflow(api, started):
    api.carry_out()
    api.execution("rollback", ROLLBACK, plan=PLAN)
    api.execution("undoing", f"recovery.plan.{PLAN}.rollback", "rollback", "its task")
    api.act("undo_migrate_web", "SUCCESS", "undoing", "rollback", state="SUCCEEDED", reason="DONE")

    plan = started.read(PLAN)

    assert (plan.state, plan.ended) == ("SUCCEEDED", False)
    assert (plan.rollback.id, plan.rollback.state) == ("rollback", "RUNNING")
    (undone,) = started.read_rollback(PLAN)
    assert (undone.task, undone.state) == ("undo_migrate_web", "SUCCEEDED")


def test_without_a_rollback_there_are_no_steps_of_one(started):
    assert started.read_rollback(PLAN) == ()


# ---- wait


def test_a_plan_is_followed_to_its_end(api, started, clock):
    notes = Notes()
    clock.plan = [
        lambda: api.act("nop_first", "RUNNING"),
        lambda: api.act("nop_first", "ERROR", state="FAILED"),
        api.carry_out,
    ]

    plan = started.wait(PLAN, notes)

    assert plan.state == "SUCCEEDED"
    assert notes.lines == [
        "0 of 3 actions have ended",
        "0 of 3 actions have ended; nop_first",
        "1 of 3 actions have ended, 1 failed",
        "closed",
    ]


def test_an_alternative_that_is_not_needed_counts_as_ended_and_so_does_what_is_behind_it(
    api, plans, clock
):
    plans.start(plan_of(), "ANY")
    notes = Notes()
    clock.plan = [
        lambda: api.act("nop_first", "ERROR", state="FAILED"),
        lambda: api.act("migrate_web", "RUNNING"),
        lambda: api.act("migrate_web", "SUCCESS", state="SUCCEEDED"),
        api.carry_out,
    ]

    plans.wait(PLAN, notes)

    assert notes.lines == [
        "0 of 3 actions have ended",
        "1 of 3 actions have ended, 1 failed",
        "1 of 3 actions have ended, 1 failed; migrate_web",
        "3 of 3 actions have ended, 1 failed",
        "closed",
    ]


def test_a_plan_whose_cancelling_still_runs_has_not_ended(api, started, clock):
    api.end(PLAN, "CANCELLED")
    api.execution("cancel", CANCEL, plan=PLAN)
    clock.plan = [lambda: api.end("cancel", "SUCCESS")]

    assert started.wait(PLAN, Notes()).state == "CANCELLED"


def test_a_rollback_is_followed_to_its_end(api, started, clock):
    api.decides[ROLLBACK] = accept(api)
    control, notes = started.rollback(PLAN), Notes()
    clock.plan = [
        lambda: api.execution("undoing", f"recovery.plan.{PLAN}.rollback", control.id, "a task"),
        lambda: api.act("undo_migrate_web", "RUNNING", "undoing", control.id),
        lambda: api.end(control.id, state="SKIPPED", reason="NOTHING_TO_ROLL_BACK"),
    ]

    ended = started.wait_for(control, notes)

    assert (ended.state, ended.succeeded) == ("SKIPPED", True)
    assert notes.lines == [
        "",
        "0 of 1 actions have ended",
        "0 of 1 actions have ended; undo_migrate_web",
        "closed",
    ]


def test_a_wait_that_is_over_says_that_the_plan_goes_on(started):
    with pytest.raises(StillRunningError, match=rf"after 5 s; .*plan show {PLAN} --wait"):
        started.wait(PLAN, Notes(), timeout=5)


def test_a_mistral_that_is_restarted_is_waited_for_and_this_is_said(api, started, clock):
    notes = Notes()
    clock.plan = [
        lambda: api.faults.append(ksa.ConnectFailure("no route")),
        api.carry_out,
    ]

    assert started.wait(PLAN, notes).state == "SUCCEEDED"
    told = [line for line in notes.lines if "60 s" in line or "again" in line]
    assert [line.partition(":")[0] for line in told] == [
        "Mistral does not answer",
        "Mistral answers again",
    ]


def test_a_mistral_that_stays_away_ends_the_wait(api, started, clock):
    clock.plan = [lambda: api.faults.extend([ksa.ConnectFailure("no route")] * 1000)]

    with pytest.raises(UnreachableError, match=rf"goes on in Mistral.* plan show {PLAN}"):
        started.wait(PLAN, Notes())
    assert clock.now < 120


def test_whoever_may_not_see_the_tasks_still_learns_the_end(api, started, clock):
    def forbid():
        api._get_tasks = lambda parts, options: refusal(403, "tasks:list")

    def allow():
        del api._get_tasks
        api.carry_out()

    clock.plan = [forbid, allow]

    assert started.wait(PLAN, Notes()).state == "SUCCEEDED"


def test_a_refusal_ends_the_wait_at_once(api, started, clock):
    clock.plan = [lambda: api.faults.append(refusal(403, "executions:get"))]

    with pytest.raises(RefusedError, match="lacks the right"):
        started.wait(PLAN, Notes())


def test_every_error_is_one_that_the_commands_print():
    assert issubclass(OtherPlanError, DriverError)


def keeper_finds(api, message):
    """End the look that was asked for."""
    (look,) = looks(api)
    found = {"executions": [{"id": PLAN, "asked": True}]}
    api.end(look["id"], state="SUCCEEDED", reason="LOOKED_AGAIN", message=message, details=found)


def looks(api):
    return [one for one in api.data["executions"] if one["workflow_name"] == LOOK]


def test_whoever_waits_for_a_plan_in_which_nothing_moves_is_told_that_mistral_looks_again(
    api, started, clock
):
    api.workflow(LOOK)
    notes = Notes()
    clock.plan = [lambda: None] * 31
    clock.plan += [lambda: keeper_finds(api, "It was lost."), lambda: None, api.carry_out]

    assert started.wait(PLAN, notes).state == "SUCCEEDED"
    assert [line for line in notes.lines if "moves" in line] == [
        "nothing moves for 32 s: It was lost"
    ]


@pytest.mark.parametrize(
    ("ago", "ended", "asked"), [(40, False, True), (20, False, False), (40, True, False)]
)
def test_a_plan_that_is_looked_at_and_has_not_changed_for_long_is_looked_at_by_the_keeper(
    api, started, ago, ended, asked
):
    api.workflow(LOOK)
    if ended:
        api.carry_out()
    then = datetime.now(UTC) - timedelta(seconds=ago)
    api.data["executions"][0]["updated_at"] = then.strftime("%Y-%m-%d %H:%M:%S")
    started.look_again(started.read(PLAN))
    assert len(looks(api)) == asked


def test_a_plan_is_shown_where_the_keeper_is_not_installed(api, started):
    started.look_again(started.read(PLAN))
    assert looks(api) == []
