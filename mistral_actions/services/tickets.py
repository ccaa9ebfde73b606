"""Tickets: by them an executor knows for whom an action is to be done.

Mistral's engine knows it, and signs a ticket for each action that it hands to an executor. It is
good for this action of this execution, for some minutes. It comes with the action itself: a ticket
is no input, and neither Mistral's database nor any output has one.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import NamedTuple

from mistral_actions.errors import Unauthorized

LIFETIME = 600  # seconds from the engine to the start of the action, its wait in a queue included
SKEW = 120  # seconds by which the clocks of engines and executors may differ
_VERSION = 1


class Caller(NamedTuple):
    """For whom an execution is carried out.

    :param user: id; several with commas between them if others have resumed it.
    :param project: id of the project of all of them.
    :param roles: what all of them are there. None: Mistral has recorded none (a cron or event
        trigger): then they may do what their own token lets them.
    """

    user: str
    user_name: str
    project: str
    project_name: str
    roles: tuple[str, ...]

    def __str__(self) -> str:
        roles = ", ".join(self.roles) or "none that Mistral has recorded"
        return f"user {self.user_name}, project {self.project_name}, roles {roles}"


def sign(
    key: bytes, action: str, execution: str, root: str, caller: Caller, now: float | None = None
) -> str:
    """Return a ticket.

    :param key: `ticket_key`. :param action: name of the action's class.
    :param execution: id of the execution of which the action is a part.
    :param root: id of the one that a person or a service has started.
    """
    says = {
        "version": _VERSION,
        "action": action,
        "execution": execution,
        "root": root,
        "caller": caller._asdict(),
        "time": int(time.time() if now is None else now),
    }
    body = base64.urlsafe_b64encode(json.dumps(says, sort_keys=True).encode()).decode()
    return f"{body}.{_signature(key, body)}"


def read(
    key: bytes, ticket: object, action: str, execution: object, now: float | None = None
) -> Caller:
    """Return for whom an action is to be done.

    :param ticket: what came with the action. :param action: name of its class.
    :param execution: id of its execution, as Mistral's engine has told it.
    :raises Unauthorized: the ticket is not for this action, or no longer.
    """
    text = ticket if isinstance(ticket, str) else ""
    body, _, signature = text.rpartition(".")
    # "replace": a text may have what is no character at all
    if not hmac.compare_digest(
        _signature(key, body).encode(), signature.encode("utf-8", "replace")
    ):
        raise refused(
            "its ticket is not signed with the ticket_key of this executor. Engines and executors"
            " must have the same one in section [recovery] of mistral.conf"
        )
    says = json.loads(base64.urlsafe_b64decode(body))
    if says["version"] != _VERSION:
        raise refused("its ticket is of another version of the pack: install the same everywhere")
    if says["action"] != action:
        raise refused(f"its ticket is for another action, {says['action']}")
    if says["execution"] != execution:
        raise refused(f"its ticket is for another execution, {says['execution']}")
    age = (time.time() if now is None else now) - says["time"]
    if not -SKEW <= age <= LIFETIME:
        raise refused(
            f"its ticket is {age:.0f} s old, and good for {LIFETIME} s: either it waited so long"
            " for an executor, or the clocks of engine and executor differ"
        )
    told = says["caller"]
    return Caller(**{**told, "roles": tuple(told["roles"])})


def refused(why: str) -> Unauthorized:
    """Return the refusal of an action of which nobody knows for whom it is done."""
    return Unauthorized(f"The action was not carried out: {why}. Nothing was changed.")


def _signature(key: bytes, body: str) -> str:
    signed = f"mistral-recovery ticket\n{body}".encode("utf-8", "replace")
    return hmac.new(key, signed, hashlib.sha256).hexdigest()
