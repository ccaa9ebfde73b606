"""Lanes: never more of a plan at work than there are, and nothing else is changed."""

import graphlib

from hypothesis import given
from hypothesis import strategies as st

from driver.plans import lanes
from driver.plans.compile import compile_plan
from driver.plans.lanes import places
from mistral_actions.action_plan.states import graph_of
from tests.unit.driver.plans.test_compile import action, next_of, plan, workflow


@st.composite
def graphs(draw):
    """Parents of things, in an order with parents first."""
    size = draw(st.integers(0, 30))
    some = st.lists(st.integers(0, 29), max_size=3, unique=True)
    return {str(n): [str(p) for p in draw(some) if p < n] for n in range(size)}


def most_at_work(parents):
    """Return the size of the largest set of things of which none waits for another (Dilworth)."""
    above = {}
    for one in graphlib.TopologicalSorter(parents).static_order():
        above[one] = set(parents[one]).union(*(above[p] for p in parents[one]))
    matched = {}

    def place(one, tried):
        for other in above[one] - tried:
            tried.add(other)
            if other not in matched or place(matched[other], tried):
                matched[other] = one
                return True
        return False

    return len(above) - sum(place(one, set()) for one in above)


@given(graphs(), st.integers(1, 6))
def test_no_more_are_at_work_than_there_are_lanes(parents, window):
    behind = places(list(parents), parents, window)
    waits = {one: [*parents[one], *([behind[one]] if one in behind else [])] for one in parents}
    assert most_at_work(waits) <= window
    assert all(last not in parents[one] for one, last in behind.items())
    if most_at_work(parents) == len(parents) <= window:
        assert behind == {}


def test_what_belongs_together_stays_together_in_a_lane():
    """The alternative, or what undoes something, comes before what has nothing to do with it."""
    parents = {"a1": [], "b1": [], "c1": [], "a2": ["a1"], "b2": ["b1"], "c2": ["c1"]}
    assert places(list(parents), parents, 1) == {"b1": "a2", "c1": "b2"}


def test_a_plan_of_many_keeps_its_graph_and_few_lead_to_its_report(monkeypatch):
    monkeypatch.setattr(lanes, "WINDOW", 3)
    many = plan(*(action(n, name=str(n)) for n in range(1, 11)), action(11, 1, 2, 10, name="11"))
    for name, report in (("run", "report_plan"), ("rollback", "report_rollback")):
        found = workflow(compile_plan(many, "ALWAYS"), name)
        assert sum(report in next_of(task) for task in found["tasks"].values()) <= 3
        nodes = {node.action: node.parents for node in graph_of(found).nodes.values()}
        edges = sum(map(len, nodes.values()))
        assert edges == 3
    run = graph_of(workflow(compile_plan(many, "ALWAYS")))
    assert sorted(run.nodes["stop_11"].parents) == ["stop_1", "stop_10", "stop_2"]


def test_a_plan_of_few_has_no_lanes():
    few = plan(*(action(n, name=str(n)) for n in range(1, lanes.WINDOW + 1)))
    tasks = workflow(compile_plan(few, "ALWAYS"))["tasks"]
    assert all("tags" not in task for task in tasks.values())
