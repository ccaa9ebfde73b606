"""Following a recovery, and how it is shown."""

import io

import pytest
from keystoneauth1 import exceptions

from driver.commands.display import Bar, Lines, draw, reporter_for
from driver.errors import NotFoundError, RefusedError, StillRunningError, UnreachableError
from driver.recoveries.model import Recovery, tasks_of
from driver.recoveries.progress import TOLERANCE, Counts, Progress, Watch, wait
from tests.unit.driver.fake_mistral import Clock, FakeApi, fake_mistral, refusal

DONE = {"state": "SUCCEEDED", "reason": "RECOVERED", "message": "2 servers were moved"}


class Recorder:
    def __init__(self):
        self.shown, self.notes, self.closed = [], [], False

    def show(self, progress):
        self.shown.append(str(progress))

    def note(self, text):
        self.notes.append(text)

    def close(self):
        self.closed = True


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def api():
    api = FakeApi()
    api.execution("root", host="compute1")
    return api


def follow(api, plan=(), timeout=None):
    """Wait for ``root``; ``plan`` is what happens in each second."""
    clock, recorder = Clock(), Recorder()
    clock.plan = list(plan)
    try:
        result = wait(fake_mistral(api, clock=clock), "root", recorder, timeout, clock.sleep, clock)
    except Exception as error:  # noqa: BLE001 - returned to the test
        result = error
    return result, recorder, clock


def fail(api, count, fault=None):
    fault = fault or exceptions.ConnectFailure("refused")
    return lambda: api.faults.extend([fault] * count)


def test_waiting_ends_with_what_the_workflow_reported(api):
    servers = [{"id": "1", "name": "web", "state": "MOVED"}]
    end = lambda: api.end("root", **DONE, details={"servers": servers})  # noqa: E731
    recovery, recorder, _ = follow(api, [end])
    assert recovery.sentence == "SUCCEEDED (RECOVERED): 2 servers were moved"
    assert recovery.servers == servers
    assert recovery.succeeded
    assert recorder.closed


def test_the_counts_of_the_last_try_are_shown(api):
    api.task("t1", "root", "evacuate_servers", state="DELAYED")
    steps = [
        lambda: api.counted("t1", done=0, running=2, total=4),
        lambda: api.counted("t1", done=2, running=2, total=4),
        lambda: api.end("root", **DONE),
    ]
    _, recorder, _ = follow(api, steps)
    assert recorder.shown == [
        "evacuate_servers",
        "evacuate_servers: 0 done, 2 running, 0 failed of 4 servers",
        "evacuate_servers: 2 done, 2 running, 0 failed of 4 servers",
    ]


def test_the_counts_are_found_in_a_sub_workflow(api):
    api.task("t1", "root", "evacuate_to_reserved_hosts", kind="WORKFLOW")
    api.execution("sub", root="root", task="t1")
    api.task("t2", "sub", "evacuate_servers")
    api.counted("t2", done=1, running=1, failed=1, total=3)
    progress = Watch(fake_mistral(api), "root").look("RUNNING")
    assert str(progress) == "evacuate_servers: 1 done, 1 running, 1 failed of 3 servers"


def test_the_watch_goes_on_to_the_next_task(api):
    first = api.task("t1", "root", "evacuate_servers")
    api.counted("t1", done=1, total=2)
    watch = Watch(fake_mistral(api), "root")
    watch.look()
    first["state"] = "SUCCESS"
    api.task("t2", "root", "evacuate_to_reserved_hosts", kind="WORKFLOW")
    api.execution("sub", root="root", task="t2")
    api.task("t3", "sub", "evacuate_servers")
    api.counted("t3", done=2, total=2)
    counts = [watch.poll().counts.done for _ in range(10)]
    assert counts[-1] == 2


def test_a_task_that_only_waits_for_others_is_not_the_step(api):
    api.task("t1", "root", "evacuate_servers")
    api.task("t2", "root", "report", state="WAITING")
    assert Watch(fake_mistral(api), "root").poll().step == "evacuate_servers"


def test_a_poll_takes_at_most_two_requests(api):
    api.task("t1", "root", "evacuate_to_reserved_hosts", kind="WORKFLOW")
    api.execution("sub", root="root", task="t1")
    api.task("t2", "sub", "evacuate_servers")
    api.counted("t2", done=1, total=2)
    polls = 20
    steps = [lambda: None] * (polls - 1) + [lambda: api.end("root", **DONE)]
    follow(api, steps)
    assert len(api.requests) <= 2 * (polls + 1)


def test_a_mistral_that_is_restarted_does_not_end_the_wait(api):
    steps = [fail(api, 50), *[lambda: None] * 51, lambda: api.end("root", **DONE)]
    recovery, recorder, clock = follow(api, steps)
    assert recovery.succeeded
    assert clock.now > 50
    assert len(recorder.notes) == 2
    assert recorder.notes[0].endswith("waiting up to 60 s for it")
    assert recorder.notes[1] == "Mistral answers again"


def test_a_mistral_that_starts_with_errors_does_not_end_the_wait(api):
    steps = [fail(api, 5, refusal(500, "database is locked")), *[lambda: None] * 6]
    recovery, _, _ = follow(api, [*steps, lambda: api.end("root", **DONE)])
    assert recovery.succeeded


def test_a_mistral_that_stays_away_ends_the_wait_and_says_how_to_go_on(api):
    error, recorder, clock = follow(api, [fail(api, 1000)])
    assert isinstance(error, UnreachableError)
    assert "openstack recovery show root --wait" in str(error)
    assert TOLERANCE < clock.now < TOLERANCE + 5
    assert recorder.closed


def test_the_timeout_ends_the_wait_but_not_the_recovery(api):
    error, _, clock = follow(api, timeout=7)
    assert isinstance(error, StillRunningError)
    assert "still running after 7 s; the recovery goes on" in str(error)
    assert clock.now == 7
    assert api.data["executions"][0]["state"] == "RUNNING"


def test_waiting_for_an_unknown_execution_ends_at_once(api):
    api.data["executions"].clear()
    error, _, clock = follow(api)
    assert isinstance(error, NotFoundError)
    assert clock.now == 0


def test_whoever_may_not_see_the_counts_still_learns_the_end(api):
    api._get_tasks = lambda parts, options: refusal(403, "tasks:list is disallowed")
    recovery, recorder, _ = follow(api, [lambda: None, lambda: api.end("root", **DONE)])
    assert recovery.succeeded
    assert recorder.notes == []


def test_a_refusal_of_the_execution_itself_ends_the_wait(api):
    api.faults = [refusal(403, "executions:get is disallowed")]
    error, _, _ = follow(api)
    assert isinstance(error, RefusedError)
    assert "executions:get" in str(error)


@pytest.mark.parametrize(
    ("state", "output", "seen"),
    [
        ("SUCCESS", {"state": "SKIPPED", "reason": "NOTHING_TO_RECOVER"}, "SKIPPED"),
        ("SUCCESS", {}, "SUCCEEDED"),
        ("ERROR", {"state": "FAILED", "reason": "HOST_UP"}, "FAILED"),
        ("ERROR", {"state": "SUCCEEDED"}, "FAILED"),
        ("CANCELLED", {}, "CANCELLED"),
        ("PAUSED", {}, "PAUSED"),
        ("IDLE", {}, "RUNNING"),
    ],
)
def test_the_state_of_a_recovery_is_that_of_its_output_unless_it_failed(api, state, output, seen):
    api.end("root", state, **output)
    recovery = Recovery.from_execution(fake_mistral(api).execution("root"))
    assert recovery.state == seen
    assert recovery.reason == output.get("reason", "")


def test_a_failed_recovery_without_output_says_what_mistral_says(api):
    api.end("root", "ERROR", "Failed to run task [error=boom]")
    recovery = Recovery.from_execution(fake_mistral(api).execution("root"))
    assert recovery.sentence == "FAILED: Failed to run task [error=boom]"


def test_the_tasks_of_a_second_are_in_the_order_of_their_causes(api):
    api.task("z", "root", "plan_recovery", state="SUCCESS")
    api.task("b", "root", "disable_host", runtime_context='{"triggered_by": [{"task_id": "m"}]}')
    api.task("m", "root", "force_host_down", runtime_context='{"triggered_by": [{"task_id": "z"}]}')
    names = [task["name"] for task in tasks_of(fake_mistral(api), "root")]
    assert names == ["plan_recovery", "force_host_down", "disable_host"]


def test_tasks_of_a_loop_are_listed_all_the_same(api):
    api.task("a", "root", "one", runtime_context='{"triggered_by": [{"task_id": "b"}]}')
    api.task("b", "root", "two", runtime_context='{"triggered_by": [{"task_id": "a"}]}')
    names = {task["name"] for task in tasks_of(fake_mistral(api), "root")}
    assert names == {"one", "two"}


def test_tasks_of_sub_workflows_are_listed_below_theirs_with_their_duration(api):
    api.task("t1", "root", "evacuate_to_reserved_hosts", kind="WORKFLOW", state="SUCCESS")
    api.execution("sub", root="root", task="t1")
    times = {"started_at": "2026-01-31 12:00:00", "finished_at": "2026-01-31 12:01:30"}
    api.task("t2", "sub", "evacuate_servers", state="SUCCESS", **times)
    assert list(tasks_of(fake_mistral(api), "root")) == [
        {"name": "evacuate_to_reserved_hosts", "state": "SUCCESS", "seconds": None},
        {
            "name": "evacuate_to_reserved_hosts > evacuate_servers",
            "state": "SUCCESS",
            "seconds": 90,
        },
    ]


def progress(**counts):
    numbers = {"done": 0, "running": 0, "failed": 0, "pending": 0, "skipped": 0, **counts}
    return Progress("RUNNING", "evacuate_servers", Counts(**numbers))


def test_lines_are_written_only_when_something_changed():
    stream = io.StringIO()
    lines = reporter_for(stream)
    for done in (0, 0, 1, 1):
        lines.show(progress(done=done, total=2))
    lines.close()
    assert isinstance(lines, Lines)
    assert stream.getvalue().splitlines() == [
        "evacuate_servers: 0 done, 0 running, 0 failed of 2 servers",
        "evacuate_servers: 1 done, 0 running, 0 failed of 2 servers",
    ]


def test_a_terminal_gets_a_bar_that_is_gone_at_the_end():
    terminal = Terminal()
    bar = reporter_for(terminal)
    bar.show(progress(done=1, running=1, total=2))
    drawn = terminal.getvalue()
    bar.close()
    assert isinstance(bar, Bar)
    assert "[###############>>>>>>>>>>>>>>>] evacuate_servers: 1 done" in drawn
    assert "\n" not in drawn
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_bar_fits_into_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    Bar(terminal).show(progress(done=1, total=2))
    assert len(terminal.getvalue()) == len("\r") + 39 + len("\x1b[K")


@pytest.mark.parametrize(
    ("counts", "bar"),
    [
        ({"total": 0}, "[..........]"),
        ({"pending": 3, "total": 3}, "[..........]"),
        ({"done": 1, "skipped": 1, "failed": 1, "running": 1, "total": 5}, "[####xx>>..]"),
        ({"done": 3, "total": 3}, "[##########]"),
    ],
)
def test_a_bar_shows_each_state_with_its_share(counts, bar):
    assert draw(progress(**counts).counts, width=10) == bar
