"""Compile an action plan to a workbook with the workflows `run` and `rollback`.

One task per action, so that Mistral and Horizon show the plan as it is. A failure leads on, too:
whether it matters is for the rule to say, in the last task. Under ANY a chain of alternatives has
branches: a success leads past those behind it, to the last task. Where actions have several
parents or children, a success leads on as well, because Mistral's joins fail when a parent never
comes to them; there each alternative asks whether it is needed.

What a task costs Mistral is its definition (each line is validated) and its context (copied to
each task), so both are lean, and what a task must know of others is asked by YAQL functions
(``mistral_actions/engine/action_plans.py``). The same plan gives the same text, byte for byte,
whatever the order of its actions in the file.
"""

import dataclasses
import itertools
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from driver.plans import lanes
from driver.plans.model import ANY, Action, Plan
from driver.plans.order import chains, children_of
from driver.plans.types import IDLE_TYPES, INVERSES
from driver.text.messages import legible
from driver.workbooks.files import Workbook, parse_workbook
from driver.workbooks.literals import block, constant, expression, literal
from driver.workbooks.templates import template
from mistral_actions.action_plan.states import BEHIND, SUCCEEDED

_STATE = "outcome().report.state"
_REPORTS = ("report_plan", "report_rollback")
_RETRY = {"count": 60, "delay": 2, "continue-on": expression("try_again()")}
_WAITING = {"action": "std.noop", "safe-rerun": True, "retry": _RETRY}
_LONGEST_NAME = 80  # characters of a resource in the name of a task; Mistral takes 255 in all


def workbook_name(uuid: str) -> str:
    """Return the name of the workbook that a plan is compiled to."""
    return f"recovery.plan.{uuid}"


def compile_plan(plan: Plan, rule: str) -> Workbook:
    """Return the workbook that carries out a plan, and undoes it.

    :param rule: ALWAYS or ANY, see :func:`driver.plans.model.choose_rule`.
    """
    name, tasks = workbook_name(plan.uuid), task_names(plan)
    links = chains(plan.actions) if rule == ANY else []
    run = _in_lanes(_with_layers(_run(plan, rule, tasks, links)))
    undo = _in_lanes(_with_layers(_rollback(plan, tasks)))
    strategy = f" of strategy {legible(plan.strategy)}" if plan.strategy else ""
    count = "1 action" if len(plan.actions) == 1 else f"{len(plan.actions)} actions"
    about = f"Action plan {plan.uuid}{strategy}: {count}, rule {rule}."
    text: str = template("driver.plans").render(
        name=name,
        uuid=plan.uuid,
        description=block({"description": about}),
        rule=rule,
        longest_chain=max(map(len, links), default=0),
        has_joins=sum(map(len, links)) < len(plan.actions),
        run=[task.text for task in run],
        run_join=_join_of_the_report(run),
        rollback=[task.text for task in undo],
        rollback_join=_join_of_the_report(undo),
    )
    return parse_workbook(f"{text.rstrip()}\n", pathlib.Path(f"{name}.yaml"))


def task_names(plan: Plan) -> dict[str, str]:
    """Return the names of the actions' tasks by the actions' uuids.

    A name is the type and the resource. Databases compare names without regard to case.
    """
    taken, names = set(_REPORTS), {}
    for action in plan.actions:
        what = re.sub(r"[^A-Za-z0-9_]+", "_", action.name or "").strip("_")[:_LONGEST_NAME]
        base = f"{action.type}_{what}" if what else action.type
        numbered = (f"{base}_{number}" for number in itertools.count(2))
        free = (name for name in itertools.chain([base], numbered) if name.lower() not in taken)
        names[action.uuid] = name = next(free)
        taken.add(name.lower())
    return names


@dataclasses.dataclass(frozen=True)
class _Task:
    """A task of a compiled workflow: what it does, and the names of the tasks around it.

    Without a workflow it only waits for those before it.

    :param past: where its success leads to, past what is next: alternatives that it needs not.
    :param may_fail: whether all can end well although it has failed.
    :param behind: the task that it waits for only because it stands in its lane.
    """

    name: str
    description: str
    workflow: str | None
    input: Mapping[str, Any]
    before: list[str]
    next: list[str]
    past: str = ""
    may_fail: bool = True
    behind: str = ""

    @property
    def is_leaf(self) -> bool:
        return self.next[0] in _REPORTS

    @property
    def text(self) -> str:
        body = {
            "description": self.description,
            "tags": [BEHIND + self.behind] if self.behind else None,
            "join": "all" if len(self.before) > 1 else None,
            "workflow": f"recovery.action.{self.workflow}" if self.workflow else None,
            **({} if self.workflow else _WAITING),
            "input": self.input,
            **self._next(),
        }
        return block({self.name: {key: value for key, value in body.items() if value}})

    def standing_behind(self, last: str) -> "_Task":
        """Return this task in a lane, behind another one."""
        return dataclasses.replace(self, before=[*self.before, last], behind=last)

    def leading_to(self, name: str) -> "_Task":
        """Return this task in a lane, with another one behind it."""
        if self.past:
            return dataclasses.replace(self, past=name)
        others = [] if self.is_leaf else self.next
        return dataclasses.replace(self, next=[*others, name])

    def _next(self) -> dict[str, list[Any]]:
        if not self.may_fail:  # one list for both ends: each list costs Mistral as much as a task
            return {"on-complete": self.next}
        return {"on-success": self._on_success(), "on-error": self.next}

    def _on_success(self) -> list[Any]:
        if not self.past:
            return self.next
        needless = {self.past: expression(f"{_STATE} = {SUCCEEDED}")}
        return [needless, *({task: expression(f"{_STATE} != {SUCCEEDED}")} for task in self.next)]


def _join_of_the_report(tasks: list[_Task]) -> str | int | None:
    """Return for how many tasks the last one waits.

    A chain with branches leads to it from any of its tasks, but once: no more than that is known.
    """
    leaves = sum(task.is_leaf for task in tasks)
    if leaves < 2:
        return None
    return leaves if any(task.past for task in tasks) else "all"


def _run(plan: Plan, rule: str, tasks: Mapping[str, str], links: list[list[str]]) -> list[_Task]:
    children = children_of(plan.actions)
    place_in_chain = {uuid: place for chain in links for place, uuid in enumerate(chain)}
    found = []
    for action in plan.actions:
        parents = sorted(tasks[parent] for parent in action.parents)
        behind = [tasks[child] for child in children[action.uuid]]
        place = place_in_chain.get(action.uuid)
        inputs = {
            "plan": plan.uuid,
            "action": action.uuid,
            "parameters": None if action.is_skipped else literal(dict(action.parameters)),
        }
        # The second of a chain is known to be needed. Not so the third: when a person runs the
        # first again, the second finds itself done, which is no success, and leads on.
        if rule == ANY and parents and place != 1:
            inputs["satisfied"] = expression(f"satisfied_by([{', '.join(parents)}])")
        found.append(
            _Task(
                tasks[action.uuid],
                _description(action, parents if rule == ANY else []),
                action.type,
                inputs,
                parents,
                behind or ["report_plan"],
                "report_plan" if behind and place is not None else "",
                may_fail=rule == ANY,
            )
        )
    return found


def _with_layers(tasks: list[_Task]) -> list[_Task]:
    """Let tasks that wait for the same tasks wait for them once, at a task of their own.

    Watcher makes layers in which each action waits for all of the layer before. Mistral looks
    again and again for the way to every join: with ten joins of ten it does not come to an end.
    """
    groups: dict[frozenset[str], list[_Task]] = {}
    for task in tasks:
        if len(task.before) > 1:
            groups.setdefault(frozenset(task.before), []).append(task)
    names = {task.name for task in tasks}
    found = {task.name: task for task in tasks}
    ahead: dict[str, _Task] = {}
    for before, group in groups.items():
        if len(group) < 2:
            continue
        name = next(free for n in itertools.count(1) if (free := f"layer_{n}") not in names)
        names.add(name)
        behind = [task.name for task in group]
        what = "wait for all of the layer before"
        ahead[behind[0]] = dataclasses.replace(
            group[0], name=name, description=what, workflow=None, input={}, next=behind, past=""
        )
        for one in behind:
            found[one] = dataclasses.replace(found[one], before=[name])
        for one in before:
            others = [task for task in found[one].next if task not in behind]
            found[one] = dataclasses.replace(found[one], next=[*others, name])
    return [one for name, task in found.items() for one in (ahead.get(name), task) if one]


def _in_lanes(tasks: list[_Task]) -> list[_Task]:
    """Let each task wait for the one before it in its lane, if the plan needs lanes.

    A chain with branches is led out of by any of its tasks, but once: it stands in a lane as a
    whole, and what comes next there is the beginning of another chain.
    """
    found = {task.name: task for task in tasks}
    above = _parents(found)
    chained = _chains_with_branches(found)
    others = {name: above[name] for name in above if not any(name in one for one in chained)}
    order = [name for name in _parents_first(above) if name in others]
    for name, last in lanes.places(order, others, lanes.WINDOW).items():
        found[name] = found[name].standing_behind(last)
        found[last] = found[last].leading_to(name)
    by_head = {chain[0]: chain for chain in chained}
    free: dict[str, list[str]] = {head: [] for head in by_head}
    for head, before in lanes.places(list(free), free, lanes.WINDOW).items():
        found[head] = found[head].standing_behind(by_head[before][-1])
        for name in by_head[before]:
            found[name] = found[name].leading_to(head)
    return list(found.values())


def _parents(tasks: Mapping[str, _Task]) -> dict[str, list[str]]:
    """Return for each task that does something those that it waits for, as if there were no layers.

    What has been done by a task that only waits has been done by those that it has waited for.
    """
    return {
        task.name: [
            one
            for before in task.before
            for one in ([before] if tasks[before].workflow else tasks[before].before)
        ]
        for task in tasks.values()
        if task.workflow
    }


def _chains_with_branches(tasks: Mapping[str, _Task]) -> list[list[str]]:
    """Return the chains in which a success leads past the rest, and the actions without relations.

    Those are chains, too, if the others of their plan are: then all of them stand in one row.
    """
    if not any(task.past for task in tasks.values()):
        return []
    found = []
    for task in tasks.values():
        if task.before or not (task.past or task.is_leaf):
            continue
        chain = [task]
        while chain[-1].past:
            chain.append(tasks[chain[-1].next[0]])
        found.append([one.name for one in chain])
    return found


def _parents_first(above: Mapping[str, list[str]]) -> list[str]:
    """Order things behind those that they wait for, and else as they are."""
    found: dict[str, None] = {}
    left = dict(above)
    while left:
        ready = [one for one, before in left.items() if left.keys().isdisjoint(before)]
        for one in ready:
            found[one] = None
            del left[one]
    return list(found)


def _description(action: Action, alternatives_to: list[str]) -> str:
    what = f"{action.type} {legible(action.name or '')}".strip()
    if action.is_skipped:
        return f"{what}: skipped by an administrator"
    if alternatives_to:
        either = "one of " if len(alternatives_to) > 1 else ""
        return f"{what}, unless {either}{', '.join(alternatives_to)} has succeeded"
    return what


def _rollback(plan: Plan, tasks: Mapping[str, str]) -> list[_Task]:
    undone_before = _undo_order(plan)
    last_first = [action for action in reversed(plan.actions) if action.uuid in undone_before]
    last_first.sort(key=lambda action: not _closes(action))
    order = [action.uuid for action in last_first]
    before = {uuid: sorted(undone_before[uuid], key=order.index) for uuid in order}
    after = {uuid: [one for one in order if uuid in undone_before[one]] for uuid in order}
    found = []
    for action in last_first:
        name, inverse = tasks[action.uuid], INVERSES.get(action.type)
        undo = expression(f"undo_parameters({constant(plan.uuid)}, {name})")
        found.append(
            _Task(
                f"undo_{name}",
                f"undo {name}" if inverse else f"{name} cannot be undone",
                inverse or "nop",
                # no plan: a plan that was cancelled may still be rolled back
                {"plan": None, "action": action.uuid, "parameters": undo if inverse else None},
                [f"undo_{tasks[one]}" for one in before[action.uuid]],
                [f"undo_{tasks[one]}" for one in after[action.uuid]] or ["report_rollback"],
                may_fail=False,
            )
        )
    return found


def _undo_order(plan: Plan) -> dict[str, set[str]]:
    """Return for each action that gets a task the ones that must be undone before it.

    What changes nothing needs no task, unless leaving it out would cost more edges than it has.
    """
    before = {uuid: set(children) for uuid, children in children_of(plan.actions).items()}
    after = {action.uuid: set(action.parents) for action in plan.actions}
    idle = [one.uuid for one in plan.actions if one.is_skipped or one.type in IDLE_TYPES]
    for uuid in [*reversed(idle), *idle]:
        ahead, behind = before.get(uuid, set()), after.get(uuid, set())
        if uuid not in before or len(ahead) * len(behind) > len(ahead) + len(behind):
            continue
        for other in behind:
            before[other] = before[other] - {uuid} | ahead
        for other in ahead:
            after[other] = after[other] - {uuid} | behind
        del before[uuid], after[uuid]
    _open_first(plan, before)
    return before


def _open_first(plan: Plan, before: dict[str, set[str]]) -> None:
    """Let what the plan took out of service be put back first: Nova moves no server to it before.

    :param before: see `_undo_order`; changed.
    """
    closed = [one.uuid for one in plan.actions if one.uuid in before and _closes(one)]
    for own in closed:
        ahead, before[own] = before[own], set()
        for others in before.values():
            if own in others:  # what came before it is undone after all that came behind it
                others |= ahead
    children = children_of(plan.actions)
    for own in closed:
        later = (_descendants(children, own) & before.keys()) - set(closed)
        for uuid in later:
            if not before[uuid] & later:
                before[uuid].add(own)


def _closes(action: Action) -> bool:
    state = str(action.parameters.get("state")).lower()
    return action.type == "change_nova_service_state" and state in ("disabled", "offline", "down")


def _descendants(children: Mapping[str, list[str]], uuid: str) -> set[str]:
    found: set[str] = set()
    ahead = [uuid]
    while ahead:
        new = set(children[ahead.pop()]) - found
        found |= new
        ahead += new
    return found
