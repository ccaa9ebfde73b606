"""The steps of the recovery of one server whose guest has failed: stop it, start it, see it run.

No step keeps a memory. Nova records what was done with a server (its instance actions), and the
plan knows the newest of them: a stop that is newer than the plan has been done, by whomever, and
is not done again. So a step that any process runs again, even after the server was started,
never stops it a second time.
"""

import contextlib
import time
from typing import Any

from mistral_actions.base import RecoveryStep
from mistral_actions.errors import (
    Conflict,
    Failed,
    NotFound,
    RecoveryError,
    Refused,
    Report,
    report,
)
from mistral_actions.recovery.instances import LEFT_ALONE
from mistral_actions.recovery_plan import InstancePlan
from mistral_actions.servers import lines
from mistral_actions.servers.records import asked_since, newest_action
from mistral_actions.services.nova import LOOK_SECONDS, Nova


class InstanceStep(RecoveryStep[InstancePlan]):
    """A step of the recovery of a server."""

    @property
    def _name(self) -> str:
        return self.plan["server"]["name"]

    @property
    def _newest_known(self) -> str | None:
        """The record up to which what was done does not count."""
        return self.plan["newest_action"]

    def _look(self, nova: Nova) -> tuple[str, str | None]:
        """Return vm_state and task_state.

        :raises Refused: it is no longer what may be recovered.
        """
        server_id = self.plan["server"]["id"]
        try:
            server = nova.server(server_id)
        except NotFound:
            raise self._ended(Refused, "DELETED", f"{self._name} was deleted meanwhile.") from None
        state, task = server["OS-EXT-STS:vm_state"], server["OS-EXT-STS:task_state"]
        if why := LEFT_ALONE.get(state):
            text = f"The recovery of {self._name} has stopped: meanwhile {why[1]}."
            raise self._ended(Refused, why[0], text)
        return state, task

    def _done_since(self, nova: Nova, *actions: str) -> bool:
        """Say whether one of these was done with it after the plan was made, by whomever."""
        server = self.plan["server"]["id"]
        return asked_since(nova, server, self._newest_known, *actions) is not None

    def _not_yet(self, state: str, task: str | None, wanted: str) -> dict[str, Any]:
        """Return the result of a look that must be repeated, and the report if it was the last."""
        now = f"Nova shows {self._name} {state}" + (f", {task}" if task else "")
        late = f"{self._name} was not {wanted} in time: {now}. {self._where_to_look}"
        told = self._report("FAILED", "TIMED_OUT", late)
        return {"finished": False, "message": now, "report": told}

    def _failed(self, code: str, message: str) -> RecoveryError:
        return self._ended(Failed, code, f"{message} {self._where_to_look}")

    def _ended(self, kind: type[Refused] | type[Failed], code: str, message: str) -> RecoveryError:
        return kind(message, code, self._report("FAILED", code, message)["details"])

    def _report(self, state: str, code: str, message: str, reason: str = "") -> Report:
        server, to = self.plan["server"], self.plan["server"]["host"]
        own = "RECOVERED" if state == "SUCCEEDED" else state
        one = lines.server_line(to, server, own, (reason or code, message), to)
        details = {**self.plan["report"]["details"], "servers": [one]}
        return report(state, code, message, details)

    @property
    def _where_to_look(self) -> str:
        return f"`openstack server event list {self.plan['server']['id']}` tells what Nova did."


class StopServer(InstanceStep):
    """Stop a server, a resized one after a reset to active; polled until it is stopped.

    :param plan: the plan of the recovery.
    :param tried_before: the newest record of what was done with the server when an earlier
        attempt failed, whose stop does not count in this one; null: the plan's.
    :param alone: false while another run of this step is at work: then this one does nothing.
    Errors: STOP_FAILED, FORBIDDEN; what else it became meanwhile. Nova: looks up the server and
    what was done with it; os-resetState if it is resized; os-stop unless it is stopped, or was
    stopped or started since the plan was made.
    """

    _for_members = True

    def __init__(self, plan: InstancePlan, tried_before: Any = None, alone: bool = True) -> None:
        super().__init__(plan)
        self.tried_before = tried_before
        self.alone = alone

    @property
    def _newest_known(self) -> str | None:
        return self.tried_before or super()._newest_known

    def act(self, nova: Nova) -> dict[str, Any]:
        """Stop it, once; `finished` when it is stopped, or somebody has started it again since."""
        looked = time.monotonic()
        state, task = self._look(nova)
        if state == "stopped":
            return {"finished": True, "message": f"{self._name} is stopped"}
        # in this order: what others do after the look is among the actions
        if self._done_since(nova, "stop", "start"):
            return self._see_what_came_of_it(nova)
        if task is None and time.monotonic() - looked <= LOOK_SECONDS:
            with contextlib.suppress(Conflict):  # it is not what it was a moment ago
                self._stop(nova, state)
        return self._not_yet(state, task, "stopped")

    def _stop(self, nova: Nova, state: str) -> None:
        server_id = self.plan["server"]["id"]
        if state == "resized":
            reset = {"os-resetState": {"state": "active"}}
            nova.act(server_id, f"resetting {self._name} to active", reset)
        nova.act(server_id, f"stopping {self._name}", {"os-stop": None})

    def _see_what_came_of_it(self, nova: Nova) -> dict[str, Any]:
        state, task = self._look(nova)
        if state == "stopped" or self._done_since(nova, "start"):
            return {"finished": True, "message": f"{self._name} was stopped"}
        if task is None:  # Nova sets it before it writes down the stop: that has ended
            why = f"Nova could not stop {self._name}: it is {state}."
            failed = self._failed("STOP_FAILED", why)
            failed.details["newest_action"] = newest_action(nova, self.plan["server"]["id"])
            raise failed
        return self._not_yet(state, task, "stopped")


class StartServer(InstanceStep):
    """Start a server if it is stopped; polled while Nova is busy with it.

    :param plan: the plan of the recovery.
    :param alone: false while another run of this step is at work: then this one does nothing.
    Errors: START_FAILED, FORBIDDEN; what else it became meanwhile. Nova: looks up the server;
    os-start.
    """

    _for_members = True

    def __init__(self, plan: InstancePlan, alone: bool = True) -> None:
        super().__init__(plan)
        self.alone = alone

    def act(self, nova: Nova) -> dict[str, Any]:
        """Start it; doing so twice is harmless."""
        state, task = self._look(nova)
        if state == "active" or task == "powering-on":
            return {"finished": True, "message": f"{self._name} is started, or about to be"}
        if task is not None:
            return self._not_yet(state, task, "started")
        if state != "stopped":
            raise self._failed("START_FAILED", f"{self._name} cannot be started: it is {state}.")
        try:
            nova.act(self.plan["server"]["id"], f"starting {self._name}", {"os-start": None})
        except Conflict:
            return self._not_yet(state, task, "started")
        return {"finished": True, "message": f"Nova starts {self._name}"}


class CheckServerActive(InstanceStep):
    """See whether a server runs; polled.

    :param plan: the plan of the recovery.
    :returns: `finished`, and then the `report`.
    Errors: START_FAILED; what else it became meanwhile. Nova: looks up the server.
    """

    _for_members = True

    def act(self, nova: Nova) -> dict[str, Any]:
        """Return `finished`, true when it is active."""
        state, task = self._look(nova)
        if state == "active":
            was_off = self.plan["server"]["was"] == "stopped"
            how, reason = ("started", "STARTED") if was_off else ("restarted", "RESTARTED")
            text = f"{self._name} was {how} and is active."
            told = self._report("SUCCEEDED", "RECOVERED", text, reason)
            return {"finished": True, "report": told}
        if task is None:
            raise self._failed("START_FAILED", f"Nova could not start {self._name}: it is {state}.")
        return self._not_yet(state, task, "active")
