"""Read action plans: Watcher's, as its client and its API show them, and the pack's own files.

Watcher's is the output of ``openstack optimize actionplan show UUID -f json`` followed by that of
``openstack optimize action list --action-plan UUID --detail --limit 0 -f json``; the list alone
is enough if the strategy does not matter. The pack's own format is described in ``schema.json``,
and what Watcher shows is checked by it as well, under the names that it has there.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from driver.plans.model import Action, Plan, PlanError
from driver.plans.order import cycle, parents_first
from driver.text.json_schemas import problems_of, schema_beside
from driver.text.messages import nearest, shown
from driver.text.problems import Place, Problem
from driver.text.strict_yaml import YamlNode, read_documents
from mistral_actions.inputs import UUID

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
_OPEN = " or ".join(_PLAN_STATES)
_ENDS = "it was carried out, or given up, elsewhere"


def schema() -> Mapping[str, Any]:
    """Return the JSON schema of the pack's own format: the file ``schema.json``."""
    return schema_beside(__file__)


def read_plan(text: str, file: str) -> Plan:
    """Read an action plan.

    :param text: YAML or JSON.
    :param file: name of the file, for messages.
    :raises PlanError: all that is wrong with it, each with its place.
    """
    problems: list[Problem] = []
    documents = read_documents(text, file, problems)
    root = None if problems else _one_plan(documents, file, problems)
    if root:
        problems += [*problems_of(schema(), root), *_wrong_in_graph(root)]
    if problems or not root:
        raise PlanError(problems)
    given = root.plain()
    actions = parents_first(_action(action) for action in given["actions"])
    return Plan(given["uuid"].lower(), actions, given.get("strategy"), given.get("rule"))


def _action(given: Mapping[str, Any]) -> Action:
    parameters = given.get("parameters") or {}
    return Action(
        given["uuid"].lower(),
        given["type"],
        parameters,
        tuple(sorted({parent.lower() for parent in given.get("parents") or ()})),
        given.get("name") or parameters.get("resource_name") or parameters.get("resource_id"),
        given.get("state") == "SKIPPED",
    )


def _one_plan(documents: list[YamlNode], file: str, problems: list[Problem]) -> YamlNode | None:
    """Return the plan under our names, whoever has made it; None if there is not one."""
    shows = [one for one in documents if isinstance(one.value, dict)]
    lists = [one for one in documents if isinstance(one.value, list)]
    for one in documents:
        if one not in shows and one not in lists:
            problems.append(Problem(one.place, f"{shown(one.value)} is no action plan"))
    whole = [one for one in shows if "actions" in one.value]
    if len(documents) == 1 and whole and not _is_watchers(whole[0]):
        return whole[0]
    lists += [one.value["actions"] for one in whole]
    shows = [one for one in shows if one not in whole or "uuid" in one.value]
    if len(lists) != 1 or len(shows) > 1:
        place = documents[-1].place if documents else Place(file, 1)
        found = f"plans found: {len(shows)}, lists of actions: {len(lists)}"
        wanted = "expected one plan with its `actions`, or Watcher's plan and its actions"
        problems.append(Problem(place, f"{wanted}; {found}"))
        return None
    return _watchers(shows[0] if shows else None, lists[0], problems)


def _watchers(show: YamlNode | None, listing: YamlNode, problems: list[Problem]) -> YamlNode | None:
    """Return Watcher's plan as one of ours, without what Watcher says besides."""
    plan = _renamed(show).value if show else {}
    state = plan.get("state")
    if state and state.value not in (None, *_PLAN_STATES):
        message = f"the plan is {shown(state.plain())} in Watcher, not {_OPEN}: {_ENDS}"
        problems.append(Problem(state.place, message))
    items = listing.value if isinstance(listing.value, list) else []
    actions = [_renamed(item) if isinstance(item.value, dict) else item for item in items]
    fields = [action.value for action in actions if isinstance(action.value, dict)]
    if fields and not any("parameters" in action for action in fields):
        message = "the actions have no parameters: list them with --detail"
        problems.append(Problem(listing.place, message))
        return None
    uuids = [plan["uuid"]] if "uuid" in plan else []
    uuids += [action["plan"] for action in fields if "plan" in action]
    for other in uuids[1:]:
        if str(other.value).lower() != str(uuids[0].value).lower():
            message = f"an action of another plan, {other.plain()}, not {uuids[0].plain()}"
            problems.append(Problem(other.place, message))
    whole = {"uuid": uuids[0]} if uuids else {}
    whole["actions"] = dataclasses.replace(listing, value=[_ours(one) for one in actions])
    if "strategy" in plan:
        whole["strategy"] = plan["strategy"]
    return YamlNode((show or listing).place, whole)


def _is_watchers(document: YamlNode) -> bool:
    """Say whether a document with `actions` is Watcher's: its actions have an `action_type`."""
    listing = document.value["actions"].value
    first = listing[0] if isinstance(listing, list) and listing else None
    if first is None or not isinstance(first.value, dict):
        return False
    return "type" not in first.value and "type" in _renamed(first).value


def _renamed(node: YamlNode) -> YamlNode:
    """Return a mapping of Watcher's under our names."""
    plainly = {name.lower().replace(" ", "_"): value for name, value in node.value.items()}
    ours = {_WATCHER.get(name, name): value for name, value in plainly.items()}
    return dataclasses.replace(node, value=ours)


def _ours(action: YamlNode) -> YamlNode:
    """Return an action without the fields of Watcher's that our format does not have."""
    if not isinstance(action.value, dict):
        return action
    known = schema()["definitions"]["action"]["properties"]
    value = {name: field for name, field in action.value.items() if name in known}
    return dataclasses.replace(action, value=value)


def _wrong_in_graph(root: YamlNode) -> Iterator[Problem]:
    """Yield what no schema can find: uuids given twice, unknown parents and cycles."""
    found: dict[str, Mapping[str, YamlNode]] = {}
    for action in _items(root.value.get("actions")):
        uuid = _uuid(action.value.get("uuid")) if isinstance(action.value, dict) else None
        if uuid in found:
            yield Problem(action.value["uuid"].place, f"the uuid {uuid} is given again")
        if uuid:
            found[uuid] = action.value
    parents = {uuid: _parents(action) for uuid, action in found.items()}
    for parent, node in (pair for them in parents.values() for pair in them.items()):
        if parent not in found:
            hint = nearest(parent, found, likeness=0.9) or "; was the list cut?"
            yield Problem(node.place, f"unknown parent {parent}{hint}")
    loop = cycle(parents)
    if loop:
        way = " after ".join([*loop, loop[0]])
        place = found[loop[0]]["parents"].place
        yield Problem(place, f"a cycle, none of them could begin: {way}")


def _parents(action: Mapping[str, YamlNode]) -> dict[str, YamlNode]:
    items = _items(action.get("parents"))
    return {uuid: item for item in items if (uuid := _uuid(item))}


def _items(node: YamlNode | None) -> list[YamlNode]:
    return node.value if node and isinstance(node.value, list) else []


def _uuid(node: YamlNode | None) -> str | None:
    text = node.value if node else None
    return text.lower() if isinstance(text, str) and UUID.fullmatch(text) else None
