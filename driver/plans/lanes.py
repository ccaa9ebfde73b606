"""Lanes: how a plan of many actions is kept from being ready all at once.

Mistral takes an action for dead that has waited in its queue for longer than the heartbeat, and
runs it again beside itself. So no more than `WINDOW` actions of a plan are ever at work: they stand
in so many lanes, and in each one comes behind the other. That is an order besides that of the plan,
and it changes none of what an action depends on. A plan that cannot have so many at work stays as
it is.
"""

from collections.abc import Collection, Mapping, Sequence

WINDOW = 25


def places(
    order: Sequence[str], parents: Mapping[str, Collection[str]], window: int
) -> dict[str, str]:
    """Return for some things the one that each must wait for, besides its parents.

    :param order: parents first.
    :param parents: by thing; those that are not in it themselves do not matter.
    :param window: how many lanes there are.
    """
    above = _ancestors(order, parents)
    if _fewest_lanes(order, above) <= window:
        return {}
    lanes: list[list[str]] = [[] for _ in range(min(window, len(order)))]
    ends: dict[str, int] = {}
    behind: dict[str, str] = {}
    waiting = list(order)
    while waiting:
        lane = min(lanes, key=lambda one: ends[one[-1]] if one else 0)
        own = _next(lane, waiting, parents, ends)
        waiting.remove(own)
        known = [ends[one] for one in (*parents[own], *lane[-1:]) if one in ends]
        ends[own] = 1 + max(known, default=0)
        if lane and lane[-1] not in above[own]:
            behind[own] = lane[-1]
        lane.append(own)
    return behind


def _ancestors(
    order: Sequence[str], parents: Mapping[str, Collection[str]]
) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in order:
        own = [parent for parent in parents[one] if parent in found]
        found[one] = set(own).union(*(found[parent] for parent in own))
    return found


def _fewest_lanes(order: Sequence[str], above: Mapping[str, set[str]]) -> int:
    """Return in how many lanes all can stand without waiting for more than they do; a few more."""
    last: list[str] = []
    for one in order:
        place = next((n for n, end in enumerate(last) if end in above[one]), len(last))
        last[place : place + 1] = [one]
    return len(last)


def _next(
    lane: Sequence[str],
    waiting: Sequence[str],
    parents: Mapping[str, Collection[str]],
    ends: Mapping[str, int],
) -> str:
    """Return what comes next in a lane: a child of its last, else what could begin first."""
    left = set(waiting)
    ready = [one for one in waiting if left.isdisjoint(parents[one])]
    for one in ready:
        if lane and lane[-1] in parents[one]:
            return one
    return min(ready, key=lambda one: max((ends[p] for p in parents[one] if p in ends), default=0))
