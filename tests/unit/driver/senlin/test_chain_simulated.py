"""Random chains and random deaths of the engine: what must hold wherever it dies."""

import collections

from hypothesis import given, settings
from hypothesis import strategies as st

from driver.senlin import chain
from driver.senlin.model import CONTINUE, NAMES, STOP, WORKFLOW, ChainStep, RecoveryChain
from driver.senlin.state import Answer
from tests.unit.driver.senlin.fake_adapter import FakeAdapter, Killed, decided

ENDS = ["SUCCESS", "SUCCESS", "SUCCESS", "ERROR", "CANCELLED", "PAUSED"]
MOST_ENGINES = 60

steps = st.builds(
    lambda name, workflow, on_error, on_paused: (
        ChainStep(name, workflow=workflow, timeout=120, on_error=on_error, on_paused=on_paused)
        if name == WORKFLOW
        else ChainStep(name)
    ),
    st.sampled_from(NAMES),
    st.sampled_from(["a", "b", "c", "missing"]),
    st.sampled_from([STOP, CONTINUE]),
    st.sampled_from(["wait", "fail"]),
)


@settings(print_blob=True, deadline=None, max_examples=300)
@given(
    chosen=st.lists(steps, min_size=1, max_size=5),
    ends=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(ENDS)),
    looks=st.integers(0, 4),
    deaths=st.lists(st.integers(1, 120), max_size=12),
    away=st.integers(0, 6),
    lost=st.booleans(),
)
def test_whenever_engines_die_the_chain_ends_and_nothing_is_done_twice(
    chosen, ends, looks, deaths, away, lost
):
    adapter = FakeAdapter(ends, looks)
    adapter.away, adapter.lose_answer = away, lost
    adapter.deaths.extend(sorted(set(deaths)))
    recovery = RecoveryChain(tuple(chosen))
    outcome = None
    for number in range(MOST_ENGINES):
        decision = decided(adapter, recovery, f"action-{number}")
        assert decision.answer is (Answer.RESUME if adapter.data else Answer.BEGIN)
        try:
            outcome = chain.run(recovery.steps, decision.state, adapter)
            break
        except Killed:
            adapter.clock += 10
    assert outcome is not None, "the chain did not end"
    _each_execution_once(adapter)
    _operations_in_order(adapter, chosen)
    done = len(outcome.state.notes)
    assert done == len(chosen) if not outcome.failure else done < len(chosen)
    assert all(seen.state != "RUNNING" for seen in adapter.executions.values())


def _each_execution_once(adapter):
    ids = collections.defaultdict(set)
    for _, step, execution in adapter.posts:
        ids[step].add(execution)
    assert all(len(of_step) == 1 for of_step in ids.values()), "a step was posted under two ids"
    assert len({next(iter(of_step)) for of_step in ids.values()}) == len(ids)


def _operations_in_order(adapter, chosen):
    wanted = [step.name for step in chosen if step.name != WORKFLOW]
    assert [name for name, _ in adapter.nova] == wanted[: len(adapter.nova)]
