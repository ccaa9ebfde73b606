"""One pass of a bulk evacuation: what Nova's records say, and the next step of each server.

A pass keeps no memory. Whatever process runs it next finds the same answer in Nova: a server
has been started if it has a migration record of this attempt, it has been restored when it
carries our lock no more.

What is not in a list proves nothing: Nova leaves out what lies in a cell that does not answer at
that moment. So a server is started only if it was seen on the host, idle, after the records were
read; and the end is told only of servers that were seen as they shall be, unlocked.

Nova does not refuse to evacuate a server that is being evacuated, and then both fail. So two
passes must never write at once. Mistral's engine begins none while another one runs
(`engine.chains`); and a pass stops writing after `PASS_SECONDS`, long before Mistral takes its
process for dead and starts another one.
"""

import contextlib
import datetime
import time
from collections import Counter
from typing import Any

from mistral_actions import inputs
from mistral_actions.errors import (
    Conflict,
    Failed,
    Forbidden,
    NotFound,
    NovaError,
    Refused,
    Rejected,
    report,
)
from mistral_actions.recovery.evacuation_messages import failure_message, success_message
from mistral_actions.recovery.evacuation_records import (
    MOVED,
    SLACK,
    EvacuationRecords,
    why_failed,
)
from mistral_actions.recovery.stuck import is_rebuilding
from mistral_actions.recovery_plan import EvacuationPlan, ServerBefore, ServerLine
from mistral_actions.servers.lines import server_line
from mistral_actions.servers.selection import FAILED
from mistral_actions.servers.state import LOCK_REASON, busy, host_of, is_our_lock
from mistral_actions.services.nova import Nova
from mistral_actions.services.records import Record

PASS_SECONDS = 5  # less than any sensible [action_heartbeat] of Mistral
EVACUABLE = {"active", "stopped", "error"}
PENDING_STATES = ("PENDING", "RUNNING")


class EvacuationPass:
    """A look at all servers of a plan, and the next step of each.

    :param plan: the plan of the recovery (`recovery.plan_host_recovery`).
    :param destination: the host to evacuate to; None lets the scheduler pick.
    :param tried_before: records up to this id belong to earlier attempts, whose failures do
        not count in this one.
    :param begin: whether servers may be started that are not yet.
    """

    def __init__(
        self,
        nova: Nova,
        plan: EvacuationPlan,
        destination: str | None,
        tried_before: int,
        begin: bool = True,
    ) -> None:
        self.nova = nova
        self.plan = plan
        self.host = plan["host"]
        self.options = plan["options"]
        self.destination = destination
        self.tried_before = tried_before
        self.begin = begin
        self.deadline = time.monotonic() + PASS_SECONDS
        self.lines: dict[str, ServerLine] = {}
        self.records: EvacuationRecords
        self.overdue: dict[str, ServerBefore] = {}

    def run(self) -> dict[str, Any]:
        """Do the pass; return counts, and the report when nothing is left to do.

        :raises Failed: all have ended and some could not be moved (SERVERS_NOT_MOVED).
        :raises Refused: the host came back (HOST_UP).
        """
        self.records = EvacuationRecords(self.nova, self.plan)
        for server in self.plan["servers"]:
            self._judge(server)
        self._restore()
        if self.begin:
            self._start_missing()
        if not self._left:
            self._see_the_end()
        return self._result()

    # ---- what has happened
    def _judge(self, server: ServerBefore) -> None:
        """Set the server's line by its migration records."""
        record = self.records.newest(server)
        if server.get("moved"):
            to = self.records.last_move(server).get("dest_compute")
            self._set(server, "MOVED", "EVACUATED_BEFORE", to=to)
        elif record is None:
            self._set(server, "PENDING", "WAITS")
        elif record["status"] in MOVED:
            self._set(server, "MOVED", "EVACUATED", to=record["dest_compute"])
        elif record["status"] in FAILED:
            self._failed(server, record, why_failed(record))
        else:
            self._judge_open(server, record)

    def _judge_open(self, server: ServerBefore, record: dict[str, Any]) -> None:
        """Set the line of a server whose newest record is open; if that proves nothing, by it."""
        instead = self.records.ended_instead(server, record)
        age = self.records.age(record["created_at"])
        idle = self._seen_idle(server) if instead or age > self._patience else None
        if idle and (host := host_of(idle)) != self.host:
            self._set(server, "MOVED", "EVACUATED", to=host)
        elif idle and instead:
            self._failed(server, record, why_failed(instead))
        elif age > self._patience:
            why = f"still {record['status']} in Nova after {age} s"
            self._set(server, "FAILED", ("TIMED_OUT", why), to=record["dest_compute"])
        else:
            self._set(server, "RUNNING", "EVACUATING", to=record["dest_compute"])

    def _failed(self, server: ServerBefore, record: dict[str, Any], why: str) -> None:
        """Set the line of a server whose evacuation failed, in this attempt or an earlier one."""
        if int(record["id"]) <= self.tried_before:
            self._set(server, "PENDING", "WAITS")
        else:
            self._set(server, "FAILED", why)

    def _seen_idle(self, server: ServerBefore) -> Record | None:
        """Return what Nova shows of a server that it does nothing with; None if it does."""
        with contextlib.suppress(NotFound):
            seen = self.nova.server(server["id"])
            return None if seen["OS-EXT-STS:task_state"] else seen
        return None

    def _set(
        self, server: ServerBefore, state: str, why: str | tuple[str, str], to: Any = None
    ) -> None:
        self.lines[server["id"]] = server_line(self.host, server, state, why, to)

    # ---- bring back what a server was, then take our lock off
    def _restore(self) -> None:
        waiting = self._ended()
        if not waiting:
            return
        marked: dict[str, Record] = {}
        if self.options["lock_servers"]:
            found = self.nova.locked_servers(_a_day_before(self.plan["since"]))
            marked = {server["id"]: server for server in found}
        for server in waiting:
            if server["id"] in marked or server.get("moved") or self._is_unmarked(server):
                self._look_after(server, marked.get(server["id"]))

    def _see_the_end(self) -> None:
        """Look at each server once more: none is done that was not seen as it shall be."""
        found = self.nova.changed_servers(self.plan["since"])
        seen = {server["id"]: server for server in found if server.get("status") != "DELETED"}
        for server in self._ended():
            self._look_after(server, seen.get(server["id"]))
        if not self._left:
            for server in self.overdue.values():
                if self._locks(server):
                    with contextlib.suppress(NotFound):
                        self._unlock(server)

    def _ended(self) -> list[ServerBefore]:
        ended = {"MOVED", "FAILED"}
        return [one for one in self.plan["servers"] if self.lines[one["id"]]["state"] in ended]

    def _look_after(self, server: ServerBefore, seen: Record | None) -> None:
        """Do the next step of a server whose evacuation has ended, as it was seen or is now.

        One that nobody has locked is its user's again.
        """
        if self._late:
            self._set(server, "RUNNING", "RESTORING", to=self.lines[server["id"]]["to"])
            return
        # what changed since the look is seen in the next pass, or the server is gone
        with contextlib.suppress(NotFound, Conflict):
            seen = seen or self.nova.server(server["id"])
            if self._is(server, "MOVED") and host_of(seen) == self.host:
                why = "Nova has recorded that it was moved, and shows it where it was"
                self._set(server, "FAILED", ("NOT_MOVED", why))
            if seen["locked"] or self._is_unmarked(server):
                self._restore_one(server, seen)

    def _is_unmarked(self, server: ServerBefore) -> bool:
        """Say whether it is to be made what it was although no lock of ours tells so."""
        return self.records.to_be_restored(server) and not self._locks(server)

    def _locks(self, server: ServerBefore) -> bool:
        return bool(self.options["lock_servers"] and not server["locked"])

    def _restore_one(self, server: ServerBefore, seen: Record) -> None:
        line = self.lines[server["id"]]
        if line["state"] == "MOVED" and (body := _next_step(server["was"], seen)) is not None:
            if self._worth_a_try(server, seen, body):
                self._set(server, "RUNNING", "RESTORING", to=line["to"])
                if body:
                    self.nova.act(server["id"], f"making {server['name']} what it was", body)
                return
            why = f"it is {seen['OS-EXT-STS:vm_state']}, and was {server['was']}"
            self._set(server, "MOVED", ("NOT_RESTORED", why), to=line["to"])
        if line["reason"] == "TIMED_OUT":
            # it may arrive yet, and its lock says: to be restored
            self.overdue[server["id"]] = server
        elif is_our_lock(seen, self.host):
            self._unlock(server)

    def _worth_a_try(self, server: ServerBefore, seen: Record, body: dict[str, Any]) -> bool:
        """Say yes for a while after the move, and later if nobody has tried it yet."""
        arrived = self.records.last_move(server).get("updated_at") or self.plan["since"]
        if self.records.age(arrived) <= self._patience:
            return True
        if body:
            return self.records.age(seen["updated"]) + SLACK >= self.records.age(arrived)
        return self.records.age(seen["updated"]) <= self._patience

    def _unlock(self, server: ServerBefore) -> None:
        self.nova.act(server["id"], f"unlocking {server['name']}", {"unlock": None})

    @property
    def _late(self) -> bool:
        return time.monotonic() > self.deadline

    @property
    def _patience(self) -> int:
        return int(self.options["evacuation_timeout"])

    # ---- start what is missing
    def _start_missing(self) -> None:
        while (these := self._next_to_start()) and not self._late:
            seen = self._seen_on_the_host(these)
            for server in these:
                self._start(server, seen.get(server["id"]))
                if self._is(server, "PENDING"):
                    return  # it is late, Nova does not show all, or the host is up

    def _next_to_start(self) -> list[ServerBefore]:
        running = sum(line["state"] == "RUNNING" for line in self.lines.values())
        room = max(0, self.options["concurrency"] - running)
        return [one for one in self.plan["servers"] if self._is(one, "PENDING")][:room]

    def _is(self, server: ServerBefore, *states: str) -> bool:
        return self.lines[server["id"]]["state"] in states

    def _seen_on_the_host(self, these: list[ServerBefore]) -> dict[str, Record]:
        """Return what Nova shows now of servers: by one list, if they are more than one."""
        found = self.nova.servers_on(self.host) if len(these) > 1 else []
        return {server["id"]: server for server in found}

    def _start(self, server: ServerBefore, seen: Record | None) -> None:
        try:
            seen = seen or self.nova.server(server["id"])
            if self._may_be_evacuated(server, seen):
                self._lock(server, seen)
                if is_rebuilding(seen):
                    self._reset(server)
                self._ask_for_evacuation(server)
        except NotFound as error:
            self._not_found(server, error)
        except (Forbidden, Refused):
            self._leave(server)
            raise
        if self._is(server, "SKIPPED", "FAILED"):
            self._leave(server)

    def _lock(self, server: ServerBefore, seen: Record) -> None:
        if self._locks(server) and not is_our_lock(seen, self.host):
            lock = {"locked_reason": LOCK_REASON.format(host=self.host)}
            self.nova.act(server["id"], f"locking {server['name']}", {"lock": lock})

    def _leave(self, server: ServerBefore) -> None:
        """Take the lock off a server that is not evacuated."""
        if self._locks(server):
            with contextlib.suppress(NovaError):
                self._unlock(server)

    def _may_be_evacuated(self, server: ServerBefore, seen: Record) -> bool:
        """Say whether a server is on the host, and not under way already; else set its line."""
        host, task = host_of(seen), seen["OS-EXT-STS:task_state"] or ""
        if host != self.host and self.records.asked_for(server):
            self._set(server, "RUNNING", "EVACUATING", to=host)  # its record is seen next time
        elif host != self.host:
            self._set(server, "SKIPPED", ("MOVED_BY_OTHERS", f"it is on {host}"), to=host)
        elif task == "deleting":
            self._set(server, "SKIPPED", ("DELETED", "it is being deleted"))
        elif is_rebuilding(seen):
            return self._may_be_reset(server, seen)
        else:  # no record at all: have there been some, and Nova does not show them?
            return not (self.records.none and self.records.asked_for(server))
        return False

    def _may_be_reset(self, server: ServerBefore, seen: Record) -> bool:
        """Say whether a server is under way in Nova's eyes only, and to be begun anew."""
        if server.get("stuck") and not self.records.asked_for(server):
            return True
        self._set(server, "RUNNING", "EVACUATING")  # its record is seen next time
        if (
            age := self.records.age(seen["updated"])
        ) > self._patience:  # a rebuild on the dead host
            self._set(server, "FAILED", ("TIMED_OUT", f"{busy(seen)}, for {age} s"))
        return False

    def _ask_for_evacuation(self, server: ServerBefore) -> None:
        if self._late:  # what came before was slow: another process may be at work
            return
        try:
            self._evacuate(server)
        except (Conflict, Rejected) as error:
            seen = self.nova.server(server["id"])  # it is not what it was
            if self._may_be_evacuated(server, seen):
                if isinstance(error, Conflict) and seen["OS-EXT-STS:vm_state"] not in EVACUABLE:
                    self._evacuate_from_error(server)
                else:
                    self._refused(server, error)

    def _evacuate_from_error(self, server: ServerBefore) -> None:
        """Evacuate a paused, rescued, resized, ... server: Nova does it from ERROR only."""
        try:
            self._reset(server)
            self._evacuate(server)
        except (Conflict, Rejected) as error:
            self._refused(server, error)

    def _reset(self, server: ServerBefore) -> None:
        reset = {"os-resetState": {"state": "error"}}
        self.nova.act(server["id"], f"resetting {server['name']}", reset)

    def _evacuate(self, server: ServerBefore) -> None:
        body = {"host": self.destination} if self.destination else {}
        doing = f"evacuating {server['name']} from {self.host}"
        self.nova.act(server["id"], doing, {"evacuate": body})
        self._set(server, "RUNNING", "EVACUATING", to=self.destination)

    def _not_found(self, server: ServerBefore, error: NotFound) -> None:
        """Nova says the same of a server that is gone and of a destination it does not know."""
        try:
            self.nova.server(server["id"])
        except NotFound:
            self._set(server, "SKIPPED", ("GONE", "it was deleted meanwhile"))
        else:
            self._set(server, "FAILED", ("REFUSED", error.message))

    def _refused(self, server: ServerBefore, error: Conflict | Rejected) -> None:
        if self.nova.compute_service(self.host)["state"] != "up":
            self._set(server, "FAILED", ("REFUSED", error.message))
        elif all(line["state"] != "RUNNING" for line in self.lines.values()):
            raise Refused(
                f"{self.host} came back while it was being recovered: {error.message}",
                "HOST_UP",
                self._details(),
            )

    # ---- tell
    @property
    def _left(self) -> int:
        return sum(line["state"] in PENDING_STATES for line in self.lines.values())

    def _result(self) -> dict[str, Any]:
        lines = list(self.lines.values())
        counts = Counter(line["state"] for line in lines)
        left = self._left
        result = {
            "finished": not left,
            "total": len(lines),
            "done": counts["MOVED"],
            "running": counts["RUNNING"],
            "pending": counts["PENDING"],
            "failed": counts["FAILED"],
            "skipped": counts["SKIPPED"],
        }
        if left:
            idle = "" if self.begin else "; none is begun while the recovery is paused"
            now = f"{left} of {len(lines)} servers are not evacuated yet{idle}"
            return {**result, "message": now}
        details = self._details()
        if counts["FAILED"]:
            self._explain()
            text = failure_message(self.host, self.destination, lines)
            raise Failed(text, "SERVERS_NOT_MOVED", details)
        text = success_message(self.host, lines)
        return {**result, "report": report("SUCCEEDED", "RECOVERED", text, details)}

    def _details(self) -> dict[str, Any]:
        return {
            **self.plan["report"]["details"],
            "servers": [*self.lines.values(), *self.plan["left_out"]],
            "newest_migration": max(self.tried_before, self.records.newest_id()),
        }

    def _explain(self) -> None:
        """Add Nova's fault to each server that failed: the record does not carry it."""
        for line in self.lines.values():
            if line["state"] == "FAILED" and not line["message"]:
                with contextlib.suppress(NotFound):
                    fault = self.nova.server(line["id"]).get("fault") or {}
                    line["message"] = fault.get("message", "")


def _next_step(was: str, seen: Record) -> dict[str, Any] | None:
    """Return the server action that makes it what it was; {} to wait, None if it is."""
    state = seen["OS-EXT-STS:vm_state"]
    if state == was:
        return None
    if seen["OS-EXT-STS:task_state"] is not None:
        return {}
    if was == "error":
        return {"os-resetState": {"state": "error"}}
    if (was, state) == ("stopped", "active"):
        return {"os-stop": None}
    if (was, state) == ("active", "stopped"):
        return {"os-start": None}
    return {}


def _a_day_before(time: str) -> str:
    """Return a time that no skew between the clocks of Nova's hosts can pass."""
    return (inputs.time(time) - datetime.timedelta(days=1)).isoformat()
