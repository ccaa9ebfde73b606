"""The plans that are measured: ``nop`` actions in some shapes."""

import uuid

from driver.plans.model import ANY, Action, Plan

LAYER = 10  # actions in a layer
CHAIN, PAIRS, LAYERS, INDEPENDENT, FULL = "chain", "pairs", "layers", "independent", "full"
SHAPES = {
    CHAIN: lambda n: [n - 1] if n else [],
    # many chains of two, as a strategy makes them that names a second destination per server
    PAIRS: lambda n: [n - 1] if n % 2 else [],
    LAYERS: lambda n: _two_of_the_layer_before(n) if n >= LAYER else [],
    INDEPENDENT: lambda _: [],
    # each action waits for the whole layer before
    FULL: lambda n: list(range(n // LAYER * LAYER - LAYER, n // LAYER * LAYER)) if n >= LAYER
    else [],
}


def make_plan(shape: str, actions: int) -> Plan:
    """Return a new plan, parents first, whose actions are named after their places in it.

    :param shape: one of ``SHAPES``.
    """
    ids = [str(uuid.UUID(int=number)) for number in range(1, actions + 1)]
    return Plan(str(uuid.uuid4()), tuple(
        Action(own, "nop", {}, tuple(sorted(ids[parent] for parent in SHAPES[shape](number))),
               f"{number:03}")
        for number, own in enumerate(ids)))


def expected(plan: Plan, rule: str) -> dict[str, str]:
    """Return the state in which each action must end, by uuid: no action fails."""
    return {action.uuid: "SKIPPED" if rule == ANY and action.parents else "SUCCEEDED"
            for action in plan.actions}


def _two_of_the_layer_before(number):
    first, place = number // LAYER * LAYER - LAYER, number % LAYER
    return [first + place, first + (place + 1) % LAYER]
