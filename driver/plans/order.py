"""The order of a plan's actions."""

import graphlib
from collections.abc import Collection, Iterable, Mapping

from driver.plans.model import Action


def cycle(parents: Mapping[str, Collection[str]]) -> list[str]:
    """Return actions that wait for each other, each for the next one; empty if there are none.

    :param parents: by uuid; parents that are not in it themselves do not matter.
    """
    try:
        graphlib.TopologicalSorter(parents).prepare()
    except graphlib.CycleError as error:
        loop: list[str] = error.args[1][:-1]  # the first one stands at its end again
        waits = loop[::-1]  # there, each one is a parent of the next
        least = waits.index(min(waits))
        return waits[least:] + waits[:least]
    return []


def parents_first(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Order actions by the length of the longest way to them, then by uuid.

    :param actions: of a graph without cycles.
    """
    by_uuid = {action.uuid: action for action in actions}
    before = {uuid: action.parents for uuid, action in by_uuid.items()}
    depth: dict[str, int] = {}
    for uuid in graphlib.TopologicalSorter(before).static_order():
        depth[uuid] = 1 + max((depth[parent] for parent in before[uuid]), default=0)
    return tuple(sorted(by_uuid.values(), key=lambda one: (depth[one.uuid], one.uuid)))


def children_of(actions: Collection[Action]) -> dict[str, list[str]]:
    """Return the uuids of each action's children, in the order of the actions."""
    found: dict[str, list[str]] = {action.uuid: [] for action in actions}
    for action in actions:
        for parent in action.parents:
            found[parent].append(action.uuid)
    return found


def chains(actions: Collection[Action]) -> list[list[str]]:
    """Return the parts of a graph that are chains: nothing branches or joins there.

    :param actions: of a graph without cycles. One alone is a chain, too.
    :returns: the uuids of each, parents first.
    """
    parents = {action.uuid: action.parents for action in actions}
    children = children_of(actions)
    found = []
    for uuid in (uuid for uuid, above in parents.items() if not above):
        chain = [uuid]
        while len(children[chain[-1]]) == 1:
            chain += children[chain[-1]]
        if not children[chain[-1]] and all(len(parents[one]) <= 1 for one in chain):
            found.append(chain)
    return found
