"""The tables in the guide to action plans tell what the code does, and nothing else."""

import json
import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import yaml

from driver.plans import watcher
from driver.plans.compile import compile_plan
from driver.plans.reader import read_plan
from mistral_actions.action_plan.states import (
    ActionNode,
    Graph,
    TaskRecord,
    action_states,
    end_of,
    plan_state,
)
from mistral_actions.errors import report
from tests.docs.documents import ROOT, words_in_capitals
from tests.plan_types import ACTION_TYPES

GUIDE = (ROOT / "docs/action-plans.md").read_text()
EXAMPLES = sorted((ROOT / "examples/action_plans").iterdir())

# Words in capitals that are no reasons: states, rules, methods of HTTP, Mistral's own.
OTHER = {
    *("PENDING", "ONGOING", "SUCCEEDED", "FAILED", "SKIPPED", "CANCELLING", "CANCELLED"),
    *("ALWAYS", "ANY", "GET", "PUT", "POST", "ACTIVE"),
    *("IDLE", "WAITING", "RUNNING", "PAUSED", "SUCCESS", "ERROR"),
}


class Moment(NamedTuple):
    """What Mistral shows of a plan with an action and a second one after it.

    :param first: state of its task and state in its report; None: there is no task.
    """

    first: tuple[str, str | None] | None = None
    second: tuple[str, str | None] | None = None
    run: str = "RUNNING"
    reported: str | None = None
    cancel: str | None = None


ENDS = [
    *(("SUCCESS", "SUCCEEDED"), ("SUCCESS", "SKIPPED"), ("ERROR", "FAILED")),
    ("ERROR", None),  # it was lost without a report
]


def graph(rule: str) -> Graph:
    second = ActionNode("second", "2", "nop", ("first",))
    nodes = {"first": ActionNode("first", "1", "nop"), "second": second}
    return Graph(rule, nodes)


def states(rule: str, at: Moment) -> dict[str, str]:
    """Return the states that people see: of each action and of the plan."""
    found = shown(rule, at)
    plan = plan_state(graph(rule), found, at.run, at.cancel, at.reported)
    return {"plan": plan} | {name: action.state for name, action in found.items()}


def shown(rule, at):
    seen = {
        name: TaskRecord(task[0], {"report": report(task[1], "", "", {})} if task[1] else None)
        for name, task in (("first", at.first), ("second", at.second))
        if task
    }
    return action_states(graph(rule), seen, at.run, at.cancel)


def next_moments(rule: str, at: Moment) -> Iterator[Moment]:
    """Yield what can come next: steps of the engine, of a cancelling, of a person."""
    if at.run == "RUNNING":
        yield from steps(rule, at)
        yield at._replace(run="CANCELLED", **{  # by plain Mistral
            name: ("CANCELLED", None) for name in ("first", "second") if running(at, name)
        })
    if at.cancel in (None, "ERROR") and at.run == "RUNNING":
        yield at._replace(cancel="RUNNING")
    if at.cancel == "RUNNING":
        yield at._replace(cancel="ERROR")
        if at.run != "RUNNING":
            yield at._replace(cancel="SUCCESS")
        elif not running(at, "first") and not running(at, "second"):
            yield at._replace(run="CANCELLED")


def steps(rule: str, at: Moment) -> Iterator[Moment]:
    if at.first is None:
        yield at._replace(first=("RUNNING", None))
    elif at.second is None and not running(at, "first"):
        yield at._replace(second=("RUNNING", None))
    for name in ("first", "second"):
        if running(at, name):
            ends = [*ENDS, ("SUCCESS", "CANCELLED")] if at.cancel == "RUNNING" else ENDS
            if rule == "ANY" and name == "second" and at.first == ENDS[0]:
                ends = [("SUCCESS", "SKIPPED")]
            yield from (at._replace(**{name: end}) for end in ends)
    skips_the_second = rule == "ANY" and at.first == ENDS[0] and not at.second  # has no task
    if skips_the_second or (at.second and not running(at, "second")):
        end = end_of(graph(rule), shown(rule, at), at.cancel).state
        yield at._replace(run="SUCCESS" if end == "SUCCEEDED" else "ERROR", reported=end)


def running(at: Moment, name: str) -> bool:
    return getattr(at, name) == ("RUNNING", None)


def transitions() -> dict[str, set[tuple[str, str]]]:
    """Return all changes of a state that there can be, of plans and of actions."""
    found: dict[str, set[tuple[str, str]]] = {"plan": set(), "action": set()}
    for rule in ("ALWAYS", "ANY"):
        seen, todo = {Moment()}, [Moment()]
        while todo:
            at = todo.pop()
            now = states(rule, at)
            for after in next_moments(rule, at):
                then = states(rule, after)
                for name in now:
                    if now[name] != then[name]:
                        kind = "plan" if name == "plan" else "action"
                        found[kind].add((now[name], then[name]))
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
    found["plan"].add(("PENDING", "ONGOING"))  # its execution is created
    return found


def told(heading: str) -> list[tuple[str, str]]:
    """Return the first two columns of the table below a heading."""
    part = GUIDE.partition(f"### {heading}\n")[2].partition("\n#")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line[:1] == "|"][2:]
    return [
        (start.strip(), end)
        for first, second, *_ in rows
        for start in first.split(",")
        for end in map(str.strip, second.split(","))
    ]


@pytest.mark.parametrize(
    ("kind", "heading"), [("plan", "States of a plan"), ("action", "States of an action")]
)
def test_the_guide_tells_every_change_of_a_state_and_no_other(kind: str, heading: str) -> None:
    table = told(heading)

    assert len(table) == len(set(table))
    assert set(table) == transitions()[kind]


def test_every_reason_of_a_plan_is_in_the_guide() -> None:
    codes = words_in_capitals("action_plan/*.py", "engine/action_plans.py")

    assert codes - OTHER - set(re.findall(r"`([A-Z][A-Z_]+)`", GUIDE)) == set()


def test_every_type_of_an_action_and_every_parameter_is_in_the_guide_in_its_order() -> None:
    part = GUIDE.partition("## Types of actions\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| `")]

    assert {row[0].strip(" `"): re.findall(r"`(\w+)`", row[1]) for row in rows} == {
        name: [one for one in kind["properties"] if one != "resource_name"]
        for name, kind in ACTION_TYPES.items()
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_a_plan(path) -> None:
    assert read_plan(path.read_text(), path.name).actions


def test_the_branches_in_the_guide_are_what_the_example_is_compiled_to() -> None:
    example = read_plan((ROOT / "examples/action_plans/any_destination.yaml").read_text(), "x")
    (printed,) = re.findall(r"^```yaml\n(# Rule ANY.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)

    assert "on-success" in printed
    assert textwrap.indent(printed, "    ") in compile_plan(example, "ANY").text


def test_every_plan_in_the_guide_is_one() -> None:
    plans = re.findall(r"^```yaml\n(uuid: .*?)^```", GUIDE, re.MULTILINE | re.DOTALL)

    assert plans
    for text in plans:
        assert read_plan(text, "guide").actions
        assert json.dumps(yaml.safe_load(text))


def test_the_guide_prints_watchers_plan_as_a_refusal_says() -> None:
    for command in (watcher.SHOW, watcher.LIST):
        assert f"\n{command.format('<uuid>')} >" in GUIDE


def test_the_guide_names_every_column_that_watchers_documents_must_have() -> None:
    part = GUIDE.partition("## From Watcher\n")[2].partition("\n## ")[0]

    for columns in (watcher.OF_A_PLAN, watcher.OF_AN_ACTION):
        names = [f"`{of_client}`" for of_client, _ in columns.values()]
        assert f" without {', '.join(names[:-1])} or {names[-1]} |" in part
