"""Plans as answers, in the shape of Watcher's action plans and actions.

What Watcher has and Mistral does not know is null or empty, so that Watcher's clients find every
key. ``actions``, ``rollback``, ``reason`` and ``rule`` are ours; Watcher's clients overlook them.
"""

from typing import Any

from driver.plans.status import ActionStatus, Control, PlanStatus
from driver.recoveries.keeper import note_in

Body = dict[str, Any]


def plan(status: PlanStatus, root: str) -> Body:
    """Return a plan.

    :param root: address of the application, with a slash at its end.
    """
    names = {action.task: action.action for action in status.actions}
    undone = status.rollback
    return {
        "uuid": status.id,
        "state": status.state,
        "status_message": status.message or note_in(status.description) or None,
        "reason": status.reason or None,
        "rule": status.graph.rule if status.actions else None,
        "actions": [_action(action, status.id, names) for action in status.actions],
        "rollback": rollback(undone, root) if undone else None,
        "created_at": _time(status.created_at),
        "updated_at": _time(status.updated_at),
        "deleted_at": None,
        "audit_uuid": None,
        "strategy_uuid": None,
        "strategy_name": None,
        "efficacy_indicators": [],
        "global_efficacy": [],
        "hostname": None,
        "links": _links(status.id, root),
    }


def rollback(control: Control, root: str) -> Body:
    """Return the rollback of a plan; its links lead to the plan."""
    return {
        "uuid": control.id,
        "action_plan_uuid": control.plan,
        "state": control.state,
        "status_message": control.message or None,
        "reason": control.reason or None,
        "links": _links(control.plan, root),
    }


def _action(status: ActionStatus, plan_id: str, names: dict[str, str]) -> Body:
    return {
        "uuid": status.action,
        "action_plan_uuid": plan_id,
        "action_type": status.type,
        "input_parameters": status.parameters,
        "parents": [names[parent] for parent in status.parents],
        "state": status.state,
        "status_message": status.message or None,
        "reason": status.reason or None,
        "task": status.task,
        "resource": status.resource or None,
        "started_at": _time(status.started_at),
        "ended_at": _time(status.ended_at),
    }


def _links(plan_id: str, root: str) -> list[dict[str, str]]:
    return [
        {"rel": "self", "href": f"{root}v1/action_plans/{plan_id}"},
        {"rel": "bookmark", "href": f"{root}action_plans/{plan_id}"},
    ]


def _time(text: str) -> str | None:
    """Return a time of Mistral, which is UTC, as Watcher writes it; null if there is none."""
    return f"{text.replace(' ', 'T')}+00:00" if text else None
