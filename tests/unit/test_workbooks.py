"""The shipped workbooks stay readable: little plumbing, and calls go one way."""

import graphlib
import inspect
from importlib.metadata import entry_points

import pytest
import yaml

from driver.workbooks import files
from driver.workbooks.files import child, compose, entries, walk

WORKBOOKS = files.read_workbooks()
# What a workflow needs and does not say what happens; a reader of the branches skips it.
PLUMBING = {"output", "output-on-error", "task-defaults", "retry", "publish-on-error"}
MOST = 0.27  # of all lines; it was 0.37 with a report in the context of every workflow


def height(text: str, key: yaml.Node, value: yaml.Node) -> int:
    """Return how many lines a key has with its value, without empty ones."""
    lines = text.splitlines()[
        key.start_mark.line : max(value.end_mark.line, key.start_mark.line + 1)
    ]
    return sum(bool(line.strip()) for line in lines)


def plumbing(book: files.Workbook) -> int:
    count = 0
    for _, workflow in entries(child(compose(book), "workflows")):
        places = [workflow, *(task for _, task in entries(child(workflow, "tasks")))]
        count += sum(
            height(book.text, key, value)
            for place in places
            for key, value in entries(place)
            if key.value in PLUMBING
        )
    return count


def test_the_share_of_plumbing_does_not_grow():
    lines = sum(len(book.text.splitlines()) for book in WORKBOOKS)
    assert sum(map(plumbing, WORKBOOKS)) / lines <= MOST


@pytest.mark.parametrize("book", WORKBOOKS, ids=lambda book: book.name)
def test_no_task_does_nothing_but_report_a_failure(book):
    """The default on-error says it: fail(msg=<% ending().message %>)."""
    words = {node.value for node in walk(compose(book)) if isinstance(node, yaml.ScalarNode)}
    assert "report_failure" not in words


def test_workbooks_call_each_other_one_way():
    names = {book.name for book in WORKBOOKS}
    calls = {}
    for book in WORKBOOKS:
        tasks = [task for one in book.workflows.values() for task in one["tasks"].values()]
        called = {str(task.get("workflow", "")).rpartition(".")[0] for task in tasks}
        calls[book.name] = called & names - {book.name}
    graphlib.TopologicalSorter(calls).prepare()  # or it raises, with the circle
    assert "recovery.methods" in calls["recovery.host"]
    assert "recovery.evacuation" in calls["recovery.methods"]


def test_a_step_that_two_at_once_would_do_twice_asks_whether_it_is_alone():
    found = entry_points(group="mistral_recovery.actions")
    asks = {
        one.name for one in found if "alone" in inspect.signature(one.load().__init__).parameters
    }
    assert {"recovery.evacuate_servers", "recovery.move_server", "recovery.rebuild_server"} < asks
    tasks = [
        (f"{book.name}.{name}.{task}", body)
        for book in WORKBOOKS
        for name, workflow in book.workflows.items()
        for task, body in workflow["tasks"].items()
        if body.get("action") in asks
    ]
    assert {body["action"] for _, body in tasks} == asks
    assert [where for where, body in tasks if body["input"].get("alone") != "<% alone() %>"] == []
