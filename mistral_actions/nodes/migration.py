"""Moving one server to another host: where to, how, and that it has arrived.

A plan is for one try, at one host. After a try that failed the next plan looks at Nova again, so
that it is always what Nova shows now that decides, and never what was so a while ago.
"""

from typing import Any

from mistral_actions import inputs, steps
from mistral_actions.base import RecoveryAction, RecoveryStep
from mistral_actions.errors import (
    Failed,
    Forbidden,
    NotFound,
    RecoveryError,
    Refused,
    Report,
    report,
)
from mistral_actions.inputs import Option
from mistral_actions.nodes import preparation
from mistral_actions.nodes.plans import HostTried, MigrationPlan
from mistral_actions.recovery_plan import EvacuationPlan, Options
from mistral_actions.servers import lines, selection, settings
from mistral_actions.servers.hosts import destination
from mistral_actions.servers.moves import migration, move_todo
from mistral_actions.servers.state import busy, host_of
from mistral_actions.services.nova import Nova
from mistral_actions.steps import Resource, Todo

OPTIONS = {
    **inputs.DRY_RUN,
    "cluster_id": preparation.COMMON["cluster_id"],
    "host": Option(inputs.host_names, []),
    "timeout": Option(steps.ACTION_TIMEOUT["action_timeout"].parse, None),
}
# What the operator has set for all recoveries holds here, too.
SETTINGS = {
    "timeout": steps.ACTION_TIMEOUT["action_timeout"],
    "evacuation_timeout": settings.EVACUATION_TIMEOUT,
    "heartbeat_timeout": settings.HEARTBEAT_TIMEOUT,
    "ha_metadata_key": settings.HA_METADATA_KEY,
}
SPARE_POLLS = 60  # an evacuation that has ended is made what it was before
# by vm_state, on a host that is up
MIGRATION_OF = {"active": "live", "paused": "live", "stopped": "cold"}
VERBS = {"evacuate": "evacuate", "live": "live-migrate", "cold": "cold-migrate"}
# After these no other host is tried: it would end in the same way, or somebody does not want it.
FINAL = {"FORBIDDEN", "UNAUTHORIZED", "CANCELLED", "REVERTED"}


class PlanNodeMigration(RecoveryAction):
    """Decide where a server goes next, and how; writes nothing; polled.

    :param node_id: id of the server. :param host: hosts to try, in this order, comma separated;
        null: the scheduler picks one. :param dry_run: only report what would happen.
    :param timeout: seconds until a try must have ended. :param cluster_id: for the report.
    :param settings: the Mistral environment `recovery`.
    :param running: other recoveries of the server and its host (lists of `older_recoveries`).
    :param before: the plan before this one, whose try has failed. :param failed: its report.
    :returns: the plan: `next` (evacuate, migrate, confirm, or null: nothing is to be done), `host`
        (null: the scheduler picks), what was `tried`, and a report.
    Errors: BAD_INPUT, FORBIDDEN, UNKNOWN_SERVER, DELETED, RECOVERY_RUNNING, LOCKED, WRONG_STATE,
    NO_TARGET, NOT_MOVED, and that of the last try.
    Nova: lists services, hypervisors, the servers of a host that is down and its evacuations;
    looks up the server, its migrations and what was done with it.
    """

    def __init__(
        self,
        node_id: Any,
        host: Any = None,
        dry_run: Any = None,
        timeout: Any = None,
        cluster_id: Any = None,
        settings: Any = None,
        running: Any = None,
        before: Any = None,
        failed: Any = None,
    ) -> None:
        self.node_id = node_id
        self.host = host
        self.dry_run = dry_run
        self.timeout = timeout
        self.cluster_id = cluster_id
        self.settings = settings or {}
        self.running = running
        self.before = before
        self.failed = failed

    def act(self, nova: Nova) -> MigrationPlan | dict[str, Any]:
        """Return the plan."""
        given = {name: getattr(self, name) for name in OPTIONS}
        options = inputs.merge(OPTIONS, given, {})
        set_once = {k: v for k, v in self.settings.items() if k != "timeout"}
        set_once["timeout"] = self.settings.get("action_timeout")
        options["settings"] = inputs.merge(SETTINGS, {}, set_once)
        services = _services(nova)
        server = preparation.find(nova, self.node_id)
        return _Choice(nova, options, services, server, self.before, self.failed).plan(
            None if self.before else self.running
        )


def _services(nova: Nova) -> dict[str, dict[str, Any]]:
    """Return the compute services by host: the first that Nova refuses to who is no administrator.

    :raises Forbidden: in a sentence that says whose rights are meant.
    """
    try:
        return {service["host"]: service for service in nova.compute_services()}
    except Forbidden as error:
        raise Forbidden(
            f"{error.message} Moving a server needs the rights of a Nova administrator (to list"
            " compute services, evacuate and migrate); a Senlin policy has the rights of the"
            " cluster's owner, who must then have that role. Nothing was changed."
        ) from None


class _Choice:
    """What is known of a server when the next host is chosen."""

    def __init__(
        self,
        nova: Nova,
        options: Options,
        services: dict[str, dict[str, Any]],
        server: dict[str, Any],
        before: MigrationPlan | None,
        failed: Any,
    ) -> None:
        self.nova = nova
        self.options = options
        self.services = services
        self.server = server
        self.before = before
        self.own = before["server"] if before else preparation.about(server)
        self.tried = [*before["tried"], _tried(before, failed)] if before else []
        self.kind = before["kind"] if before else None
        self.evacuation = before["evacuation"] if before else None

    def plan(self, running: Any) -> MigrationPlan | dict[str, Any]:
        """Return the plan; a refusal after a try tells of the tries, too."""
        try:
            if self.before and self.tried[-1]["reason"] in FINAL:
                raise Failed(self.tried[-1]["message"], self.tried[-1]["reason"])
            return self._next(running)
        except RecoveryError as error:
            told = error.message
            if self.before and self.tried[-1]["reason"] != error.code:
                told = f"{self._tries()} {told.removesuffix(' Nothing was changed.')}"
            line = ("FAILED", (error.code, told), self.server.get("OS-EXT-SRV-ATTR:host"))
            raise type(error)(told, error.code, self._details(line)) from None

    def _next(self, running: Any) -> MigrationPlan | dict[str, Any]:
        state = self.server["OS-EXT-STS:vm_state"]
        if state == "shelved_offloaded":
            raise Refused(f"{self._name} is shelved: it is on no host.", "WRONG_STATE")
        here = host_of(self.server)
        if self.before and here != self.own["host"]:
            return self._planned("confirm", here)  # it arrived after its time
        service = self.services.get(here) or self.nova.compute_service(here)
        up = service["state"] == "up"
        there = here in self.options["host"] and state in MIGRATION_OF and not busy(self.server)
        if up and there and not self.before:
            text = f"{self._name} is already there: it is {state} on {here}. Nothing was changed."
            return self._ended("SKIPPED", "ALREADY_THERE", text)
        if not self.options["dry_run"]:
            preparation.refuse_a_second(running, self.server)
        if up and (told := self._silent(service)):
            return self._wait(told)
        if up and (told := busy(self.server)):
            return self._wait(told)
        self.kind = self._kind_of_migration() if up else "evacuate"
        usable = self._usable(here)
        if self.options["dry_run"]:
            where = ", then ".join(str(one or "a host that the scheduler picks") for one in usable)
            text = f"Would {VERBS[self.kind]} {self._name} from {here} to {where}."
            return self._ended("SUCCEEDED", "DRY_RUN", text)
        return self._migration(usable[0]) if up else self._evacuation(here, usable[0])

    def _silent(self, service: dict[str, Any]) -> str:
        """Return what Nova shows of a host that it still takes for up and that is perhaps dead.

        A heartbeat shows that it lives; else Nova will show it down, within a minute.
        """
        silent = (self.nova.now - inputs.time(service["updated_at"])).total_seconds()
        if silent <= self.options["settings"]["heartbeat_timeout"]:
            return ""
        return f"Nova shows {service['host']} up; its last heartbeat was {int(silent)} s ago"

    def _kind_of_migration(self) -> str:
        state, here = self.server["OS-EXT-STS:vm_state"], self.server["OS-EXT-SRV-ATTR:host"]
        preparation.refuse_locked(self.server)
        if state in MIGRATION_OF:
            return MIGRATION_OF[state]
        hint = "Nova moves active, paused and stopped servers."
        if state == "error":
            hint = "Nova moves none in error from a host that is up; a rebuild helps, in its place."
        raise Refused(
            f"{self._name} is {state} on {here}, which is up. {hint} Nothing was changed.",
            "WRONG_STATE",
        )

    def _usable(self, here: str) -> list[str | None]:
        """Return the hosts to try from here on; those that cannot be are written down as tried.

        :raises Refused: NO_TARGET: none is left, and none was tried.
        :raises Failed: NOT_MOVED: none is left.
        """
        # a host that is dead now and was not then makes another way of it: tried once more
        done = {one["host"] for one in self.tried if one["kind"] in (None, self.kind)}
        found: list[str | None] = []
        for name in self.options["host"]:
            if name in done:
                continue
            try:
                host = destination(self.nova, name)
                if host == here:
                    raise Refused(f"{name} is where it is.", "IS_THERE")
                found.append(host)
            except Refused as error:
                text = error.message.removesuffix(" Nothing was changed.")
                self.tried.append(_try(name, None, error.code, text))
        if not self.options["host"] and None not in done:
            found = [None]
        if not found and self.before:
            raise Failed(f"It is still on {here}, and no host is left to try.", "NOT_MOVED")
        if not found:
            text = f"{self._name} can go to none of these hosts: {self._tries()}"
            raise Refused(f"{text} Nothing was changed.", "NO_TARGET")
        return found

    def _migration(self, host: str | None) -> MigrationPlan:
        timeout = self.options["timeout"] or self.options["settings"]["timeout"]
        plan = self._planned("migrate", host)
        resource: Resource = {"id": self.server["id"], "name": self._name}
        todo: Todo = {"resource": resource, "report": plan["report"]}
        return {
            **plan,
            "polls": steps.polls(timeout),
            "todo": move_todo(self.nova, self.server, migration(self.kind == "live", host), todo),
        }

    def _evacuation(self, here: str, host: str | None) -> MigrationPlan | dict[str, Any]:
        """Return the plan of a recovery of the host that is reduced to this server."""
        settings = self.options["settings"]
        timeout = self.options["timeout"] or settings["evacuation_timeout"]
        options = {
            "evacuation_timeout": timeout,
            "ha_metadata_key": settings["ha_metadata_key"],
            "evacuate_all": True,
            "ignore_error_servers": False,
            "leave_out": [],
            "lock_servers": False,  # nobody but this execution would take the lock off
            "concurrency": 1,
        }
        found = selection.select(self.nova, here, options, [])
        if self.before and found["adopted"]:
            return self._wait(f"Nova still evacuates {self._name} from {here}")
        mine = [one for one in found["servers"] if one["id"] == self.server["id"]]
        if not mine:
            return self._wait(f"Nova does not list {self._name} on {here} (any more)")
        plan = self._planned("evacuate", host)
        # what it was before the first try: a failed one has put it into error
        first: EvacuationPlan = self.evacuation or {
            **found,
            "servers": mine,
            "left_out": [],
            "host": here,
            "options": options,
            "report": plan["report"],
        }
        return {
            **plan,
            "polls": timeout // steps.POLL_SECONDS + SPARE_POLLS,
            "evacuation": first,
            "tried_before": found["tried_before"],
        }

    def _planned(self, step: str, host: str | None) -> MigrationPlan:
        text = f"{self._name} is to be moved from {self.own['host']}."
        details = self._details(("PENDING", "SELECTED"))
        return self._plan(step, host, report("FAILED", "NOT_ENDED", text, details))

    def _ended(self, state: str, code: str, text: str) -> MigrationPlan:
        line = ("SKIPPED" if state == "SKIPPED" else "PENDING", (code, text), self.own["host"])
        return self._plan(None, None, report(state, code, text, self._details(line)))

    def _wait(self, now: str) -> dict[str, Any]:
        return preparation.wait(now, self._details(("PENDING", "WAITS")))

    def _plan(self, step: str | None, host: str | None, told: Report) -> MigrationPlan:
        return {
            "server": self.own,
            "kind": self.kind,
            "options": self.options,
            "tried": self.tried,
            "evacuation": self.evacuation,
            "next": step,
            "host": host,
            "report": told,
        }

    def _details(self, line: Any) -> dict[str, Any]:
        more = {"type": "migrate", "kind": self.kind, "from": self.own["host"], "to": None}
        return dict(
            preparation.details(self.own, self.options, line, **more, undo=None, tried=self.tried)
        )

    def _tries(self) -> str:
        return " ".join(
            f"{one['host'] or 'The host that the scheduler picks'}: {one['message'].rstrip('.')}."
            for one in self.tried
        )

    @property
    def _name(self) -> str:
        return str(self.own["name"])


def _tried(before: MigrationPlan, failed: Report) -> HostTried:
    """Return what became of a try; an evacuation tells it in the line of the server."""
    code, text = failed["reason"], failed["message"]
    if code == "NOT_ENDED":  # a poll that is given up publishes nothing
        code, text = "TIMED_OUT", "It had not ended in time."
    for line in failed["details"].get("servers") or []:
        if code == "SERVERS_NOT_MOVED" and line["state"] == "FAILED":
            code, text = line["reason"], line["message"] or text
    return _try(before["host"], before["kind"], code, text)


def _try(host: str | None, kind: str | None, code: str, text: str) -> HostTried:
    """Return a line about a host; without kind nothing was tried, it cannot be used."""
    return {"host": host, "kind": kind, "reason": code, "message": text}


class CheckNodeMoved(RecoveryStep[MigrationPlan]):
    """See whether a server has arrived on another host; polled.

    :param plan: the plan of its migration.
    :returns: `finished`, and then the report.
    Errors: NOT_MOVED, GONE. Nova: looks up the server.
    """

    def act(self, nova: Nova) -> dict[str, Any]:
        """Return the report when Nova does nothing more with the server."""
        own, tried = self.plan["server"], self.plan["tried"]
        try:
            server = nova.server(own["id"])
        except NotFound:
            raise Failed(f"{own['name']} was deleted meanwhile.", "GONE") from None
        if now := busy(server):
            return preparation.wait(now, self.plan["report"]["details"])
        here, state = host_of(server), server["OS-EXT-STS:vm_state"]
        good = here != own["host"] and (state != "error" or own["was"] == "error")
        code = "EVACUATED" if self.plan["kind"] == "evacuate" else "MIGRATED"
        text = f"{own['name']} was moved from {own['host']} to {here} and is {state}."
        if not good:
            code, text = "NOT_MOVED", f"{own['name']} was not moved: it is {state} on {here}."
        found = {
            **self.plan["report"]["details"],
            "to": here,
            "tried": tried,
            "servers": [lines.line(own["host"], own, "MOVED" if good else "FAILED", code, here)],
        }
        if not good:
            raise Failed(text, code, found)
        return {"finished": True, "report": report("SUCCEEDED", code, text, found)}
