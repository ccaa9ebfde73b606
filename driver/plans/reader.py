"""Read action plans: Watcher's, as its client and its API show them, and the pack's own files.

Watcher's is the output of ``openstack optimize actionplan show UUID -f json`` followed by that of
``openstack optimize action list --action-plan UUID --detail --limit 0 -f json``, or the same of its
API. The pack's own format is described in ``schema.json``, and what Watcher shows is checked by it
as well, under the names that it has there.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from driver.plans import watcher
from driver.plans.model import Action, Plan, PlanError
from driver.plans.order import cycle, parents_first
from driver.text.json_schemas import problems_of, schema_beside
from driver.text.messages import nearest, shown
from driver.text.problems import Place, Problem
from driver.text.strict_yaml import YamlNode, read_documents
from mistral_actions.inputs import UUID

# The first line of what the client prints without -f json
_TABLE = re.compile(r"^\+-[-+]*\+$", re.MULTILINE)
# What may be left of a word or a number where JSON was cut
_CUT = re.compile(r"[\w.+-]*\s*")


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
    if problems:
        problems = _why_no_documents(text, file) or problems
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


def _why_no_documents(text: str, file: str) -> list[Problem]:
    """Return what is wrong with a client's output that is no JSON; empty: something else."""
    table = _TABLE.search(text)
    if table:
        line = text.count("\n", 0, table.start()) + 1
        return [Problem(Place(file, line), "a table for people: print it with -f json")]
    rest = text.lstrip()
    try:
        while rest.startswith(("{", "[")):
            rest = rest[json.JSONDecoder().raw_decode(rest)[1] :].lstrip()
    except json.JSONDecodeError as error:
        if _CUT.fullmatch(rest, error.pos) or error.msg.startswith("Unterminated string"):
            line = text.rstrip().count("\n") + 1
            return [Problem(Place(file, line), "the JSON ends in the middle: it was cut off here")]
    except (ValueError, RecursionError):  # reported already
        pass
    return []


def _one_plan(documents: list[YamlNode], file: str, problems: list[Problem]) -> YamlNode | None:
    """Return the plan under our names, whoever has made it; None if there is not one."""
    before = len(problems)
    shows = [one for one in documents if isinstance(one.value, dict)]
    lists = [one for one in documents if isinstance(one.value, list)]
    for one in documents:
        if one not in shows and one not in lists:
            problems.append(Problem(one.place, f"{shown(one.value)} is no action plan"))
    problems += filter(None, map(watcher.error_in, shows))
    if len(problems) > before:
        return None
    pages = [one for one in shows if "actions" in one.value]
    if len(documents) == 1 and pages and not watcher.is_watchers(pages[0]):
        return pages[0]
    lists += [one.value["actions"] for one in pages]
    shows = [one for one in shows if one not in pages or "uuid" in one.value]
    if len(lists) != 1 or len(shows) > 1:
        place = documents[-1].place if documents else Place(file, 1)
        found = f"plans found: {len(shows)}, lists of actions: {len(lists)}"
        wanted = "expected one plan with its `actions`, or Watcher's plan and its actions"
        how = "as docs/action-plans.md says"
        problems.append(Problem(place, f"{wanted}, {how}; {found}"))
        return None
    page = pages[0] if pages else None
    return watcher.as_ours(shows[0] if shows else None, lists[0], page, problems)


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
