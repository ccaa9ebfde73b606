"""Of whom the keeper sees executions, and for whom what was lost is given back."""

import datetime
import pathlib

import pytest

ASKED = {"idle": 30, "dry_run": False, "execution": None}
FIXTURE = pathlib.Path(__file__).parent / "fixtures" / "losses.yaml"


@pytest.fixture(params=["default", "legacy"])
def processes(mistral, request):
    from mistral.db.v2 import api  # Mistral must have been loaded
    from mistral.services import workbooks

    from tests.workbooks import lost_callers

    with lost_callers.at_work(mistral, request.param) as found:
        found.as_("ann", "blue")
        if not api.load_workbook("recovery.calls", ""):
            text = FIXTURE.read_text().replace("recovery.losses", "recovery.calls")
            workbooks.create_workbook_v2(text, scope="public")
        found.wait = lambda *seconds: wait(mistral, *seconds)
        yield found
        end_all(api)


def wait(mistral, seconds=31):
    mistral._agenda.time += datetime.timedelta(seconds=seconds)


def end_all(api):
    """Leave nothing that another test would find."""
    from mistral import context

    context.set_ctx(context.MistralContext(is_admin=True))
    with api.transaction():
        for one in api.get_workflow_executions(state="RUNNING"):
            one.state = "CANCELLED"
        api.delete_scheduled_jobs()
        api.delete_delayed_calls()


def lose_start(processes, ago=31):
    """Start an execution; its first tasks are never started."""
    stuck = processes.engine.start_workflow("recovery.calls.whole").id
    processes.todo.clear()
    processes.wait(ago)
    return stuck


def look(processes, roles=("member",), **asked):
    """Let the keeper of whoever asks look; return what it has found."""
    from mistral import context
    from mistral.db.v2 import api
    from mistral.engine import post_tx_queue

    from mistral_actions.engine import keeper

    context.ctx().roles = list(roles)
    context.ctx().is_admin = "admin" in roles
    own = processes.engine.start_workflow("lost.whole").id
    processes.todo.clear()

    def evaluate():
        with api.transaction():
            found.append(keeper.look_again({"__execution": {"id": own}}, ASKED | asked))

    found = []
    before = context.ctx()
    post_tx_queue.run(evaluate)()
    assert context.ctx() is before
    return found[0]["executions"]


def given_back(processes):
    """Return whose token the executors get for what was given back."""
    processes.todo.extend(processes.scheduler.due("keeper.start"))
    return sorted({(user, token) for _, user, token, _ in processes.begun()})


def test_the_owner_of_a_project_sees_what_stands_still_in_it_and_nobody_else_does(processes):
    processes.as_("ann", "blue")
    stuck = lose_start(processes)
    processes.as_("bob", "red")
    assert look(processes) == []
    processes.as_("eve", "blue")
    (row,) = look(processes)
    assert (row["id"], row["asked"], row["tasks"]) == (stuck, True, ["one", "other"])


@pytest.mark.parametrize(
    ("user", "project", "roles"), [("eve", "blue", ["member"]), ("root", "green", ["admin"])]
)
def test_what_was_lost_is_given_back_for_whoever_started_it_whoever_has_looked(
    processes, user, project, roles
):
    processes.as_("ann", "blue")
    lose_start(processes)
    processes.as_(user, project)
    assert [row["asked"] for row in look(processes, roles)] == [True]
    assert given_back(processes) == [("ann", "token-of-ann")]


def test_what_mistral_does_not_tell_for_whom_is_not_given_back_and_not_touched(processes):
    from mistral.db.v2 import api

    processes.as_("ann", "blue")
    stuck = lose_start(processes)
    with api.transaction():
        api.delete_scheduled_jobs()
        api.delete_delayed_calls()
    assert [row["asked"] for row in look(processes)] == [False]
    assert given_back(processes) == []
    with api.transaction():
        assert not api.get_workflow_execution(stuck).description


def test_executions_of_workflows_that_are_not_ours_are_never_touched(processes):
    processes.as_("ann", "blue")
    processes.engine.start_workflow("lost.whole")
    processes.todo.clear()
    processes.wait()
    assert look(processes) == []


def test_what_was_decided_a_moment_ago_is_left_alone_whatever_a_workflow_asks(processes):
    processes.as_("ann", "blue")
    lose_start(processes, ago=9)
    assert look(processes, idle=0) == []
    processes.wait(2)
    assert len(look(processes, idle=0)) == 1
