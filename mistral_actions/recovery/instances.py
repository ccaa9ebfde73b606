"""Actions about one server whose guest has failed: stop it, start it, see that it runs.

No step keeps a memory. Nova records what was done with a server (its instance actions), and the
plan knows the newest of them: a stop that is newer than the plan has been done, by whomever, and
is not done again. So a step that any process runs again, even after the server was started,
never stops it a second time.
"""

import contextlib
import time
from typing import Any

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction, RecoveryStep
from mistral_actions.errors import (
    BadInput,
    Conflict,
    Failed,
    NotFound,
    RecoveryError,
    Refused,
    Report,
    report,
)
from mistral_actions.inputs import Option
from mistral_actions.recovery_plan import InstancePlan, ServerOnHost
from mistral_actions.servers import lines, settings
from mistral_actions.servers.records import asked_since, newest_action
from mistral_actions.servers.state import has_key, is_our_lock
from mistral_actions.services.nova import LOOK_SECONDS, Nova

# Inputs of `recovery.instance.recover` that an operator may set once, in the Mistral environment
# `recovery`. The last two are Masakari's wait_period_after_power_off and _on.
OPTIONS = {
    "ha_metadata_key": settings.HA_METADATA_KEY,
    "process_all_instances": Option(inputs.boolean, False),
    "stop_timeout": Option(inputs.whole_number(1, 86400), 180),
    "start_timeout": Option(inputs.whole_number(1, 86400), 60),
}

# What is not brought up by stop and start, or must not be: vm_state -> reason code, sentence.
LEFT_ALONE = {
    "paused": ("PAUSED", "it is paused, and a restart would lose what it has in memory"),
    "rescued": ("RESCUED", "it is in rescue mode: somebody is repairing it"),
    "suspended": ("SUSPENDED", "it is suspended, and a restart would lose what it has in memory"),
    "shelved": ("SHELVED", "it is shelved: nothing of it runs"),
    "shelved_offloaded": ("SHELVED", "it is shelved: nothing of it runs"),
    "building": ("BUILDING", "it is still being built"),
    "soft-delete": ("DELETED", "it is deleted"),
    "deleted": ("DELETED", "it is deleted"),
}


class PlanInstanceRecovery(RecoveryAction):
    """Look at a failed server and decide what its recovery does; writes nothing.

    :param server: name or id of the server. :param dry_run: only report what would happen.
    :param options: the other inputs of the workflow, null where nothing was given.
    :param settings: the Mistral environment `recovery`.
    :param running: other recoveries of servers that have not ended (`older_recoveries`).
    :returns: the plan: the server, what it was, options, the newest record of what was done
        with it, and a report. `go_on` is false if there is nothing (more) to do.
    Errors: BAD_INPUT, UNKNOWN_SERVER, AMBIGUOUS_SERVER, HOST_DOWN, RECOVERY_RUNNING, FORBIDDEN.
    Nova: looks up the server and what was done with it.
    """

    def __init__(
        self,
        server: Any,
        dry_run: Any = None,
        options: Any = None,
        settings: Any = None,
        running: Any = None,
    ) -> None:
        self.server = server
        self.dry_run = dry_run
        self.options = options or {}
        self.settings = settings or {}
        self.running = running or []

    def act(self, nova: Nova) -> InstancePlan:
        """Return the plan."""
        given = inputs.required(self.server, "server", _name_or_id)
        dry_run = inputs.merge(inputs.DRY_RUN, {"dry_run": self.dry_run}, {})["dry_run"]
        options = inputs.merge(OPTIONS, self.options, self.settings)
        server = _find(nova, given)
        why = _why_not(server, options)
        if why is None:
            self._refuse(nova, server, dry_run)
        found: ServerOnHost = {
            "id": server["id"],
            "name": server["name"],
            "host": server.get("OS-EXT-SRV-ATTR:host"),  # shown to administrators only
            "was": server["OS-EXT-STS:vm_state"],
        }
        return {
            "server": found,
            "options": options,
            "newest_action": newest_action(nova, server["id"]),
            "go_on": why is None and not dry_run,
            "report": _plan_report(found, why, dry_run),
        }

    def _refuse(self, nova: Nova, server: dict[str, Any], dry_run: bool) -> None:
        name, host = server["name"], server.get("OS-EXT-SRV-ATTR:host")
        if _host_is_down(nova, server):
            raise Refused(
                f"{name} is on {host}, which is down: nobody there could stop or start it. If"
                f" the host has failed: `openstack recovery host {host}`. If only its"
                " nova-compute has, start that first. Nothing was changed.",
                "HOST_DOWN",
            )
        if dry_run:
            return
        for other in self.running:
            if other["decided"] and other["of"] in (server["id"], name):
                raise Refused(
                    f"{name} is being recovered already, by execution {other['id']}."
                    " Watch that one, or cancel it first.",
                    "RECOVERY_RUNNING",
                )
        if is_our_lock(server):
            raise Refused(
                f"{name} is locked with the reason {server['locked_reason']!r}: that recovery"
                " runs, or was stopped before its end; then start it again. Nothing was changed.",
                "RECOVERY_RUNNING",
            )


def _name_or_id(value: Any) -> str:
    try:
        return inputs.text(value)
    except ValueError:
        raise ValueError("the name or the id of a server") from None


def _find(nova: Nova, given: str) -> dict[str, Any]:
    if inputs.UUID.fullmatch(given):
        try:
            return nova.server(given)
        except NotFound:
            pass  # a name may look like an id
    found = nova.servers_named(given)
    if not found:
        raise BadInput(
            f"Nova has no server {given!r}. `openstack server list --all-projects` shows names"
            " and ids.",
            "UNKNOWN_SERVER",
        )
    if len(found) > 1:
        some = "; ".join(
            f"{server['id']} (project {server['tenant_id']}, {server['OS-EXT-STS:vm_state']},"
            f" on {server.get('OS-EXT-SRV-ATTR:host') or 'no host'})"
            for server in found[:5]
        )
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise BadInput(
            f"{len(found)} servers are called {given!r}, give the id of one: {some}{more}.",
            "AMBIGUOUS_SERVER",
        )
    return found[0]


def _host_is_down(nova: Nova, server: dict[str, Any]) -> bool:
    status = server.get("host_status")
    if status == "MAINTENANCE":  # disabled: Nova does not say whether it is up
        return bool(nova.compute_service(server["OS-EXT-SRV-ATTR:host"])["state"] == "down")
    return status in ("DOWN", "UNKNOWN")


def _why_not(server: dict[str, Any], options: dict[str, Any]) -> tuple[str, str] | None:
    if server["OS-EXT-STS:task_state"] == "deleting":
        return "DELETED", "it is being deleted"
    if why := LEFT_ALONE.get(server["OS-EXT-STS:vm_state"]):
        return why
    key = options["ha_metadata_key"]
    if not (options["process_all_instances"] or has_key(server, key)):
        return "NOT_HA", f"it has no metadata {key}=True, and process_all_instances is not set"
    return None


def _plan_report(server: ServerOnHost, why: tuple[str, str] | None, dry_run: bool) -> Report:
    name, host = server["name"], server["host"]
    one = lines.line(host, server, "SKIPPED" if why else "PENDING", why or "SELECTED")
    details = {"server": server["id"], "host": host, "dry_run": dry_run, "servers": [one]}
    if why:
        text = f"{name} is left alone: {why[1]}. Nothing was changed."
        return report("SKIPPED", why[0], text, details)
    if dry_run:
        steps = "start" if server["was"] == "stopped" else "stop and start"
        if server["was"] == "resized":
            steps = "reset to active (a resize can then not be reverted), stop and start"
        return report("SUCCEEDED", "DRY_RUN", f"Would {steps} {name} on {host}.", details)
    return report("FAILED", "NOT_ENDED", f"{name} has failed and is to be restarted.", details)


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
        one = lines.line(to, server, own, (reason or code, message), to)
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
    Errors: STOP_FAILED, FORBIDDEN; what else it became meanwhile. Nova: looks up the server and
    what was done with it; os-resetState if it is resized; os-stop unless it is stopped, or was
    stopped or started since the plan was made.
    """

    def __init__(self, plan: InstancePlan, tried_before: Any = None) -> None:
        super().__init__(plan)
        self.tried_before = tried_before

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
    Errors: START_FAILED, FORBIDDEN; what else it became meanwhile. Nova: looks up the server;
    os-start.
    """

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
