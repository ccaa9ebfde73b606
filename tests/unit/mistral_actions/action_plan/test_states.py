"""How the states of a plan and of its actions follow from what Mistral shows."""

import pytest

from mistral_actions.action_plan import states
from mistral_actions.action_plan.states import ActionNode, ActionState, Graph, TaskRecord
from mistral_actions.errors import report


def graph(rule="ALWAYS", **parents):
    nodes = {
        name: ActionNode(name, f"id-{name}", "stop", tuple(of)) for name, of in parents.items()
    }
    return Graph(rule, nodes)


CHAIN = {"a": "", "b": "a", "c": "b"}


def output(state, reason="DONE", message="So it is."):
    return {"report": report(state, reason, message, {})}


@pytest.mark.parametrize(
    ("task", "run", "cancel", "state"),
    [
        (None, None, None, "PENDING"),
        (None, "RUNNING", None, "PENDING"),
        (None, "PAUSED", None, "PENDING"),
        (None, "RUNNING", "RUNNING", "CANCELLING"),
        (None, "RUNNING", "SUCCESS", "CANCELLING"),
        (None, "RUNNING", "ERROR", "PENDING"),
        (None, "CANCELLED", None, "CANCELLED"),
        (None, "ERROR", None, "CANCELLED"),
        (TaskRecord("WAITING"), "RUNNING", None, "PENDING"),
        (TaskRecord("IDLE"), "RUNNING", "RUNNING", "CANCELLING"),
        (TaskRecord("RUNNING"), "RUNNING", None, "ONGOING"),
        (TaskRecord("DELAYED"), "RUNNING", None, "ONGOING"),
        (TaskRecord("RUNNING"), "RUNNING", "RUNNING", "CANCELLING"),
        (TaskRecord("RUNNING"), "CANCELLED", None, "CANCELLED"),
        (TaskRecord("CANCELLED", {"result": "by hand"}), "RUNNING", None, "CANCELLED"),
        (TaskRecord("ERROR", None, "No such workflow"), "RUNNING", None, "FAILED"),
        (TaskRecord("ERROR", {"state": "nonsense"}), "RUNNING", None, "FAILED"),
        (TaskRecord("ERROR", output("FAILED")), "RUNNING", None, "FAILED"),
        (TaskRecord("SUCCESS", output("SUCCEEDED")), "RUNNING", "RUNNING", "SUCCEEDED"),
        (TaskRecord("SUCCESS", output("SKIPPED")), "RUNNING", None, "SKIPPED"),
        (TaskRecord("SUCCESS", output("CANCELLED")), "RUNNING", "RUNNING", "CANCELLED"),
        (TaskRecord("RUNNING", output("SUCCEEDED")), "CANCELLED", "SUCCESS", "SUCCEEDED"),
    ],
)
def test_the_state_of_an_action(task, run, cancel, state):
    seen = {"a": task} if task else {}
    assert states.action_states(graph(a=""), seen, run, cancel)["a"].state == state


def test_a_failure_without_a_report_has_mistrals_words():
    lost = TaskRecord("ERROR", None, "No such x")
    found = states.action_states(graph(a=""), {"a": lost}, "RUNNING")
    assert found["a"] == ActionState("FAILED", "TASK_FAILED", "No such x")


def test_under_any_what_is_not_needed_is_skipped_before_mistral_comes_to_it():
    seen = {"a": TaskRecord("SUCCESS", output("SUCCEEDED"))}
    found = states.action_states(graph("ANY", **CHAIN), seen, "RUNNING")
    assert [found[name].state for name in CHAIN] == ["SUCCEEDED", "SKIPPED", "SKIPPED"]
    assert found["c"].reason == "ALTERNATIVE_SUCCEEDED"
    found = states.action_states(graph("ALWAYS", **CHAIN), seen, "RUNNING")
    assert [found[name].state for name in CHAIN] == ["SUCCEEDED", "PENDING", "PENDING"]


@pytest.mark.parametrize(
    ("before", "now"),
    [("FAILED", "SKIPPED"), ("SKIPPED", "SKIPPED"), ("SUCCEEDED", "SUCCEEDED")],
)
def test_an_alternative_whose_parent_succeeds_in_a_rerun_is_skipped_unless_it_succeeded(
    before, now
):
    tasks = {
        "a": TaskRecord("SUCCESS", output("SUCCEEDED")),
        "b": TaskRecord("ERROR" if before == "FAILED" else "SUCCESS", output(before)),
    }
    found = states.action_states(graph("ANY", a="", b="a"), tasks, "RUNNING")
    assert found["b"].state == now


@pytest.mark.parametrize("ended", ["FAILED", "CANCELLED", "SKIPPED"])
def test_a_parent_that_did_not_succeed_satisfies_nobody(ended):
    parents = {"a": ActionState(ended, "DONE"), "b": ActionState(ended)}
    assert states.satisfied_by(parents) is None


def test_the_sentence_is_the_same_whatever_the_order_of_parents():
    one = {
        "a": ActionState("SKIPPED", "ALTERNATIVE_SUCCEEDED"),
        "b": ActionState("SUCCEEDED"),
        "c": ActionState("SUCCEEDED"),
    }
    said = states.satisfied_by(one)
    assert said == "b, to which it is an alternative, has succeeded."
    assert states.satisfied_by(dict(reversed(one.items()))) == said


@pytest.mark.parametrize(
    ("run", "cancel", "reported", "state"),
    [
        (None, None, None, "PENDING"),
        ("IDLE", None, None, "ONGOING"),
        ("RUNNING", None, None, "ONGOING"),
        ("PAUSED", None, None, "ONGOING"),
        ("RUNNING", "RUNNING", None, "CANCELLING"),
        ("RUNNING", "SUCCESS", None, "CANCELLING"),
        ("RUNNING", "ERROR", None, "ONGOING"),
        ("CANCELLED", None, None, "CANCELLED"),
        ("CANCELLED", "RUNNING", None, "CANCELLING"),
        ("CANCELLED", "SUCCESS", None, "CANCELLED"),
        ("CANCELLED", "ERROR", None, "FAILED"),
        ("SUCCESS", None, "SUCCEEDED", "SUCCEEDED"),
        ("SUCCESS", "RUNNING", "SUCCEEDED", "SUCCEEDED"),
        ("SUCCESS", "SUCCESS", "SUCCEEDED", "CANCELLED"),
        ("SUCCESS", None, None, "SUCCEEDED"),
        ("ERROR", None, "FAILED", "FAILED"),
        ("ERROR", None, None, "FAILED"),
        ("ERROR", "RUNNING", "CANCELLED", "CANCELLING"),
        ("ERROR", "SUCCESS", "CANCELLED", "CANCELLED"),
        ("ERROR", None, "CANCELLED", "CANCELLED"),
        ("ERROR", "ERROR", "FAILED", "FAILED"),
    ],
)
def test_the_state_of_a_plan(run, cancel, reported, state):
    found = {"a": ActionState("SUCCEEDED")}
    assert states.plan_state(graph(a=""), found, run, cancel, reported) == state


@pytest.mark.parametrize(
    ("executions", "cancel"),
    [
        ([], None),
        ([("RUNNING", None)], "RUNNING"),
        ([("PAUSED", None)], "RUNNING"),
        ([("SUCCESS", output("SUCCEEDED"))], "SUCCESS"),
        ([("ERROR", output("FAILED", "ABORT_FAILED"))], "ERROR"),
        ([("ERROR", output("FAILED", "PLAN_ENDED"))], None),
        ([("ERROR", output("FAILED", "CANCEL_RUNNING")), ("SUCCESS", None)], "SUCCESS"),
        ([("ERROR", None), ("RUNNING", None)], "RUNNING"),
        ([("CANCELLED", None)], None),
    ],
)
def test_how_it_stands_with_a_cancel(executions, cancel):
    """One that was refused has not begun; one that was itself cancelled neither."""
    assert states.cancel_of(executions) == cancel


@pytest.mark.parametrize(
    ("ends", "lost"),
    [
        (("FAILED", "SUCCEEDED", "SKIPPED"), []),
        (("FAILED", "FAILED", "SUCCEEDED"), []),
        (("FAILED", "SKIPPED", "SUCCEEDED"), []),
        (("FAILED", "SKIPPED", "FAILED"), ["a", "c"]),
        (("FAILED", "CANCELLED", "CANCELLED"), ["a"]),
        (("SUCCEEDED", "SKIPPED", "SKIPPED"), []),
    ],
)
def test_under_any_a_failure_is_made_good_by_an_alternative(ends, lost):
    found = {name: ActionState(end) for name, end in zip(CHAIN, ends, strict=True)}
    assert states.not_made_good(graph("ANY", **CHAIN), found) == lost
    failed = [name for name in CHAIN if found[name].state == "FAILED"]
    assert states.not_made_good(graph("ALWAYS", **CHAIN), found) == failed


@pytest.mark.parametrize(
    ("cancel", "state", "message"),
    [
        (None, "FAILED", "The plan failed; of 2 actions 1 succeeded, 1 failed. b: No host."),
        ("RUNNING", "CANCELLED", "The plan was cancelled; of 2 actions 1 succeeded, 1 failed."),
        ("ERROR", "FAILED", "Cancelling the plan failed; of 2 actions 1 succeeded, 1 failed."),
    ],
)
def test_how_a_plan_ends(cancel, state, message):
    found = {"a": ActionState("SUCCEEDED"), "b": ActionState("FAILED", "X", "No host.")}
    end = states.end_of(graph(a="", b="a"), found, cancel)
    assert (end.state, end.message) == (state, message)


def test_a_graph_is_in_order_whatever_the_order_of_its_tasks():
    def task(*children):
        body = {"workflow": "recovery.action.stop", "input": {"action": "x"}}
        return {**body, "on-success": [*children], "on-error": [*children]}

    tasks = {"c": task("report_plan"), "b": task("c"), "a": task("b", "c"), "report_plan": {}}
    found = states.graph_of({"tasks": tasks})
    assert list(found.nodes) == ["a", "b", "c"]
    assert sorted(found.nodes["c"].parents) == ["a", "b"]
    assert found.rule == "ALWAYS"
