"""Read action plans: Watcher's, as its client and its API show them, and the pack's own files.

Watcher's is the output of ``openstack optimize actionplan show UUID -f json`` followed by that of
``openstack optimize action list --action-plan UUID --detail --limit 0 -f json``; the list alone
is enough if the strategy does not matter. The pack's own format is described in ``schema.json``.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from driver.plans.model import RULES, Action, Plan, PlanError
from driver.plans.order import cycle, parents_first
from driver.plans.types import ACTION_TYPES, UUID
from driver.text.messages import listed, nearest, shown
from driver.text.problems import Place, Problem
from driver.text.strict_yaml import YamlNode, read_documents

_PLAN_KEYS = ("uuid", "strategy", "rule", "actions")
_ACTION_KEYS = ("uuid", "type", "parameters", "parents", "name", "state")
# Watcher's names, in lower case and without spaces, and ours
_WATCHER = {
    "action": "type",
    "action_type": "type",
    "input_parameters": "parameters",
    "strategy_name": "strategy",
    "action_plan": "plan",
    "action_plan_uuid": "plan",
}
_PLAN_STATES = ("RECOMMENDED", "PENDING")
_ACTION_STATES = ("PENDING", "SKIPPED")
_ENDS = "it was carried out, or given up, elsewhere"


def read_plan(text: str, file: str) -> Plan:
    """Read an action plan.

    :param text: YAML or JSON.
    :param file: name of the file, for messages.
    :raises PlanError: all that is wrong with it, each with its place.
    """
    problems: list[Problem] = []
    documents = read_documents(text, file, problems)
    if problems:
        raise PlanError(problems)
    reader = _Reader(file)
    plan = reader.plan(documents)
    if reader.problems or plan is None:
        raise PlanError(reader.problems)
    return plan


class _Reader:
    """Gathers what is wrong while it reads."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[Problem] = []

    def plan(self, documents: list[YamlNode]) -> Plan | None:
        shows = [one for one in documents if isinstance(one.value, dict)]
        lists = [one for one in documents if isinstance(one.value, list)]
        for one in documents:
            if one not in shows and one not in lists:
                self._say(one.place, f"{shown(one.value)} is no action plan")
        whole = [one for one in shows if "actions" in one.value]
        own = [one for one in whole if not _is_watchers(one)]
        if own and len(documents) == 1:
            return self._own(own[0])
        lists += [one.value["actions"] for one in whole]
        shows = [one for one in shows if one not in whole or "uuid" in one.value]
        if len(lists) != 1 or len(shows) > 1:
            place = documents[-1].place if documents else Place(self._file, 1)
            found = f"{len(shows)} of plans and {len(lists)} of lists of actions"
            hint = "expected is one plan with its `actions`, or Watcher's plan and its actions"
            self._say(place, f"not one action plan but {found}; {hint}")
            return None
        return self._watchers(shows[0] if shows else None, lists[0])

    def _own(self, document: YamlNode) -> Plan | None:
        fields = self._fields(document, _PLAN_KEYS, ("uuid", "actions"))
        rule = self._text(fields, "rule")
        if rule is not None and rule not in RULES:
            hint = nearest(rule.upper(), RULES)
            self._say(fields["rule"].place, f"{shown(rule)} is no rule: {listed(RULES)}{hint}")
        listing = self._items(fields.get("actions"), "a list of actions")
        found = [self._fields(item, _ACTION_KEYS, ("uuid", "type")) for item in listing]
        uuid = self._uuid(fields, "uuid")
        return self._finish(uuid, found, self._text(fields, "strategy"), rule)

    def _watchers(self, show: YamlNode | None, listing: YamlNode) -> Plan | None:
        fields = _renamed(show) if show else {}
        uuid = self._uuid(fields, "uuid") if show else None
        state = self._text(fields, "state")
        if state is not None and state not in _PLAN_STATES:
            place = fields["state"].place
            wanted = " or ".join(_PLAN_STATES)
            self._say(place, f"the plan is {shown(state)} in Watcher, not {wanted}: {_ENDS}")
        found = []
        for item in self._items(listing, "a list of actions"):
            if not isinstance(item.value, dict):
                self._say(item.place, f"{shown(item.value)} is no action")
                continue
            action = _renamed(item)
            found.append(action)
            for key in ("uuid", "type"):
                self._require(action, key, item.place)
            if "parameters" not in action:
                self._say(item.place, "no parameters: list the actions with --detail")
            plan = self._uuid(action, "plan") if "plan" in action else None
            uuid = uuid or plan
            if plan and plan != uuid:
                self._say(action["plan"].place, f"an action of another plan, {plan}, not {uuid}")
        if uuid is None and show is None:
            self._say(listing.place, "the plan's uuid is missing: no action says its plan")
        return self._finish(uuid, found, self._text(fields, "strategy"), None)

    def _finish(
        self,
        uuid: str | None,
        found: list[dict[str, YamlNode]],
        strategy: str | None,
        rule: str | None,
    ) -> Plan | None:
        actions = [(fields, self._action(fields)) for fields in found if fields]
        known = [(fields, one) for fields, one in actions if one]
        self._check_graph(known)
        if self.problems or uuid is None:
            return None
        return Plan(uuid, parents_first(one for _, one in known), strategy, rule)

    def _action(self, fields: dict[str, YamlNode]) -> Action | None:
        uuid = self._uuid(fields, "uuid")
        type_ = self._text(fields, "type")
        parents = [
            self._as_uuid(item)
            for item in self._items(fields.get("parents"), "a list of uuids", missing=True)
        ]
        state = self._text(fields, "state")
        if state is not None and state not in _ACTION_STATES:
            self._say(
                fields["state"].place,
                f"the action is {shown(state)}, not {' or '.join(_ACTION_STATES)}: {_ENDS}",
            )
        if type_ is not None and type_ not in ACTION_TYPES:
            hint = nearest(type_, ACTION_TYPES) or f"; there are {listed(ACTION_TYPES)}"
            self._say(fields["type"].place, f"unknown type of action {shown(type_)}{hint}")
        name = self._text(fields, "name")
        if uuid is None or type_ is None:
            return None
        parameters = self._parameters(type_, fields) if type_ in ACTION_TYPES else {}
        return Action(
            uuid,
            type_,
            parameters,
            tuple(sorted({parent for parent in parents if parent})),
            name or parameters.get("resource_name") or parameters.get("resource_id"),
            state == "SKIPPED",
        )

    def _parameters(self, type_: str, fields: dict[str, YamlNode]) -> Mapping[str, Any]:
        known = ACTION_TYPES[type_].parameters
        node = fields.get("parameters")
        given: dict[str, YamlNode] = {}
        if node is not None and isinstance(node.value, dict):
            given = node.value
        elif node is not None and node.value is not None:
            self._say(node.place, f"{shown(node.value)} is no mapping of parameters")
            return {}
        place = node.place if node else fields["type"].place
        for name, parameter in known.items():
            if parameter.is_required and name not in given:
                self._say(place, f"{type_} needs the parameter {name!r}")
        for name, value in given.items():
            if name not in known:
                hint = nearest(name, known) or f"; there are {listed(known)}"
                self._say(value.place, f"{type_} has no parameter {shown(name)}{hint}")
                continue
            wrong = known[name].problem(value.plain())
            if wrong:
                self._say(value.place, f"{name} {wrong}")
        return {name: value.plain() for name, value in given.items()}

    def _check_graph(self, found: list[tuple[dict[str, YamlNode], Action]]) -> None:
        counts = Counter(action.uuid for _, action in found)
        seen: set[str] = set()
        for fields, action in found:
            if action.uuid in seen:
                self._say(fields["uuid"].place, f"the uuid {action.uuid} is given again")
            seen.add(action.uuid)
            for item in fields["parents"].value if action.parents else ():
                parent = str(item.value).lower()
                if parent in action.parents and parent not in counts:
                    hint = nearest(parent, counts, likeness=0.9) or "; was the list cut?"
                    self._say(item.place, f"unknown parent {parent}{hint}")
        loop = cycle({action.uuid: action.parents for _, action in found})
        if loop:
            fields = next(fields for fields, action in found if action.uuid == loop[0])
            way = " after ".join([*loop, loop[0]])
            self._say(fields["parents"].place, f"a cycle, none of them could begin: {way}")

    def _fields(
        self, node: YamlNode, known: tuple[str, ...], required: tuple[str, ...]
    ) -> dict[str, YamlNode]:
        if not isinstance(node.value, dict):
            self._say(node.place, f"{shown(node.value)} is no mapping")
            return {}
        for name, value in node.value.items():
            if name not in known:
                hint = nearest(name, known) or f"; there are {listed(known)}"
                self._say(value.place, f"unknown key {shown(name)}{hint}")
        for name in required:
            self._require(node.value, name, node.place)
        return dict(node.value)

    def _require(self, fields: dict[str, YamlNode], name: str, place: Place) -> None:
        if name not in fields or fields[name].value is None:
            self._say(place, f"{name!r} is missing")

    def _items(self, node: YamlNode | None, what: str, missing: bool = False) -> list[YamlNode]:
        if node is None or (missing and node.value is None):
            return []
        if isinstance(node.value, list):
            return list(node.value)
        self._say(node.place, f"{shown(node.value)} is not {what}")
        return []

    def _text(self, fields: dict[str, YamlNode], name: str) -> str | None:
        node = fields.get(name)
        if node is None or node.value is None:
            return None
        if isinstance(node.value, str) and node.value:
            return node.value
        self._say(node.place, f"{shown(node.plain())} is not a text")
        return None

    def _uuid(self, fields: dict[str, YamlNode], name: str) -> str | None:
        return self._as_uuid(fields[name]) if name in fields else None

    def _as_uuid(self, node: YamlNode) -> str | None:
        if isinstance(node.value, str) and UUID.fullmatch(node.value):
            return node.value.lower()
        self._say(node.place, f"{shown(node.plain())} is not a UUID")
        return None

    def _say(self, place: Place, message: str) -> None:
        self.problems.append(Problem(place, message))


def _is_watchers(document: YamlNode) -> bool:
    """Say whether a document with `actions` is Watcher's: its actions have an `action_type`."""
    listing = document.value["actions"].value
    first = listing[0].value if isinstance(listing, list) and listing else None
    return isinstance(first, dict) and "type" not in first and "type" in _names(first)


def _names(fields: Mapping[str, Any]) -> set[str]:
    return {_WATCHER.get(_plainly(name), _plainly(name)) for name in fields}


def _plainly(name: str) -> str:
    return name.lower().replace(" ", "_")


def _renamed(node: YamlNode) -> dict[str, YamlNode]:
    """Return Watcher's fields under our names; those that it may have besides are not needed."""
    return {
        _WATCHER.get(_plainly(name), _plainly(name)): value for name, value in node.value.items()
    }
