"""Watcher's action plans, as its client and its API show them, under our names.

What Watcher does not say is not so: a list without parents hides its order, and a plan without its
state may be running. So both documents must be whole, as the two commands below print them.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from driver.text.messages import listed, shown
from driver.text.problems import Problem
from driver.text.strict_yaml import YamlNode
from mistral_actions.inputs import UUID

SHOW = "openstack optimize actionplan show {} -f json"
LIST = "openstack optimize action list --action-plan {} --detail --limit 0 -f json"

# What must be there: our names, and those of Watcher's client and of its API
OF_A_PLAN = {
    "uuid": ("UUID", "uuid"),
    "state": ("State", "state"),
    "strategy": ("Strategy", "strategy_name"),
}
OF_AN_ACTION = {
    "uuid": ("UUID", "uuid"),
    "plan": ("Action Plan", "action_plan_uuid"),
    "parents": ("Parents", "parents"),
    "state": ("State", "state"),
    "type": ("Action", "action_type"),
    "parameters": ("Parameters", "input_parameters"),
}
_OURS = {
    name.lower().replace(" ", "_"): ours
    for ours, names in (OF_A_PLAN | OF_AN_ACTION).items()
    for name in names
}
_STATES = {
    "PENDING": "Watcher was told to carry it out",
    "ONGOING": "Watcher is carrying it out",
    "SUCCEEDED": "Watcher has carried it out",
    "FAILED": "Watcher has tried to carry it out",
    "CANCELLING": "Watcher is cancelling it",
    "CANCELLED": "it was cancelled there",
    "SUPERSEDED": "a newer plan has replaced it there",
    "DELETED": "it was deleted there",
}
# Watcher of Ocata had `Next Action` and `first_action_uuid`; nobody knows what will come
_ORDER = re.compile(
    "parent|child|next|prev|depend|after|before|order|sequen|priorit|predecess|successor|follow"
    "|first|require|wait",
    re.IGNORECASE,
)
_ERRORS = ("error_message", "errors", "error", "faultstring")
_VOID: tuple[object, ...] = (None, "", [], {})
_EXPLANATIONS = ("faultstring", "detail", "message", "title")


class _Record:
    """A plan or an action, with its fields under our names."""

    def __init__(self, node: YamlNode) -> None:
        self.node = node
        self.fields: Mapping[str, YamlNode] = {
            _ours(name): value for name, value in node.value.items()
        }

    def has(self, name: str) -> bool:
        """Say whether a field has a value. A plan may have no strategy, if it says so.

        The client prints an empty text for what the API did not give.
        """
        empty = ("",) if name == "strategy" else (None, "")
        return name in self.fields and self.fields[name].value not in empty


def is_watchers(document: YamlNode) -> bool:
    """Say whether a document with `actions` is Watcher's: its actions have an `action_type`.

    So is an empty list of actions that names no plan: an answer of Watcher's API.
    """
    listing = document.value["actions"].value
    if not isinstance(listing, list) or not listing:
        return listing == [] and "uuid" not in document.value
    first = listing[0].value
    return isinstance(first, dict) and "type" not in first and "type" in map(_ours, first)


def error_in(document: YamlNode) -> Problem | None:
    """Return what is wrong with a mapping that is an error of Watcher's API; None: it is none."""
    key = next((key for key in _ERRORS if key in document.value), None)
    if key is None or "uuid" in map(_ours, document.value):
        return None
    reason = _reason(document.value[key].plain())
    return Problem(document.place_of([key]), f"this is an error, no action plan: {reason}")


def as_ours(
    show: YamlNode | None, listing: YamlNode, page: YamlNode | None, problems: list[Problem]
) -> YamlNode | None:
    """Return Watcher's plan as one of ours, without what Watcher says besides.

    :param show: the plan; None: there are only its actions.
    :param listing: the actions.
    :param page: the document in which the list stands, if it is not one itself.
    :param problems: what is wrong with the documents as such is added here.
    :returns: None if so much is missing that the rest cannot be checked.
    """
    items = listing.value if isinstance(listing.value, list) else []
    actions = [_Record(item) for item in items if isinstance(item.value, dict)]
    plans = [_Record(show)] if show else []
    uuids = [plan.fields["uuid"] for plan in plans if plan.has("uuid")]
    uuids += [action.fields["plan"] for action in actions if action.has("plan")]
    uuid = next((one.value for one in uuids if UUID.fullmatch(str(one.value))), "<uuid>")
    show_it, list_them = (f"print it whole with `{one.format(uuid)}`" for one in (SHOW, LIST))

    missing = [*_missing(plans, OF_A_PLAN, show_it), *_missing(actions, OF_AN_ACTION, list_them)]
    missing += _for_people(actions, list_them)
    if not show:
        message = "the plan is missing, and with it its state and strategy"
        missing.append(Problem(listing.place, f"{message}; {show_it}, before its actions"))
    if listing.value == []:
        missing.append(Problem(listing.place, f"there are no actions; {list_them}"))
    problems += [*missing, *_hidden_order([*plans, *actions]), *_cut_off(page, list_them)]
    problems += [*_not_free(plans), *_of_others(uuids), *_deleted([*plans, *actions])]
    if missing:
        return None
    whole = {"uuid": uuids[0], "strategy": plans[0].fields["strategy"], "actions": listing}
    if items:
        ours = [_our_action(item) if isinstance(item.value, dict) else item for item in items]
        whole["actions"] = dataclasses.replace(listing, value=ours)
    return YamlNode((show or listing).place, whole)


def _missing(
    records: Sequence[_Record], columns: Mapping[str, tuple[str, str]], hint: str
) -> Iterator[Problem]:
    """Yield the columns that records lack, at the first one that does."""
    lacking: dict[tuple[int, ...], list[str]] = {}
    for name, (of_client, of_api) in columns.items():
        at = tuple(index for index, one in enumerate(records) if not one.has(name))
        if at:
            label = of_api if "uuid" in records[at[0]].node.value else of_client
            lacking.setdefault(at, []).append(shown(label))
    for at, labels in lacking.items():
        verb = "are" if labels[1:] else "is"
        where = f", in {len(at)} of {len(records)} actions" if records[1:] else ""
        message = f"{listed(labels)} {verb} missing{where}; {hint}"
        yield Problem(records[at[0]].node.place, message)


def _for_people(actions: Iterable[_Record], hint: str) -> Iterator[Problem]:
    """Yield the first text that stands for a list or a mapping."""
    for name, wanted in (("parents", "a list of uuids"), ("parameters", "a mapping")):
        texts = (one.fields[name] for one in actions if one.has(name))
        for found in (one for one in texts if isinstance(one.value, str)):
            yield Problem(found.place, f"expected {wanted}, not {shown(found.value)}; {hint}")
            break


def _hidden_order(records: Iterable[_Record]) -> Iterator[Problem]:
    """Yield each key that may say in which order actions run, where it first has a value."""
    found: dict[str, Problem] = {}
    for record in records:
        for key, value in record.node.value.items():
            if _ORDER.search(key) and _ours(key) != "parents" and value.value not in _VOID:
                message = (
                    f"{shown(key)} may say which action comes first, and is not read: since Pike,"
                    " Watcher says it by parents; write an older plan as one of your own"
                    " (docs/action-plans.md)"
                )
                found.setdefault(key, Problem(record.node.place_of([key]), message))
    yield from found.values()


def _cut_off(page: YamlNode | None, hint: str) -> Iterator[Problem]:
    """Yield where an answer of the API says that it is only the first part of a list."""
    if page is None:
        return
    links = page.value["links"].plain() if "links" in page.value else None
    if "next" in page.value and page.value["next"].value not in _VOID:
        rest = shown(page.value["next"].plain())
        message = f"only a part of the list, the rest is at {rest}; {hint}"
        yield Problem(page.place_of(["next"]), message)
    elif isinstance(links, list) and any(
        isinstance(one, dict) and one.get("rel") == "next" for one in links
    ):
        message = f"only a part of the list, it has a link to the rest; {hint}"
        yield Problem(page.place_of(["links"]), message)


def _not_free(plans: Iterable[_Record]) -> Iterator[Problem]:
    """Yield a state in which a plan is not for us to carry out."""
    for plan in plans:
        state = plan.fields.get("state")
        if state and plan.has("state") and _upper(state) != "RECOMMENDED":
            why = _STATES.get(str(_upper(state)), "nobody knows whether it is free")
            message = f"the plan is {shown(state.plain())} in Watcher, not RECOMMENDED: {why}"
            hint = "let an audit recommend a new one"
            yield Problem(state.place, f"{message}; {hint}")


def _of_others(uuids: Sequence[YamlNode]) -> Iterator[Problem]:
    for other in uuids[1:]:
        if str(other.value).lower() != str(uuids[0].value).lower():
            message = f"an action of another plan, {other.plain()}, not {uuids[0].plain()}"
            yield Problem(other.place, message)


def _deleted(records: Iterable[_Record]) -> Iterator[Problem]:
    for one in records:
        if one.has("deleted_at"):
            at = one.fields["deleted_at"]
            yield Problem(at.place, f"it was deleted in Watcher, at {shown(at.plain())}")


def _our_action(action: YamlNode) -> YamlNode:
    """Return an action without what our format does not have."""
    given = _Record(action).fields
    fields = {name: given[name] for name in OF_AN_ACTION if name != "plan"}
    fields["state"] = dataclasses.replace(given["state"], value=_upper(given["state"]))
    return dataclasses.replace(action, value=fields)


def _ours(name: str) -> str:
    """Return our name of a field of Watcher's."""
    plainly = name.lower().replace(" ", "_")
    return _OURS.get(plainly, plainly)


def _upper(state: YamlNode) -> Any:
    return state.value.upper() if isinstance(state.value, str) else state.value


def _reason(error: Any) -> str:
    """Return the words of an error of an API."""
    while isinstance(error, list | dict) and error:
        inner = error if isinstance(error, dict) else {"title": error[0]}
        error = next((inner[key] for key in _EXPLANATIONS if inner.get(key)), str(inner))
    return shown(error)
