"""The keeper of Mistral, for whoever waits: when nothing moves, Mistral is asked to look again.

What stands still, and what is done about it, is decided in Mistral (`recovery.keeper.look`).
"""

import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from driver.errors import DriverError, mask_secrets
from driver.mistral.client import MistralClient
from driver.mistral.records import Execution, Record
from mistral_actions.errors import report_of

LOOK = "recovery.keeper.look"

#: Seconds without a movement after which Mistral is asked to look again.
STILL = 30.0
# It may be right that nothing moves, a live migration for instance: ask ever more seldom.
_LONGEST_PAUSE = 300.0
# Whether something moved while Mistral did not answer for so long, nobody has seen.
_GAP = 20.0
_NOTE = re.compile(r"\[(looked at again[^]]*)\](\"})?$")


def found_by(look: Execution) -> list[Record]:
    """Return what a look of the keeper has found: a record for each execution."""
    rows = report_of(look.output).get("details", {}).get("executions") or []
    return [row for row in rows if isinstance(row, dict)]


def note_in(description: str) -> str:
    """Return what the keeper has noted at the end of a description, as a sentence, if anything.

    :param description: a text, or the JSON of a cron trigger.
    """
    found = _NOTE.search(description)
    return f"Nothing moved: {found[1]}." if found else ""


def begin_look(mistral: MistralClient, execution_id: str) -> str:
    """Let the keeper look at an execution and all below it; return the id of its own execution.

    One look is enough for all who ask within the same 30 s: they ask for the same execution.
    """
    name = f"{LOOK} {execution_id} {int(time.time() // STILL)}"
    look = mistral.start(
        LOOK,
        {"execution": execution_id},
        str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        f"nothing moves in {execution_id}",
    )
    return look.id


class Standstill:
    """Asks Mistral to look again when what somebody waits for does not move.

    :param execution_id: what is waited for.
    :param clock: replaced by tests.
    """

    def __init__(
        self,
        mistral: MistralClient,
        execution_id: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mistral = mistral
        self._root = execution_id
        self._clock = clock
        self._sign: object = None
        self._since = self._due = self._last = clock()
        self._pause = STILL
        self._look = ""
        self._is_off = False

    def seen(self, sign: object) -> str:
        """Take a sign of movement; once in a while return what to tell the person.

        :param sign: anything that changes when something moves.
        """
        now = self._clock()
        if sign != self._sign or now - self._last > _GAP:
            self._sign, self._since, self._pause = sign, now, STILL
            self._due = now + STILL
        self._last = now
        try:
            if self._look:
                return self._read(now)
            if now >= self._due and not self._is_off:
                self._begin(now)
        except DriverError as error:
            self._look = ""
            if not error.may_pass:
                self._is_off = True
                return f"{self._still(now)}, and Mistral does not look again: {error}"
        return ""

    def _begin(self, now: float) -> None:
        self._due = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._look = begin_look(self._mistral, self._root)

    def _read(self, now: float) -> str:
        look = self._mistral.execution(self._look)
        if not look.ended:
            # it may have been lost itself: then another one is started
            self._look = self._look if now < self._due else ""
            return ""
        self._look = ""
        if not found_by(look):
            return ""
        return f"{self._still(now)}: {mask_secrets(_message(report_of(look.output)))}"

    def _still(self, now: float) -> str:
        return f"nothing moves for {now - self._since:.0f} s"


def _message(report: Mapping[str, Any]) -> str:
    return str(report.get("message") or "").rstrip(".")
