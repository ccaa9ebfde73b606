"""What can go wrong, as the operator reads it.

RecoveryError
 ├── BadInput            BAD_INPUT            what was given cannot be used; nothing was touched
 ├── Refused             HOST_UP, UNKNOWN_HOST, RECOVERY_RUNNING, ...   must not be done now
 ├── StillRunning        STILL_RUNNING        another process must end first; tried again
 ├── Failed              SERVERS_NOT_MOVED, TIMED_OUT, ...   was tried and did not work
 └── NovaError           Nova (or Keystone) did not do what it was asked
      ├── NotFound       NOT_FOUND            404
      ├── Conflict       CONFLICT             409: the server is in a state that forbids it
      ├── Rejected       REJECTED             400 and other 4xx
      ├── Forbidden      FORBIDDEN            403: the caller lacks a right
      ├── Unauthorized   UNAUTHORIZED         401: no token, or one that has expired
      └── Unavailable    NOVA_UNAVAILABLE     5xx, 429, no connection. Tried again

An action never raises these into Mistral (that would leak a repr into `state_info`): `base`
turns each into the dict of `as_dict`, which is what `on-error` branches see.
"""

from collections.abc import Mapping
from typing import Any

Report = dict[str, Any]  # state, reason, message and details, see `report`


class RecoveryError(Exception):
    """A failure with a code for programs and a sentence for people.

    :param message: what was tried, what was found, what to do.
    :param code: one of the reason codes above; the class has a default.
    :param details: more for the report of the workflow, e.g. the servers.
    """

    code = "FAILED"
    retriable = False

    def __init__(
        self, message: str, code: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details = details or {}

    def as_dict(self) -> dict[str, Any]:
        """Return the error as an action's error result: code, message, retriable, report."""
        return {
            "code": self.code,
            "message": self.message,
            "retriable": self.retriable,
            "report": report("FAILED", self.code, self.message, self.details),
        }


def report(state: str, reason: str, message: str, details: dict[str, Any]) -> dict[str, Any]:
    """Return a report, which every workflow of the pack has as its output `report`.

    :param state: SUCCEEDED, SKIPPED (there was nothing to do) or FAILED.
    :param reason: a code: RECOVERED, DRY_RUN, NOTHING_TO_RECOVER or that of an error.
    :param message: the same as a sentence.
    :param details: at least `host` and `servers`.
    """
    return {"state": state, "reason": reason, "message": message, "details": details}


def is_report(found: Any) -> bool:
    """Say whether something is a report, whatever else it may be."""
    # YAQL hands over mappings of its own, not dicts
    return isinstance(found, Mapping) and {"state", "reason", "message", "details"} <= found.keys()


def report_of(found: Any) -> dict[str, Any]:
    """Return the report in the output of a workflow, or in the result or error of an action.

    :param found: whatever Mistral has.
    :returns: the report, with a mapping as its details; empty if there is none.
    """
    told: Any = found.get("report") if isinstance(found, Mapping) else None
    return {**told, "details": told["details"] or {}} if is_report(told) else {}


class BadInput(RecoveryError):
    """What was given cannot be used."""

    code = "BAD_INPUT"


class Refused(RecoveryError):
    """The request is understood, and carrying it out now would be wrong."""

    code = "REFUSED"


class StillRunning(RecoveryError):
    """Something else must end first, and will soon."""

    code = "STILL_RUNNING"
    retriable = True


class Failed(RecoveryError):
    """A step was carried out and did not reach its end."""


class NovaError(RecoveryError):
    """A service answered with an error, or not at all."""

    code = "NOVA_ERROR"


class NotFound(NovaError):
    """404."""

    code = "NOT_FOUND"


class Conflict(NovaError):
    """409."""

    code = "CONFLICT"


class Rejected(NovaError):
    """400, or another 4xx without a class of its own."""

    code = "REJECTED"


class Forbidden(NovaError):
    """403. The message carries Nova's, which names the policy rule that is missing."""

    code = "FORBIDDEN"


class Unauthorized(NovaError):
    """401."""

    code = "UNAUTHORIZED"


class Unavailable(NovaError):
    """5xx, 429 or no connection: trying again is right."""

    code = "NOVA_UNAVAILABLE"
    retriable = True
