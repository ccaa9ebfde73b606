"""Actions that cancel an action plan and roll it back: they touch Mistral only.

What they know of the plan are its `facts`, which `plan_functions.plan_facts` reads in the engine.
"""

import uuid
from typing import Any

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction
from mistral_actions.errors import BadInput, Failed, Refused, report
from mistral_actions.inputs import Option
from mistral_actions.services import mistral

MAX_AGE = {"max_age": Option(inputs.whole_number(0, 10**9 - 1), 3600)}


def known_plan(facts: dict[str, Any]) -> str:
    """Return the uuid of a plan that was started.

    :raises BadInput: BAD_INPUT if it is none, UNKNOWN_PLAN if Mistral has none of that uuid.
    """
    plan = inputs.required(facts.get("plan"), "plan", _uuid)
    if not facts["known"]:
        raise BadInput(
            f"Mistral knows no action plan {plan}: it was never run here, or its execution was"
            " deleted. `openstack recovery plan list` shows those that were.",
            "UNKNOWN_PLAN",
        )
    return str(plan)


def _uuid(value: Any) -> str:
    try:
        if str(uuid.UUID(value)) == value:
            return str(value)
    except (ValueError, TypeError, AttributeError):
        pass
    raise ValueError("the uuid of an action plan, in lower case with hyphens")


class _PlanAction(RecoveryAction):
    """An action about a plan.

    :param facts: what Mistral knows of the plan (`plan_facts`).
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts

    def act_for(self, context: Any) -> dict[str, Any]:
        """Do it without Nova."""
        return self._act()

    def _act(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def _details(self) -> dict[str, Any]:
        return {"plan": self.facts.get("plan")}


class CheckPlanCancel(_PlanAction):
    """See whether a plan can be cancelled.

    :param facts: what Mistral knows of the plan (`plan_facts`).
    Errors: BAD_INPUT, UNKNOWN_PLAN, PLAN_ENDED, CANCEL_RUNNING. Mistral: by its facts.
    """

    def _act(self) -> dict[str, Any]:
        plan, details = known_plan(self.facts), self._details
        if self.facts["ended"] and self.facts["state"] != "CANCELLING":
            text = f"Plan {plan} has ended already, {self.facts['state']}. Nothing was changed."
            raise Refused(text, "PLAN_ENDED", details)
        if other := self.facts["older_cancel"]:
            text = f"Plan {plan} is being cancelled already, by execution {other}: watch that one."
            raise Refused(text, "CANCEL_RUNNING", details)
        return {"report": report("FAILED", "NOT_ENDED", f"Plan {plan} has not stopped.", details)}


class CheckPlanStopped(_PlanAction):
    """See whether the actions that ran when a plan was cancelled have ended; polled.

    :param facts: what Mistral knows of the plan (`plan_facts`).
    Mistral: by its facts.
    """

    def _act(self) -> dict[str, Any]:
        busy = self.facts.get("busy") or []
        now = f"{', '.join(busy[:5])}{' ...' if len(busy) > 5 else ''} has not ended"
        return {"finished": not busy, "message": now if busy else "nothing runs"}


class StopPlan(_PlanAction):
    """Stop the execution of a plan of which no action runs.

    :param facts: what Mistral knows of the plan (`plan_facts`).
    Errors: ABORT_FAILED: it was stopped, but a live migration could not be aborted.
    Mistral: stops an execution, by way of the engine, with the rights of the caller.
    """

    def _act(self) -> dict[str, Any]:
        """Stop it; of one that has ended already nothing changes."""
        plan = known_plan(self.facts)
        mistral.engine().stop_workflow(plan, "CANCELLED", "The plan was cancelled.")
        if errors := self.facts["abort_errors"]:
            some = "; ".join(f"{one['task']}: {one['message']}" for one in errors[:3])
            text = (
                f"Plan {plan} was stopped, but not all of its live migrations could be aborted;"
                f" these were waited for. {some}"
            )
            details = {**self._details, "abort_errors": errors}
            raise Failed(text, "ABORT_FAILED", details)
        text = f"Plan {plan} was cancelled."
        return {"report": report("SUCCEEDED", "CANCELLED", text, self._details)}


class CheckPlanRollback(_PlanAction):
    """See whether a plan can be rolled back; polled while it is open which of two goes first.

    :param facts: what Mistral knows of the plan (`plan_facts`).
    :param max_age: seconds since its end after which it is too old.
    :param others: other rollbacks that have not ended (`older_recoveries`).
    :returns: `rollback`: the workflow that does it; `go_on` is false if there is nothing to undo.
    Errors: BAD_INPUT, UNKNOWN_PLAN, WRONG_STATE, TOO_OLD, ALREADY_ROLLED_BACK.
    Mistral: by its facts.
    """

    def __init__(self, facts: dict[str, Any], max_age: Any = None, others: Any = None) -> None:
        super().__init__(facts)
        self.max_age = max_age
        self.others = others or []

    def _act(self) -> dict[str, Any]:
        plan, facts, details = known_plan(self.facts), self.facts, self._details
        limit = inputs.merge(MAX_AGE, {"max_age": self.max_age}, {})["max_age"]
        mine = [other for other in self.others if other["of"] == plan]
        by = facts["rolled_back"] or next((one["id"] for one in mine if one["decided"]), None)
        if by:
            text = f"Plan {plan} was rolled back already, or is being so, by execution {by}."
            raise Refused(f"{text} Nothing was changed.", "ALREADY_ROLLED_BACK", details)
        if not facts["ended"]:
            text = f"Plan {plan} is {facts['state']}: only one that has ended can be rolled back."
            raise Refused(f"{text} Cancel it first.", "WRONG_STATE", details)
        if facts["age"] > limit:
            raise Refused(
                f"Plan {plan} ended {facts['age']:.0f} s ago, more than max_age ({limit} s):"
                " what it changed may have been built upon. Nothing was changed.",
                "TOO_OLD",
                details,
            )
        if mine:
            text = f"another rollback of plan {plan} has just begun"
            told = report("FAILED", "ALREADY_ROLLED_BACK", f"{text}.", details)
            return {"finished": False, "message": text, "go_on": False, "report": told}
        if not facts["succeeded"]:
            text = f"No action of plan {plan} succeeded: there is nothing to roll back."
            told = report("SKIPPED", "NOTHING_TO_ROLL_BACK", text, details)
            return {"go_on": False, "report": told}
        text = f"The rollback of plan {plan} has not ended."
        told = report("FAILED", "NOT_ENDED", text, details)
        return {"go_on": True, "rollback": facts["rollback"], "report": told}
