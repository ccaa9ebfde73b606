"""The next try to move one server to another host: where to, and how.

A plan is for one try, at one host. After a try that failed the next plan looks at Nova again, so
that it is always what Nova shows now that decides, and never what was so a while ago.
"""

from typing import Any

from mistral_actions import steps
from mistral_actions.errors import Failed, RecoveryError, Refused, Report, report
from mistral_actions.nodes import preparation
from mistral_actions.nodes.plans import HostTried, MigrationPlan
from mistral_actions.recovery_plan import EvacuationPlan, Options, Server
from mistral_actions.servers import selection
from mistral_actions.servers.hosts import Hosts, silence
from mistral_actions.servers.moves import migration, move_todo
from mistral_actions.servers.state import busy, host_of
from mistral_actions.services.nova import Nova
from mistral_actions.services.records import Record
from mistral_actions.steps import Resource, Todo

SPARE_POLLS = 60  # an evacuation that has ended is made what it was before
# by vm_state, on a host that is up
MIGRATION_OF = {"active": "live", "paused": "live", "stopped": "cold"}
VERBS = {"evacuate": "evacuate", "live": "live-migrate", "cold": "cold-migrate"}
# After these no other host is tried: it would end in the same way, or somebody does not want it.
FINAL = {"FORBIDDEN", "UNAUTHORIZED", "CANCELLED", "REVERTED"}


class NextTry:
    """What is known of a server when its next try is planned.

    :param hosts: those that Nova knows.
    :param server: as Nova shows it now; `at_first` is what it was before the first try.
    :param before: the plan of the try before this one, if there was any. :param failed: its report.
    """

    def __init__(
        self,
        nova: Nova,
        options: Options,
        hosts: Hosts,
        server: dict[str, Any],
        before: MigrationPlan | None,
        failed: Any,
    ) -> None:
        self.nova = nova
        self.options = options
        self.hosts = hosts
        self.server = server
        self.before = before
        self.at_first = before["server"] if before else preparation.about(server)
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
            text = error.message
            if self.before and self.tried[-1]["reason"] != error.code:
                text = f"{self._tries()} {text.removesuffix(' Nothing was changed.')}"
            line = ("FAILED", (error.code, text), self.server.get("OS-EXT-SRV-ATTR:host"))
            raise type(error)(text, error.code, self._details(line)) from None

    def _next(self, running: Any) -> MigrationPlan | dict[str, Any]:
        state = self.server["OS-EXT-STS:vm_state"]
        if state == "shelved_offloaded":
            raise Refused(f"{self._name} is shelved: it is on no host.", "WRONG_STATE")
        here = host_of(self.server)
        if self.before and here != self.at_first["host"]:
            return self._planned("confirm", here)  # it arrived after its time
        service = self.hosts.named(here)
        up = service["state"] == "up"
        there = here in self._wanted() and state in MIGRATION_OF and not busy(self.server)
        if up and there and not self.before:
            text = f"{self._name} is already there: it is {state} on {here}. Nothing was changed."
            return self._ended("SKIPPED", "ALREADY_THERE", text)
        if not self.options["dry_run"]:
            preparation.refuse_a_second(running, self.server)
        if up and (now := self._silent(service) or busy(self.server)):
            return self._wait(now)
        self.kind = self._kind_of_migration() if up else "evacuate"
        usable = self._usable(here)
        if self.options["dry_run"]:
            where = ", then ".join(str(one or "a host that the scheduler picks") for one in usable)
            text = f"Would {VERBS[self.kind]} {self._name} from {here} to {where}."
            return self._ended("SUCCEEDED", "DRY_RUN", text)
        return self._migration(usable[0]) if up else self._evacuation(here, usable[0])

    def _silent(self, service: Record) -> str:
        """Return what Nova shows of a host that it still takes for up and that is perhaps dead.

        A heartbeat shows that it lives; else Nova will show it down, within a minute.
        """
        seconds, now = silence(self.nova, service)
        return now if seconds > self.options["settings"]["heartbeat_timeout"] else ""

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
        for host in self._wanted():
            if host in done:
                continue
            try:
                found.append(self.hosts.destination(host))
            except Refused as error:
                text = error.message.removesuffix(" Nothing was changed.")
                self.tried.append(_try(host, None, error.code, text))
        if not self.options["host"] and None not in done:
            found = [None]
        if not found and self.before:
            raise Failed(f"It is still on {here}, and no host is left to try.", "NOT_MOVED")
        if not found:
            text = f"{self._name} can go to none of these hosts: {self._tries()}"
            raise Refused(f"{text} Nothing was changed.", "NO_TARGET")
        return found

    def _wanted(self) -> list[str]:
        """Return the hosts that were given, each once, as its compute service calls it."""
        wanted = []
        for name in self.options["host"]:
            try:
                wanted.append(self.hosts.named(name)["host"])
            except Refused:  # it is written down as such when it is its turn
                wanted.append(name)
        return list(dict.fromkeys(wanted))

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
        mine = [one for one in found["servers"] if self._is_mine(one)]
        if not mine and (never := [one for one in found["left_out"] if self._is_mine(one)]):
            text = f"{self._name} is not evacuated: {never[0]['message']}. Nothing was changed."
            raise Refused(text, "WRONG_STATE")
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

    def _is_mine(self, one: Server) -> bool:
        return bool(one["id"] == self.server["id"])

    def _planned(self, step: str, host: str | None) -> MigrationPlan:
        text = f"{self._name} is to be moved from {self.at_first['host']}."
        details = self._details(("PENDING", "SELECTED"))
        return self._plan(step, host, report("FAILED", "NOT_ENDED", text, details))

    def _ended(self, state: str, code: str, text: str) -> MigrationPlan:
        line = ("SKIPPED" if state == "SKIPPED" else "PENDING", (code, text), self.at_first["host"])
        return self._plan(None, None, report(state, code, text, self._details(line)))

    def _wait(self, now: str) -> dict[str, Any]:
        return preparation.wait(now, self._details(("PENDING", "WAITS")))

    def _plan(self, step: str | None, host: str | None, told: Report) -> MigrationPlan:
        return {
            "server": self.at_first,
            "kind": self.kind,
            "options": self.options,
            "tried": self.tried,
            "evacuation": self.evacuation,
            "next": step,
            "host": host,
            "report": told,
        }

    def _details(self, line: Any) -> dict[str, Any]:
        more = {
            "type": "migrate",
            "kind": self.kind,
            "from": self.at_first["host"],
            "to": None,
            "undo": None,
            "tried": self.tried,
        }
        return preparation.details(self.at_first, self.options, line, **more)

    def _tries(self) -> str:
        return " ".join(
            f"{one['host'] or 'The host that the scheduler picks'}: {one['message'].rstrip('.')}."
            for one in self.tried
        )

    @property
    def _name(self) -> str:
        return self.at_first["name"]


def _tried(before: MigrationPlan, failed: Report) -> HostTried:
    """Return what became of a try; an evacuation tells it in the line of the server."""
    code, text = failed["reason"], failed["message"]
    if code == "TIMED_OUT":
        text = "It had not ended in time."
    for line in failed["details"].get("servers") or []:
        if code == "SERVERS_NOT_MOVED" and line["state"] == "FAILED":
            code, text = line["reason"], line["message"] or text
    return _try(before["host"], before["kind"], code, text)


def _try(host: str | None, kind: str | None, code: str, text: str) -> HostTried:
    """Return a line about a host; without kind nothing was tried, it cannot be used."""
    return {"host": host, "kind": kind, "reason": code, "message": text}
