"""The polled steps that actions of plans and recoveries of nodes share.

No step keeps a memory. Nova records what was done with a server, and `todo` knows the newest of
these records at the time of the check: what is newer has been done since. So a step that any
process runs again never does a thing twice.
"""

from typing import Any, Generic, NotRequired, TypedDict, TypeVar

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction
from mistral_actions.errors import Failed, Report, report
from mistral_actions.inputs import Option

POLL_SECONDS = 2  # the `delay` of the polled steps in the workbook

# May be set in the Mistral environment `recovery`: seconds until an action must have ended. Long,
# because the live migration of a busy server takes as long as it takes.
ACTION_TIMEOUT = {"action_timeout": Option(inputs.whole_number(1, 604800), 3600)}


def polls(seconds: int) -> int:
    """Return how often a polled step looks within a time."""
    return max(1, seconds // POLL_SECONDS)


class Resource(TypedDict):
    """What an action is about; null while it was not found."""

    id: str | None
    name: str | None


class Todo(TypedDict):
    """What is to be done, as the check before the step has found it.

    It holds all that the step needs, and in its `report` what undoes the action. `polls`: how often
    the step looks.
    """

    resource: Resource
    report: Report
    polls: NotRequired[int]
    go_on: NotRequired[bool]


Found = TypeVar("Found", bound=Todo)


class PolledStep(RecoveryAction, Generic[Found]):
    """The second step of an action: does it, once, and looks until it has ended; polled.

    :param todo: what the check has found.
    :param alone: false while another run of this step is at work: then this one does nothing.
    """

    def __init__(self, todo: Found, alone: bool = True) -> None:
        self.todo = todo
        self.alone = alone

    @property
    def _id(self) -> str:
        return str(self.todo["resource"]["id"])

    @property
    def _name(self) -> str:
        return str(self.todo["resource"]["name"])

    def _succeeded(self, message: str, undo: Any = None) -> dict[str, Any]:
        """Return the end.

        :param undo: parameters of the inverse action where more is known than at the check.
        """
        more = {"undo": {"parameters": undo}} if undo else {}
        return {"finished": True, "report": self._report("SUCCEEDED", "DONE", message, more)}

    def _not_yet(self, now: str) -> dict[str, Any]:
        """Return the result of a look that must be repeated."""
        return {"finished": False, "message": now, "report": self.todo["report"]}

    def _failed(self, code: str, message: str) -> Failed:
        return Failed(message, code, self.todo["report"]["details"])

    def _report(self, state: str, code: str, message: str, more: Any = None) -> Report:
        return report(state, code, message, {**self.todo["report"]["details"], **(more or {})})
