"""What the checks of all types of actions have in common.

Each type of action is a workflow `recovery.action.<type>` of two steps: a check, which writes
nothing and says what is to be done, and a polled step, which does it and looks until it has ended.
What is to be done (`todo`) holds all that the second step needs, and what undoes the action.
"""

import itertools
from collections.abc import Sequence
from typing import Any

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction
from mistral_actions.errors import RecoveryError, report
from mistral_actions.steps import ACTION_TIMEOUT, Resource, Todo, polls


def details_of(action: Any, type_: str, resource: Resource | None = None) -> dict[str, Any]:
    """Return the `details` of the report of an action.

    :param action: its uuid. :param type_: its type.
    :param resource: `id` and `name` of what it is about.
    """
    nothing: Resource = {"id": None, "name": None}
    return {
        "action": action,
        "type": type_,
        "resource": resource or nothing,
        "undo": None,
        "abort_error": None,
    }


def named(names: list[str], things: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the thing that is meant; what stands there goes first, and an id before a name."""
    for name, key in itertools.product(names, ("id", "name")):
        for thing in things:
            if thing[key] == name:
                return thing
    return None


class ActionCheck(RecoveryAction):
    """The first step of an action: see whether there is something to do; writes nothing; polled.

    :param action: uuid of the action. :param parameters: its parameters; null: it is not needed.
    :param satisfied: why it is not needed: its alternative has succeeded.
    :param cancelled: whether the plan is being cancelled.
    :param settings: the Mistral environment `recovery`.
    :returns: what is to be done, with a report; `go_on` is false if it is nothing.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        """Add what is the same for all to the text that operators see of each."""
        super().__init_subclass__(**more)
        same = (ActionCheck.__doc__ or "").partition("\n\n")[2]
        cls.__doc__ = f"{(cls.__doc__ or '').rstrip()}\n\n{same}"

    _type = ""
    _resource: Resource | None = None  # id and name of what it is about, once it is found

    def __init__(
        self,
        action: Any,
        parameters: Any = None,
        satisfied: Any = None,
        cancelled: Any = False,
        settings: Any = None,
    ) -> None:
        self.action = action
        self.parameters = parameters
        self.satisfied = satisfied
        self.cancelled = cancelled
        self.settings = settings or {}

    def act_for(self, context: Any) -> Any:
        """Return what is to be done; a failure knows the action that it is about."""
        if reason := inputs.bare(self.satisfied):
            return self._ended("SKIPPED", "ALTERNATIVE_SUCCEEDED", str(reason))
        if self.cancelled:
            return self._ended("CANCELLED", "CANCELLED", "The plan was cancelled before it began.")
        if inputs.bare(self.parameters) is None:
            return self._ended("SKIPPED", "NOTHING_TO_DO", "There is nothing to be done.")
        try:
            self.parameters = inputs.required(self.parameters, "parameters", inputs.mapping)
            return self._look(context)
        except RecoveryError as error:
            error.details = {**self._details(), **error.details}
            raise

    def _look(self, context: Any) -> Any:
        return super().act_for(context)

    def _given(self, name: str) -> Any:
        return self.parameters.get(name) if isinstance(self.parameters, dict) else None

    def _parameter(self, name: str, parse: inputs.Parse, default: Any = None) -> Any:
        """Return a parameter; one without default is required.

        :raises BadInput: it cannot be parsed.
        """
        if default is not None and inputs.bare(self._given(name)) is None:
            return default
        return inputs.required(self._given(name), name, parse)

    def _optional(self, name: str, parse: inputs.Parse) -> Any:
        given = inputs.bare(self._given(name))
        return None if given is None else inputs.required(given, name, parse)

    def _names(self, name: str) -> list[str]:
        """Return what a required parameter that names a thing may mean (`inputs.names`).

        :raises BadInput: it is missing or no name.
        """
        return inputs.names(self._given(name), name, inputs.text)

    def _words(self, name: str, parse: inputs.Parse) -> str | None:
        """Return a text for people as it stands, quotes and all; None if there is none."""
        given = self._given(name)
        if given is None or not str(given).strip():
            return None
        return str(inputs.parsed(given, parse, f"Input {name!r}"))

    def _details(self) -> dict[str, Any]:
        given: Resource = {"id": inputs.bare(self._given("resource_id")), "name": None}
        return details_of(self.action, self._type, self._resource or given)

    def _todo(self, undo: dict[str, Any] | None) -> Todo:
        """Return that there is something to do; each type adds what its step needs.

        :param undo: parameters of the inverse action, or None if there is none.
        """
        timeout = inputs.merge(ACTION_TIMEOUT, {}, self.settings)["action_timeout"]
        details = self._details()
        details["undo"] = {"parameters": undo} if undo else None
        text = f"{self._type} of {details['resource']['name']} has not ended."
        return {
            "go_on": True,
            "resource": details["resource"],
            "polls": polls(timeout),
            "report": report("FAILED", "NOT_ENDED", text, details),
        }

    def _ended(self, state: str, reason: str, message: str) -> dict[str, Any]:
        """Return that nothing is to be done."""
        return {"go_on": False, "report": report(state, reason, message, self._details())}

    def _busy(self, now: str) -> dict[str, Any]:
        """Return that it must be looked at again."""
        told = self._ended("FAILED", "NOT_ENDED", f"{self._type} has not begun: {now}.")
        return {"finished": False, "message": now, **told}
