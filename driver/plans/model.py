"""An action plan as plain data."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from driver.errors import DriverError
from driver.text.messages import listed, nearest, shown
from driver.text.problems import ProblemsError

ALWAYS, ANY = "ALWAYS", "ANY"
RULES = (ALWAYS, ANY)


class PlanError(ProblemsError):
    """A plan cannot be carried out as it is."""

    outcome = "nothing was started"


@dataclasses.dataclass(frozen=True)
class Action:
    """One action of a plan.

    :param uuid: its id, in lower case.
    :param type: one of those in ``schema.json``.
    :param parameters: exactly as they shall reach it.
    :param parents: uuids of the actions after which it runs, sorted; none twice.
    :param name: what people call it, or its resource; None: nobody said.
    :param is_skipped: an administrator has taken it out of the plan.
    """

    uuid: str
    type: str
    parameters: Mapping[str, Any]
    parents: tuple[str, ...] = ()
    name: str | None = None
    is_skipped: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    """An action plan: a graph without cycles.

    :param uuid: its id, in lower case; also that of its execution.
    :param actions: parents first, otherwise by uuid: not as the file orders them.
    :param strategy: name of the strategy that made it; None: unknown.
    :param rule: ALWAYS or ANY, where the file says so.
    """

    uuid: str
    actions: tuple[Action, ...]
    strategy: str | None = None
    rule: str | None = None


def choose_rule(
    plan: Plan, given: str | None = None, settings: Mapping[str, Any] | None = None
) -> str:
    """Return the rule by which a plan is carried out: ALWAYS or ANY.

    :param given: for this run; it wins over the plan's own, which wins over the settings.
    :param settings: the Mistral environment ``recovery``; ``action_execution_rule`` in it says
        which strategies have which rule, as in Watcher. A strategy that is not in it: ALWAYS.
    :raises DriverError: what was given, or what is set for this strategy, is no rule.
    """
    if given is not None:
        return _rule(given, "the rule that was given")
    if plan.rule is not None:
        return plan.rule
    rules = (settings or {}).get("action_execution_rule") or {}
    if not isinstance(rules, Mapping):
        where = "action_execution_rule in the Mistral environment 'recovery'"
        raise DriverError(f"{where} must be a mapping of strategies to rules, not {shown(rules)}")
    if plan.strategy not in rules:
        return ALWAYS
    return _rule(rules[plan.strategy], f"action_execution_rule of strategy {shown(plan.strategy)}")


def _rule(value: Any, what: str) -> str:
    if isinstance(value, str) and value.upper() in RULES:
        return value.upper()
    hint = nearest(value, RULES)
    raise DriverError(f"{what} is {shown(value)}; it can be {listed(RULES)}{hint}")
