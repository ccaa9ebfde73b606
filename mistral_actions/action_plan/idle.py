"""Actions of a plan that touch nothing: nop and sleep."""

import datetime
from typing import Any

from mistral_actions import inputs
from mistral_actions.action_plan.checks import ActionCheck


class Nop(ActionCheck):
    """Do nothing, and say the `message` of the parameters. Nova: nothing."""

    _type = "nop"

    def _look(self, context: Any) -> dict[str, Any]:
        message = self._words("message", inputs.text) or "Nothing was to be done."
        return self._ended("SUCCEEDED", "DONE", message)


class Sleep(ActionCheck):
    """See whether the `duration` of the parameters, in seconds, has passed; polled. Nova: nothing.

    :param started: when the action began (UTC), as Mistral shows it: the only memory it has.
    """

    _type = "sleep"

    def __init__(
        self,
        action: Any,
        started: str,
        parameters: Any = None,
        satisfied: Any = None,
        cancelled: Any = False,
    ) -> None:
        super().__init__(action, parameters, satisfied, cancelled)
        self.started = started

    def _look(self, context: Any) -> dict[str, Any]:
        duration = self._parameter("duration", _seconds, 1.0)
        passed = datetime.datetime.now(datetime.UTC) - inputs.time(self.started)
        if passed.total_seconds() < duration:
            now = f"{passed.total_seconds():.0f} of {duration:g} s have passed"
            return {**self._ended("FAILED", "NOT_ENDED", now), "finished": False, "message": now}
        return self._ended("SUCCEEDED", "DONE", f"{duration:g} s have passed.")


def _seconds(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number <= 86400 or isinstance(value, bool):
        raise ValueError("seconds, from 0 to 86400")
    return number
