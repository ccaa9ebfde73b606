"""The text that a plan is compiled to; that Mistral does with it what it should is seen elsewhere.

See tests/workbooks/test_plans.py.
"""

import random
import uuid

import pytest

from driver.plans import compile as compile_module
from driver.plans.compile import compile_plan, task_names
from driver.plans.graph import graphviz, mermaid
from driver.plans.model import Action, Plan
from driver.plans.order import chains, cycle, parents_first
from mistral_actions.action_plan.states import ActionState, graph_of

PLAN = str(uuid.UUID(int=255))


def number(n):
    return str(uuid.UUID(int=n))


def action(n, *parents, type_="stop", name="web", **more):
    parameters = {"resource_id": number(n)}
    return Action(number(n), type_, parameters, tuple(number(one) for one in parents), name, **more)


def plan(*actions):
    return Plan(PLAN, parents_first(actions), "some_strategy")


def workflow(compiled, name="run"):
    return compiled.workflows[f"recovery.plan.{PLAN}.{name}"]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_actions_changes_no_byte(seed):
    actions = [action(1), action(2), action(3, 2, 1), action(4, 1), action(5, 4, 3)]
    text = compile_plan(plan(*actions), "ANY").text
    random.Random(seed).shuffle(actions)
    assert compile_plan(plan(*actions), "ANY").text == text


def test_tasks_are_named_after_type_and_resource_and_no_name_is_given_twice():
    names = ["web-1", "WEB 1", "web_1", None, "<% ö %>", "x" * 300]
    actions = [action(n, name=name) for n, name in enumerate(names, start=1)]
    found = list(task_names(plan(*actions)).values())
    assert found[:5] == ["stop_web_1", "stop_WEB_1_2", "stop_web_1_3", "stop", "stop_2"]
    assert len(found[5]) < 100


def test_each_task_comes_after_its_parents_and_leads_to_its_children_either_way():
    run = workflow(compile_plan(plan(action(1, 3), action(2, 3, 1), action(3)), "ALWAYS"))
    assert list(run["tasks"]) == ["stop_web", "stop_web_2", "stop_web_3", "report_plan"]
    first, second, third, last = run["tasks"].values()
    assert first["on-complete"] == ["stop_web_2", "stop_web_3"]
    assert second["on-complete"] == ["stop_web_3"]
    assert third["on-complete"] == ["report_plan"]
    assert [task.get("join") for task in run["tasks"].values()] == [None, None, "all", None]
    assert first["input"] == {
        "plan": PLAN,
        "action": number(3),
        "parameters": {"resource_id": number(3)},
    }
    assert last["input"] == {"output": {"report": "<% plan_report() %>"}}


def next_of(task):
    return task.get("on-complete") or task["on-success"]


STATE = compile_module._STATE


def test_a_chain_of_alternatives_is_branches_past_what_is_not_needed():
    run = workflow(compile_plan(plan(action(1), action(2, 1), action(3, 2)), "ANY"))
    first, second, third, _ = run["tasks"].values()
    assert first["on-success"] == [
        {"report_plan": f"<% {STATE} = SUCCEEDED %>"},
        {"stop_web_2": f"<% {STATE} != SUCCEEDED %>"},
    ]
    assert first["on-error"] == ["stop_web_2"]
    assert [next(iter(edge)) for edge in second["on-success"]] == ["report_plan", "stop_web_3"]
    assert third["on-success"] == third["on-error"] == ["report_plan"]
    assert not any("join" in task for task in run["tasks"].values())
    # only the third may be reached without need, when a person runs the first again
    asked = [task["input"].get("satisfied") for task in (first, second, third)]
    assert asked == [None, None, "<% satisfied_by([stop_web_2]) %>"]


@pytest.mark.parametrize(
    ("actions", "rule", "join"),
    [
        ([action(1), action(2, 1)], "ANY", None),
        ([action(1), action(2, 1), action(3)], "ANY", 2),
        ([action(1), action(2, 1), action(3), action(4, 3), action(5)], "ANY", 3),
        ([action(1), action(2, 1), action(3), action(4, 3), action(5, 3)], "ANY", 3),
        ([action(1), action(2)], "ANY", "all"),
        ([action(1), action(2), action(3, 1, 2)], "ANY", None),
        ([action(1), action(2, 1), action(3)], "ALWAYS", "all"),
    ],
)
def test_the_report_waits_once_for_each_chain_and_for_each_other_end(actions, rule, join):
    run = workflow(compile_plan(plan(*actions), rule))
    assert run["tasks"]["report_plan"].get("join") == join


def test_only_where_paths_part_or_meet_an_alternative_asks_whether_it_is_needed():
    made = plan(action(1), action(2, 1), action(3, 1), action(4), action(5, 4))
    tasks = workflow(compile_plan(made, "ANY"))["tasks"]
    asked = {
        name: task["input"].get("satisfied") for name, task in tasks.items() if "workflow" in task
    }
    assert asked == {
        "stop_web": None,
        "stop_web_2": None,
        "stop_web_3": "<% satisfied_by([stop_web]) %>",
        "stop_web_4": "<% satisfied_by([stop_web]) %>",
        "stop_web_5": None,
    }
    always = workflow(compile_plan(made, "ALWAYS"))["tasks"].values()
    assert not any("satisfied" in task.get("input", {}) for task in always)


@pytest.mark.parametrize(
    ("actions", "rule", "said"),
    [
        ([action(1), action(2, 1)], "ALWAYS", ["Rule ALWAYS"]),
        ([action(1), action(2, 1)], "ANY", ["Rule ANY", "In a chain"]),
        ([action(1), action(2), action(3, 1, 2)], "ANY", ["Rule ANY", "several parents"]),
        (
            [action(1), action(2, 1), action(3), action(4, 3), action(5, 3)],
            "ANY",
            ["Rule ANY", "In a chain", "several parents"],
        ),
    ],
)
def test_comments_above_the_tasks_say_which_rule_decides_and_how(actions, rule, said):
    text = compile_plan(plan(*actions), rule).text
    comments = " ".join(line for line in text.splitlines()[2:] if line.lstrip().startswith("#"))
    every = ["Rule ALWAYS", "Rule ANY", "In a chain", "several parents"]
    assert [words for words in every if words in comments] == said


@pytest.mark.parametrize(
    ("parents", "chained"),
    [
        ({1: [], 2: [1], 3: [2]}, [[1, 2, 3]]),
        ({1: []}, [[1]]),
        ({1: [], 2: [1], 3: [1]}, []),
        ({1: [], 2: [], 3: [1, 2]}, []),
        ({1: [], 2: [1], 3: [1, 2]}, []),
        ({1: [], 2: [1], 3: [2], 4: [2], 5: [], 6: [5]}, [[5, 6]]),
        ({1: [], 2: [], 3: [1, 2], 4: [3], 5: [4]}, []),
    ],
)
def test_a_chain_neither_branches_nor_joins_anywhere(parents, chained):
    made = plan(*(action(n, *above) for n, above in parents.items()))
    assert chains(made.actions) == [[number(n) for n in chain] for chain in chained]


def test_a_rollback_has_the_edges_of_the_plan_the_other_way_round():
    made = plan(action(1), action(2, 1, type_="start"), action(3, 1, type_="evacuate"))
    rollback = workflow(compile_plan(made, "ALWAYS"), "rollback")["tasks"]
    assert {name: task.get("workflow") for name, task in rollback.items()} == {
        "undo_evacuate_web": "recovery.action.nop",
        "undo_start_web": "recovery.action.stop",
        "undo_stop_web": "recovery.action.start",
        "report_rollback": None,
    }
    assert rollback["undo_start_web"]["on-complete"] == ["undo_stop_web"]
    assert rollback["undo_stop_web"]["join"] == "all"
    asked = f"<% undo_parameters('{PLAN}', start_web) %>"
    told = {"plan": None, "action": number(2), "parameters": asked}
    assert rollback["undo_start_web"]["input"] == told
    assert rollback["undo_evacuate_web"]["input"]["parameters"] is None


def test_what_changes_nothing_is_left_out_of_a_rollback_and_its_order_is_kept():
    nop = {"type_": "nop"}
    made = plan(action(1), action(2, 1, **nop), action(3, 2), action(4, 3, is_skipped=True))
    rollback = workflow(compile_plan(made, "ALWAYS"), "rollback")["tasks"]
    assert list(rollback) == ["undo_stop_web_2", "undo_stop_web", "report_rollback"]
    assert rollback["undo_stop_web_2"]["on-complete"] == ["undo_stop_web"]


def test_leaving_a_task_out_of_a_rollback_never_costs_edges():
    above, below = range(1, 6), range(7, 12)
    made = plan(
        *(action(n) for n in above),
        action(6, *above, type_="sleep"),
        *(action(n, 6) for n in below),
    )
    rollback = workflow(compile_plan(made, "ALWAYS"), "rollback")["tasks"]
    assert "undo_sleep_web" in rollback
    assert sum(map(len, map(next_of, rollback.values()))) == 16  # with the report's


def test_a_plan_of_what_changes_nothing_has_nothing_to_roll_back():
    made = plan(action(1, type_="nop"), action(2, 1, type_="nop"), action(3, 2, 1, type_="sleep"))
    assert list(workflow(compile_plan(made, "ANY"), "rollback")["tasks"]) == ["report_rollback"]


@pytest.mark.parametrize("rule", ["ANY", "ALWAYS"])
def test_a_chain_can_be_read_back_from_the_definition(rule):
    chains = plan(action(1), action(2, 1), action(3, 2), action(4), action(5, 4))
    graph = graph_of(workflow(compile_plan(chains, rule)))
    assert {node.action: node.parents for node in graph.nodes.values()} == {
        number(1): (),
        number(2): ("stop_web",),
        number(3): ("stop_web_3",),
        number(4): (),
        number(5): ("stop_web_2",),
    }


@pytest.mark.parametrize("rule", ["ANY", "ALWAYS"])
def test_the_graph_can_be_read_back_from_the_definition(rule):
    run = workflow(compile_plan(plan(action(1), action(2, 1), action(3, 1, 2)), rule))
    graph = graph_of(run)
    assert graph.rule == rule
    assert {node.action: (node.type, node.parents) for node in graph.nodes.values()} == {
        number(1): ("stop", ()),
        number(2): ("stop", ("stop_web",)),
        number(3): ("stop", ("stop_web", "stop_web_2")),
    }


def test_a_cycle_is_found_and_told_from_its_least_action():
    assert cycle({"c": ["b"], "b": ["a"], "a": ["c"], "d": ["a"]}) == ["a", "c", "b"]
    assert cycle({"a": ["b"], "b": ["x"]}) == []
    assert cycle({"a": ["a"]}) == ["a"]


def test_the_graph_as_mermaid_and_as_graphviz():
    graph = graph_of(workflow(compile_plan(plan(action(1), action(2, 1)), "ANY")))
    states = {"stop_web": ActionState("FAILED"), "stop_web_2": ActionState("PENDING")}
    assert mermaid(graph, states).splitlines() == [
        "flowchart TD",
        '    a1["stop_web<br/>FAILED"]',
        '    a2["stop_web_2<br/>PENDING"]',
        "    a1 --> a2",
        "    classDef failed fill:#ffcdd2",
        "    class a1 failed",
    ]
    assert mermaid(graph).splitlines()[1] == '    a1["stop_web"]'
    assert graphviz(graph, states).splitlines() == [
        "digraph plan {",
        "    node [shape=box, style=filled, fillcolor=white]",
        '    "stop_web" [label="stop_web\\nFAILED", fillcolor="#ffcdd2"]',
        '    "stop_web_2" [label="stop_web_2\\nPENDING"]',
        '    "stop_web" -> "stop_web_2"',
        "}",
    ]


def close(n, *parents):
    parameters = {"resource_id": "1", "resource_name": f"host{n}", "state": "disabled"}
    parents = tuple(number(one) for one in parents)
    return Action(number(n), "change_nova_service_state", parameters, parents, f"host{n}")


def rolled_back(*actions):
    """Return for each task of the rollback the tasks that lead to it."""
    tasks = workflow(compile_plan(plan(*actions), "ALWAYS"), "rollback")["tasks"]
    led = {name: set() for name in tasks}
    for name, task in tasks.items():
        for target in next_of(task):
            if isinstance(target, str):  # report_rollback: fails on a condition
                led[target].add(name.removeprefix("undo_"))
    return {name.removeprefix("undo_"): before for name, before in led.items()}


def test_a_host_that_the_plan_closed_is_opened_before_anything_goes_back_to_it():
    """Nova moves no server to a host that is disabled."""
    closed = "change_nova_service_state_host1"
    found = rolled_back(close(1), action(2, 1, name="a"), action(3, 2, name="b"))
    assert found == {
        closed: set(),
        "stop_b": {closed},
        "stop_a": {"stop_b"},
        "report_rollback": {"stop_a"},
    }


def test_what_came_before_a_closed_host_is_still_undone_last():
    closed = "change_nova_service_state_host2"
    found = rolled_back(action(1, name="a"), close(2, 1), action(3, 2, name="b"))
    assert found == {
        closed: set(),
        "stop_b": {closed},
        "stop_a": {closed, "stop_b"},
        "report_rollback": {"stop_a"},
    }


@pytest.mark.parametrize("seed", range(20))
def test_opening_hosts_first_makes_no_cycle_and_loses_no_order(seed):
    chance = random.Random(seed)
    actions, above = [], {}
    for n in range(1, 9):
        parents = [p for p in range(1, n) if chance.random() < 0.4]
        above[n] = set(parents).union(*(above[p] for p in parents))
        is_closed = chance.random() < 0.4
        actions.append(close(n, *parents) if is_closed else action(n, *parents, name=str(n)))
    names = task_names(plan(*actions))
    led = rolled_back(*actions)
    order = parents_of_all(led)
    closed = {n for n in above if actions[n - 1].type != "stop"}
    for n, ancestors in above.items():
        for ancestor in ancestors:
            first, last = (ancestor, n) if ancestor in closed else (n, ancestor)
            if not {n, ancestor} <= closed and n not in closed:
                assert names[number(first)] in order[names[number(last)]], f"seed {seed}"


def parents_of_all(led):
    """Return all that comes before each task; a cycle is a RecursionError."""

    def all_before(name):
        return led[name].union(*(all_before(one) for one in led[name]))

    return {name: all_before(name) for name in led}


def test_tasks_that_wait_for_the_same_ones_wait_once_and_the_graph_is_what_it_was():
    """Mistral does not come to an end with ten joins of ten, as Watcher makes them."""
    first, second = range(1, 11), range(11, 21)
    actions = [action(n, name=str(n)) for n in first]
    actions += [action(n, *first, name=str(n)) for n in second]
    made = plan(*actions, action(30, 11, 12, name="30"))
    for name in ("run", "rollback"):
        found = workflow(compile_plan(made, "ANY"), name)
        tasks = found["tasks"]
        assert [task for task in tasks if tasks[task].get("join")].count("layer_1") == 1
        assert sum(map(len, map(next_of, tasks.values()))) < 50
        graph = graph_of(found)
        edges = sum(len(node.parents) for node in graph.nodes.values())
        assert edges == 102
    assert graph_of(workflow(compile_plan(made, "ANY"))).nodes["stop_15"].parents == tuple(
        f"stop_{n}" for n in first
    )
