"""Actions of the keeper, which finds what stands still in Mistral: they touch nothing themselves.

What is found, and how Mistral is made to look again, is in `engine.keeper`.
"""

from collections.abc import Mapping
from typing import Any

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction
from mistral_actions.errors import Failed, report
from mistral_actions.inputs import Option

IDLE = 30  # seconds
LEAST_IDLE = 10  # what Mistral has just decided it may still be about to do

_OPTIONS = {
    "idle": Option(inputs.whole_number(LEAST_IDLE, 86400), IDLE),
    "execution": Option(inputs.text, None),
} | inputs.DRY_RUN

_WHAT = {
    "NOT_STARTED": "{tasks} {was} never started",
    "NOT_TRIED": "{tasks} {was} never tried again",
    "NOT_JOINED": "all tasks before {tasks} have ended, and nothing goes on",
    "NOT_NOTICED": "the end of {tasks} was never noticed",
    "NOT_FOLLOWED": "what is behind {tasks} was never begun",
    "NOT_ENDED": "all its tasks have ended, and it has not",
}
_NAMES = 3  # of tasks, in a sentence


class CheckLook(RecoveryAction):
    """See what the keeper is asked.

    :param idle: seconds without any change after which an execution stands still.
    :param dry_run: only find.
    :param execution: id of the one that is looked at, with all below it; null for all.
    :returns: the three of them, as they are meant.
    Errors: BAD_INPUT. Mistral: nothing.
    """

    def __init__(self, idle: Any = None, dry_run: Any = None, execution: Any = None) -> None:
        self.idle = idle
        self.dry_run = dry_run
        self.execution = execution

    def act_for(self, context: Any) -> dict[str, Any]:
        """Do it without Nova."""
        return inputs.merge(_OPTIONS, vars(self), {})


class TellLook(RecoveryAction):
    """Tell what the keeper has found and done.

    :param asked: what `check_look` has returned.
    :param found: what the function `look_again` has.
    :returns: the report, with the `executions` in its details.
    Errors: MISTRAL_CHANGED, CALLER_UNKNOWN. Mistral: nothing.
    """

    def __init__(self, asked: Any, found: Any) -> None:
        self.asked = asked
        self.found = found

    def act_for(self, context: Any) -> dict[str, Any]:
        """Do it without Nova."""
        if version := self.found["unknown"]:
            raise Failed(
                f"Mistral {version} has changed inside, and the pack does not know how to let it"
                " look again. Pause what stands still and resume it, with `mistral"
                " execution-update --state`.",
                "MISTRAL_CHANGED",
            )
        rows = [{**one, "message": _sentence(one)} for one in self.found["executions"]]
        return {"report": self._report(rows)}

    def _report(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        details = {"executions": rows}
        if not rows:
            text = f"Nothing stands still for {self.asked['idle']} s or longer."
            return report("SKIPPED", "NOTHING_STANDS_STILL", text, details)
        first, more = rows[0], len(rows) - 1
        text = f"{first['workflow']} {first['id']} stood still: {first['message']}"
        text += f" (and {more} more)." if more else "."
        if self.asked["dry_run"]:
            return report("SUCCEEDED", "DRY_RUN", f"{text} Nothing was done.", details)
        left = [one["id"] for one in rows if not one["asked"]]
        if left:
            raise Failed(
                f"{text} Mistral does not tell for whom it carries out {', '.join(left)}: pause"
                " and resume it yourself.",
                "CALLER_UNKNOWN",
                details,
            )
        return report("SUCCEEDED", "LOOKED_AGAIN", f"{text} Mistral looks again.", details)


def _sentence(row: Mapping[str, Any]) -> str:
    names = list(row["tasks"])
    more = len(names) - _NAMES
    shown = ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
    was = "were" if len(names) > 1 else "was"
    return _WHAT[row["what"]].format(tasks=shown, was=was)
