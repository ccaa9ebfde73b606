"""Read action plans from Mistral's API: a few requests, however large the plan."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import yaml

from driver.errors import NotFoundError
from driver.mistral.client import MistralClient
from driver.mistral.records import Execution, Record
from driver.plans.compile import workbook_name
from driver.plans.status import (
    NO_GRAPH,
    ActionStatus,
    Control,
    PlanStatus,
    action_statuses,
    cancel_of,
    plan_status,
)
from driver.text.messages import shown
from mistral_actions.action_plan.states import Cancel, found_done, graph_of
from mistral_actions.inputs import UUID

CANCEL = "recovery.action_plan.cancel"
ROLLBACK = "recovery.action_plan.rollback"

_TASK_FIELDS = "id,name,state,state_info,created_at,started_at,finished_at"
# An action's report is small.
_PAGE = "200"
_LISTED = "`openstack recovery plan list` shows those that were run"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def plan_uuid(text: str) -> str:
    """Return the uuid of a plan as Mistral has it: in lower case.

    :raises NotFoundError: it is none.
    """
    if UUID.fullmatch(text):
        return text.lower()
    raise NotFoundError(f"{shown(text)} is not the uuid of an action plan: {_LISTED}", 404)


def workflow_of(plan: str, verb: str = "run") -> str:
    """Return the name of a plan's workflow.

    :param verb: ``run`` or ``rollback``.
    """
    return f"{workbook_name(plan)}.{verb}"


def find(mistral: MistralClient, plan: str) -> Execution:
    """Return the execution of a plan.

    :raises NotFoundError: Mistral has none.
    """
    uuid = plan_uuid(plan)
    try:
        run = mistral.execution(uuid)
        if run.workflow == workflow_of(uuid):
            return run
    except NotFoundError:
        pass
    raise NotFoundError(
        f"there is no action plan {uuid} in this Mistral, or not for this project: it was never "
        f"run, or its execution was deleted; {_LISTED}",
        404,
    )


def read(mistral: MistralClient, plan: str) -> PlanStatus:
    """Return the status of a plan and of each of its actions.

    :param plan: its uuid.
    :raises NotFoundError: Mistral has no such plan.
    """
    run = find(mistral, plan)
    cancels = Controls(mistral, CANCEL).of(run)
    workflow = definition(mistral, run.id, "run")
    actions = _actions(mistral, workflow, run, cancel_of(cancels))
    graph = graph_of(workflow) if workflow else NO_GRAPH
    status = plan_status(run, cancels, graph, actions)
    undone = rollback_run(mistral, run.id)
    if undone is None:
        return status
    by = mistral.execution(undone.root_id) if undone.root_id else undone
    return dataclasses.replace(status, rollback=Control.from_execution(by))


def read_rollback(mistral: MistralClient, plan: str) -> tuple[ActionStatus, ...]:
    """Return the status of undoing each action; empty if no rollback was started."""
    run = rollback_run(mistral, plan)
    if run is None:
        return ()
    return _actions(mistral, definition(mistral, plan, "rollback"), run, None)


def read_all(mistral: MistralClient) -> Iterator[PlanStatus]:
    """Yield the status of every plan that was run, newest first, without its actions."""
    cancels = Controls(mistral, CANCEL)
    filters = {"workflow_name": f"has:{workbook_name('')}", "nulls": "task_execution_id"}
    for run in mistral.executions(**filters):
        if run.workflow == workflow_of(run.id):
            yield plan_status(run, cancels.of(run))


class Controls:
    """The executions that cancel plans or roll them back, read newest first and only as needed.

    :param workflow: ``CANCEL`` or ``ROLLBACK``.
    """

    def __init__(self, mistral: MistralClient, workflow: str) -> None:
        self._rest = mistral.executions(workflow_name=workflow)
        self._found: list[Execution] = []

    def of(self, run: Execution) -> list[Execution]:
        """Return the executions for one plan, newest first.

        :param run: the plan's execution; older executions belong to other plans.
        """
        while not self._found or self._found[-1].created_at >= run.created_at:
            older = next(self._rest, None)
            if older is None:
                break
            self._found.append(older)
        return [one for one in self._found if one.input.get("plan") == run.id]


def definition(mistral: MistralClient, plan: str, verb: str) -> Record:
    """Return the definition of a plan's workflow as data; empty if it was deleted."""
    text = mistral.workbook(workbook_name(plan))
    return dict(yaml.load(text, _Loader)["workflows"][verb]) if text else {}  # noqa: S506 - safe


def rollback_run(mistral: MistralClient, plan: str) -> Execution | None:
    """Return the newest execution of a plan's own workflow `rollback`; None if there is none."""
    return next(mistral.executions(workflow_name=workflow_of(plan, "rollback")), None)


def _actions(
    mistral: MistralClient, workflow: Record, run: Execution, cancel: Cancel | None
) -> tuple[ActionStatus, ...]:
    if not workflow:
        return ()
    # In this order: a task that ends in between has a report all the same.
    tasks = mistral.tasks(run.id, _TASK_FIELDS)
    found = mistral.executions(_PAGE, root_execution_id=run.root_id or run.id)
    parts: dict[str, Execution] = {}
    for part in sorted(found, key=lambda one: one.created_at):  # more than one after a rerun
        before = parts.get(part.task_id)
        if not (before and found_done(before.output, part.output)):
            parts[part.task_id] = part
    return action_statuses(workflow, tasks, parts, run.state, cancel)
