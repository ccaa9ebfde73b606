"""The steps of the actions of a plan about servers: each thing is done once, to its end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mistral_actions.errors import Conflict, Failed, Forbidden, Unavailable
from mistral_actions.servers import moves, steps
from tests.unit.mistral_actions.fake_moves import FakeMoves
from tests.unit.mistral_actions.fake_nova import Killed
from tests.unit.mistral_actions.planning import (
    TO,
    act,
    carry_out,
    check,
    cold,
    ended,
    live,
    step_of,
    written,
)


@pytest.fixture
def nova():
    return FakeMoves()


# ---- the steps


@pytest.mark.parametrize(
    ("plan", "server", "recorded", "host", "state"),
    [
        (live, {}, ["live-migration"], "compute2", "active"),
        (cold, {}, ["migrate", "confirmResize"], "compute2", "active"),
        (cold, {"vm_state": "stopped"}, ["migrate", "confirmResize"], "compute2", "stopped"),
        (
            lambda nova, web: check(nova, "resize", web, flavor="2"),
            {},
            ["resize", "confirmResize"],
            "compute2",
            "active",
        ),
        (lambda nova, web: check(nova, "stop", web), {}, ["stop"], "compute1", "stopped"),
        (
            lambda nova, web: check(nova, "start", web),
            {"vm_state": "stopped"},
            ["start"],
            "compute1",
            "active",
        ),
    ],
)
def test_each_is_asked_for_once_and_looked_at_until_it_has_ended(
    nova, plan, server, recorded, host, state
):
    web = nova.add("web", **server)
    result = carry_out(nova, plan(nova, web))
    assert ended(result) == ("SUCCEEDED", "DONE")
    assert nova.requests(web) == recorded
    assert nova.server(web["id"])["OS-EXT-SRV-ATTR:host"] == host
    assert nova.server(web["id"])["OS-EXT-STS:vm_state"] == state


def test_a_server_of_a_dead_host_is_evacuated_once():
    nova = FakeMoves(down=("compute1",))
    web = nova.add("web")
    result = carry_out(nova, check(nova, "evacuate", web, **TO))
    assert ended(result) == ("SUCCEEDED", "DONE")
    assert result["report"]["details"]["undo"] is None
    assert nova.counted("evacuate") == {web["id"]: 1}


def test_the_undo_of_a_migration_says_where_the_scheduler_put_it(nova):
    web = nova.add("web")
    result = carry_out(nova, live(nova, web, destination_node=None))
    undo = result["report"]["details"]["undo"]["parameters"]
    assert undo["source_node"] == nova.server(web["id"])["OS-EXT-SRV-ATTR:host"] != "compute1"


@pytest.mark.parametrize("how", ["failed", "early"])
@pytest.mark.parametrize("plan", [live, cold])
def test_what_nova_cannot_do_fails_with_its_reason(nova, plan, how):
    web = nova.add("web")
    nova.ends[web["id"]] = how
    todo = plan(nova, web)
    with pytest.raises(Failed, match="No valid host was found") as failed:
        carry_out(nova, todo)
    assert failed.value.code == "MIGRATE_FAILED"
    assert failed.value.details == todo["report"]["details"]


@pytest.mark.parametrize(
    ("kind", "was", "goal"), [("stop", "active", "stopped"), ("start", "stopped", "active")]
)
def test_a_server_that_does_not_get_there_fails_its_action(nova, kind, was, goal):
    web = nova.add("web", vm_state=was)
    nova.power_fails.add(goal)
    with pytest.raises(Failed) as failed:
        carry_out(nova, check(nova, kind, web))
    assert failed.value.code == f"{kind.upper()}_FAILED"
    assert nova.requests(web) == [kind]


def test_what_nova_refuses_for_good_fails_at_once_with_its_words(nova):
    web = nova.add("web")
    todo = live(nova, web)

    def refuse(name, arguments):
        if name == "act":
            raise Conflict("its disk is on an island")

    nova.hook = refuse
    with pytest.raises(Failed, match="island"):
        carry_out(nova, todo)


def test_a_server_that_is_deleted_meanwhile_fails_its_action(nova):
    web = nova.add("web")
    todo = live(nova, web)
    del nova.all[web["id"]]
    with pytest.raises(Failed) as failed:
        carry_out(nova, todo)
    assert failed.value.code == "GONE"


def test_a_stopped_server_that_others_start_again_is_not_stopped_twice(nova):
    web = nova.add("web")
    todo = check(nova, "stop", web)
    act(step_of(todo), nova)
    nova.advance(2)
    nova.act(web["id"], "starting it", {"os-start": None})
    nova.advance(2)
    with pytest.raises(Failed):
        carry_out(nova, todo)
    assert nova.requests(web) == ["stop", "start"]


@pytest.mark.parametrize("status", ["cancelled", "reverted"])
def test_a_move_that_others_undo_fails(nova, status):
    web = nova.add("web")
    todo = cold(nova, web)
    act(step_of(todo), nova)
    nova.advance(2)
    nova.records[0]["status"] = status
    nova.all[web["id"]]["OS-EXT-STS:task_state"] = None
    with pytest.raises(Failed, match="somebody else"):
        carry_out(nova, todo)


# ---- cancel


def abort(nova, todo, migration):
    return act(moves.AbortMigration(todo, migration), nova)


def running(nova, web):
    todo = live(nova, web)
    act(step_of(todo), nova)
    nova.advance(3)
    return todo


def test_a_live_migration_is_aborted_and_stays_on_its_source(nova):
    web = nova.add("web")
    nova.ends[web["id"]] = "stuck"
    todo = running(nova, web)
    asked = carry_out(nova, todo, cancelled=True)
    assert asked["abort"] == 1
    aborted = abort(nova, todo, asked["abort"])
    assert aborted == {"finished": True, "abort_error": None}
    result = carry_out(nova, todo, cancelled=True, aborted=aborted)
    assert ended(result) == ("CANCELLED", "CANCELLED")
    assert nova.server(web["id"])["OS-EXT-SRV-ATTR:host"] == "compute1"


def test_a_live_migration_that_has_ended_is_not_aborted(nova):
    web = nova.add("web")
    todo = running(nova, web)
    nova.advance(10)
    assert abort(nova, todo, 1) == {"finished": True, "abort_error": None}
    result = carry_out(nova, todo, cancelled=True)
    assert ended(result) == ("SUCCEEDED", "DONE")
    assert result["report"]["details"]["abort_error"] is None


def test_a_cold_migration_of_a_cancelled_plan_is_waited_for_and_confirmed(nova):
    web = nova.add("web")
    todo = cold(nova, web)
    result = carry_out(nova, todo, cancelled=True)
    assert ended(result) == ("SUCCEEDED", "DONE")
    assert nova.requests(web) == ["migrate", "confirmResize"]


@pytest.mark.parametrize(
    ("error", "says"),
    [(Forbidden("not yours"), "not yours"), (Conflict("not now"), "not now")],
)
def test_a_refused_abort_is_told_in_the_report_of_what_went_on(nova, error, says):
    web = nova.add("web")
    todo = running(nova, web)

    def refuse(name, arguments):
        if name == "abort_migration":
            raise error

    nova.hook = refuse
    aborted = abort(nova, todo, 1)
    assert aborted == {"finished": True, "abort_error": says}
    result = carry_out(nova, todo, cancelled=True, aborted=aborted)
    assert ended(result) == ("SUCCEEDED", "DONE")
    assert result["report"]["details"]["abort_error"] == says


def test_an_abort_that_nova_does_not_answer_is_tried_again(nova):
    web = nova.add("web")
    todo = running(nova, web)

    def unavailable(name, arguments):
        if name == "abort_migration":
            raise Unavailable("503")

    nova.hook = unavailable
    assert abort(nova, todo, 1) == {"finished": False, "message": "503", "abort_error": "503"}


def test_an_abort_that_the_hypervisor_cannot_carry_out_is_told_with_its_reason(nova):
    web = nova.add("web")
    nova.abort_works, nova.why = False, "no way back"
    todo = running(nova, web)
    aborted = abort(nova, todo, 1)
    result = carry_out(nova, todo, cancelled=True, aborted=aborted)
    assert result["report"]["details"]["abort_error"] == "no way back"


# ---- killed processes


@settings(print_blob=True, max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["live", "cold", "resize", "stop", "start"]),
    kills=st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=6),
    pauses=st.lists(st.integers(0, 8), max_size=8),
)
def test_however_often_its_process_is_killed_an_action_is_done_once(kind, kills, pauses):
    """A process dies before or after any of its calls, and another runs the step again."""
    nova = FakeMoves()
    web = nova.add("web", vm_state="stopped" if kind == "start" else "active")
    plans = {"live": live, "cold": cold}
    more = {"flavor": "2"} if kind == "resize" else {}
    todo = plans[kind](nova, web) if kind in plans else check(nova, kind, web, **more)
    deadly, count = dict(kills), 0

    def before(name, arguments):
        nonlocal count
        count += 1
        if deadly.get(count) is False:
            raise Killed

    def after(name, arguments):
        if deadly.get(count) is True:
            raise Killed

    nova.hook, nova.afterwards = before, after
    waits = iter(pauses)
    result = {"finished": False}
    for _ in range(60):
        try:
            result = act(step_of(todo), nova)
        except Killed:
            result = {"finished": False}
        if result["finished"]:
            break
        nova.advance(next(waits, 1))
    assert ended(result) == ("SUCCEEDED", "DONE")
    asked = {"live": "live-migration", "cold": "migrate"}.get(kind, kind)
    confirmed = ["confirmResize"] if kind in ("cold", "resize") else []
    assert nova.requests(web) == [asked, *confirmed]


# ---- others


def test_what_was_done_before_the_check_does_not_count(nova):
    web = nova.add("web")
    back = {"source_node": "compute2", "destination_node": "compute1"}
    for plan in (
        lambda: live(nova, web),
        lambda: live(nova, web, **back),
        lambda: cold(nova, web),
        lambda: cold(nova, web, **back),
        lambda: check(nova, "stop", web),
        lambda: check(nova, "start", web),
        lambda: live(nova, web),
        lambda: check(nova, "stop", web),
    ):
        assert ended(carry_out(nova, plan())) == ("SUCCEEDED", "DONE")
    assert nova.requests(web) == [
        *["live-migration"] * 2,
        *["migrate", "confirmResize"] * 2,
        *["stop", "start", "live-migration", "stop"],
    ]


@pytest.mark.parametrize("plan", [live, cold, lambda nova, web: check(nova, "stop", web)])
def test_nothing_is_asked_for_because_of_a_look_that_is_old(nova, plan, monkeypatch):
    """A process that was held up between its look and its request leaves it to the next look."""
    web = nova.add("web")
    todo = plan(nova, web)
    times = iter((0, 60))
    with monkeypatch.context() as patch:
        patch.setattr(steps.time, "monotonic", lambda: next(times))
        assert act(step_of(todo), nova)["finished"] is False
    assert nova.requests(web) == []
    assert ended(carry_out(nova, todo)) == ("SUCCEEDED", "DONE")


@pytest.mark.parametrize("plan", [live, cold, lambda nova, web: check(nova, "stop", web)])
def test_what_another_process_does_between_two_calls_is_not_taken_for_a_failure(nova, plan):
    """It asks and Nova carries it out, after this process has looked at the server."""
    web = nova.add("web")
    todo = plan(nova, web)

    def others(name, arguments):
        if name == "server_actions":
            nova.hook = lambda name, arguments: None
            nova.act(web["id"], "asking", todo["request"])
            nova.advance(10)

    nova.hook = others
    assert ended(carry_out(nova, todo)) == ("SUCCEEDED", "DONE")
    assert nova.requests(web)[:1] == [todo["asked"]]
    assert len(written(nova)) == (2 if plan is cold else 1)


def test_an_action_has_ended_only_when_nova_is_not_busy_with_the_server(nova):
    web = nova.add("web")
    todo = live(nova, web)
    act(step_of(todo), nova)
    nova.advance(10)
    nova.all[web["id"]]["OS-EXT-STS:task_state"] = "powering-off"
    assert act(step_of(todo), nova)["finished"] is False


# ---- records that nobody closes any more


@pytest.mark.parametrize(
    ("host", "task", "seconds", "told"),
    [
        ("compute2", None, 61, ("SUCCEEDED", "DONE")),
        ("compute1", None, 61, ("FAILED", "MIGRATE_FAILED")),
        ("compute2", None, 59, None),  # the record may be closed yet
        ("compute2", "migrating", 3600, None),
    ],
)
def test_a_record_that_stays_open_is_judged_by_the_server_once_it_is_idle(
    nova, host, task, seconds, told
):
    """A host or the conductor died between what it wrote of the server and of the record."""
    web = nova.add("web")
    nova.ends[web["id"]] = "stuck"
    todo = running(nova, web)
    nova._change(nova.all[web["id"]], task_state=task)
    nova.all[web["id"]]["OS-EXT-SRV-ATTR:host"] = host
    nova.advance(seconds)
    if told is None:
        assert act(step_of(todo), nova)["finished"] is False
    elif told[0] == "SUCCEEDED":
        assert ended(act(step_of(todo), nova)) == told
    else:
        with pytest.raises(Failed, match="the server is idle, on compute1") as failed:
            act(step_of(todo), nova)
        assert failed.value.code == told[1]
