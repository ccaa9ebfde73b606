"""The rules of action plans as a plain model: what becomes of each action, and of the plan.

It says what must come out, given what each action would come to if it ran; the tests compare what
comes out of Mistral with it. Nothing here knows of Mistral.
"""

from collections.abc import Collection, Mapping

from driver.plans.model import ANY

SUCCEEDED, FAILED, SKIPPED = "SUCCEEDED", "FAILED", "SKIPPED"


def outcome(
    parents: Mapping[str, Collection[str]], rule: str, would: Mapping[str, str]
) -> tuple[dict[str, str], str, set[str]]:
    """Return the end of each action, that of the plan, and which actions are not needed.

    :param parents: the parents of each action, in any order; no cycles.
    :param rule: ALWAYS or ANY.
    :param would: SUCCEEDED, FAILED or SKIPPED (by its own check or by an administrator): the end
        of each action if it runs.
    """
    ends: dict[str, str] = {}
    needless: set[str] = set()
    while len(ends) < len(parents):
        for one, its_parents in parents.items():
            if one in ends or any(parent not in ends for parent in its_parents):
                continue
            ends[one] = would[one]
            if rule == ANY and any(
                ends[parent] == SUCCEEDED or parent in needless for parent in its_parents
            ):
                ends[one] = SKIPPED
                needless.add(one)
    failed = [one for one in ends if ends[one] == FAILED]
    if rule == ANY:
        failed = [one for one in failed if not _made_good(one, parents, ends)]
    return ends, FAILED if failed else SUCCEEDED, needless


def _made_good(
    failed: str, parents: Mapping[str, Collection[str]], ends: Mapping[str, str]
) -> bool:
    """Say whether an alternative, or an alternative to that and so on, has succeeded."""
    alternatives = [one for one, its_parents in parents.items() if failed in its_parents]
    return any(ends[one] == SUCCEEDED or _made_good(one, parents, ends) for one in alternatives)
