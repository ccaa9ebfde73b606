"""One pass of a bulk evacuation: what Nova's records say, and the next step of each server.

A pass keeps no memory. Whatever process runs it next finds the same answer in Nova: a server
has been started if it has a migration record of this attempt, it has been restored when it
carries our lock no more.

Nova does not refuse to evacuate a server that is being evacuated, and then both fail. So two
passes must never write at once: a pass stops writing after `PASS_SECONDS`, long before Mistral
takes its process for dead and starts another one.
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
from mistral_actions.recovery.evacuation_records import MOVED, EvacuationRecords, why_failed
from mistral_actions.recovery_plan import EvacuationPlan, ServerBefore, ServerLine
from mistral_actions.servers.lines import server_line
from mistral_actions.servers.selection import FAILED
from mistral_actions.servers.state import LOCK_REASON, is_our_lock
from mistral_actions.services.nova import Nova

PASS_SECONDS = 5  # less than any sensible [action_heartbeat] of Mistral
EVACUABLE = {"active", "stopped", "error"}
PENDING_STATES = ("PENDING", "RUNNING")
SLACK = 5  # seconds between the clocks of Nova's services


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
        self.overdue: list[ServerBefore] = []

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
        self._give_up_on_overdue()
        return self._result()

    # ---- what has happened
    def _judge(self, server: ServerBefore) -> None:
        """Set the server's line by its newest migration record."""
        record = self.records.newest(server)
        if server.get("moved"):
            to = self.records.last_move(server).get("dest_compute")
            self._set(server, "MOVED", "EVACUATED_BEFORE", to=to)
        elif record is None:
            self._set(server, "PENDING", "WAITS")
        elif record["status"] in MOVED:
            self._set(server, "MOVED", "EVACUATED", to=record["dest_compute"])
        elif record["status"] in FAILED:
            if int(record["id"]) <= self.tried_before:
                self._set(server, "PENDING", "WAITS")
            else:
                self._set(server, "FAILED", why_failed(record))
        elif (age := self.records.age(record["created_at"])) > self._patience:
            why = f"still {record['status']} in Nova after {age} s"
            self._set(server, "FAILED", ("TIMED_OUT", why), to=record["dest_compute"])
        else:
            self._set(server, "RUNNING", "EVACUATING", to=record["dest_compute"])

    def _set(
        self, server: ServerBefore, state: str, why: str | tuple[str, str], to: Any = None
    ) -> None:
        self.lines[server["id"]] = server_line(self.host, server, state, why, to)

    # ---- bring back what a server was, then take our lock off
    def _restore(self) -> None:
        ended = {"MOVED", "FAILED"}
        waiting = [s for s in self.plan["servers"] if self.lines[s["id"]]["state"] in ended]
        if not waiting:
            return
        marked = {}
        if self.options["lock_servers"]:
            found = self.nova.locked_servers(_a_day_before(self.plan["since"]))
            marked = {server["id"]: server for server in found}
        for server in waiting:
            if self._late:
                self._set(server, "RUNNING", "RESTORING", to=self.lines[server["id"]]["to"])
                continue
            seen = marked.get(server["id"])
            unmarked = self.records.to_be_restored(server) and not self._locks(server)
            if seen is None and (unmarked or server.get("moved")):
                with contextlib.suppress(NotFound):
                    seen = self.nova.server(server["id"])
            if seen is not None:
                # what changed since the look is seen in the next pass, or the server is gone
                with contextlib.suppress(NotFound, Conflict):
                    self._restore_one(server, seen)

    def _locks(self, server: ServerBefore) -> bool:
        return bool(self.options["lock_servers"] and not server["locked"])

    def _restore_one(self, server: ServerBefore, seen: dict[str, Any]) -> None:
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
            self.overdue.append(server)  # it may arrive yet, and its lock says: to be restored
        elif is_our_lock(seen, self.host):
            self._unlock(server)

    def _worth_a_try(
        self, server: ServerBefore, seen: dict[str, Any], body: dict[str, Any]
    ) -> bool:
        """Say yes for a while after the move, and later if nobody has tried it yet."""
        arrived = self.records.last_move(server).get("updated_at") or self.plan["since"]
        if self.records.age(arrived) <= self._patience:
            return True
        if body:
            return self.records.age(seen["updated"]) + SLACK >= self.records.age(arrived)
        return self.records.age(seen["updated"]) <= self._patience

    def _give_up_on_overdue(self) -> None:
        if not any(line["state"] in PENDING_STATES for line in self.lines.values()):
            for server in self.overdue:
                if self._locks(server):
                    with contextlib.suppress(NotFound):
                        self._unlock(server)

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
        running = sum(line["state"] == "RUNNING" for line in self.lines.values())
        for server in self.plan["servers"]:
            if running >= self.options["concurrency"] or self._late:
                return
            if self.lines[server["id"]]["state"] == "PENDING":
                self._start(server)
                if self.lines[server["id"]]["state"] == "PENDING":
                    return  # it is late, or the host is up
                running += self.lines[server["id"]]["state"] == "RUNNING"

    def _start(self, server: ServerBefore) -> None:
        try:
            if self._locks(server):
                lock = {"locked_reason": LOCK_REASON.format(host=self.host)}
                self.nova.act(server["id"], f"locking {server['name']}", {"lock": lock})
            if self._late:  # locking was slow: another process may be at work
                return
            try:
                self._evacuate(server)
            except (Conflict, Rejected) as error:
                self._look_again(server, error)
        except NotFound as error:
            self._not_found(server, error)
        except Forbidden:
            with contextlib.suppress(NovaError):
                self._unlock(server)
            raise
        if self.lines[server["id"]]["state"] in ("SKIPPED", "FAILED") and self._locks(server):
            with contextlib.suppress(NotFound):
                self._unlock(server)

    def _look_again(self, server: ServerBefore, error: Conflict | Rejected) -> None:
        """Nova refused, so the server is not what it was: see what it is."""
        seen = self.nova.server(server["id"])
        host, task = seen["OS-EXT-SRV-ATTR:host"], seen["OS-EXT-STS:task_state"] or ""
        if host != self.host and self.records.is_followed(server):
            self._set(server, "RUNNING", "EVACUATING", to=host)
        elif host != self.host:
            self._set(server, "SKIPPED", ("MOVED_BY_OTHERS", f"it is on {host}"), to=host)
        elif task == "deleting":
            self._set(server, "SKIPPED", ("DELETED", "it is being deleted"))
        elif task.startswith("rebuild"):
            self._set(server, "RUNNING", "EVACUATING")  # its record is seen in the next pass
        elif isinstance(error, Conflict) and seen["OS-EXT-STS:vm_state"] not in EVACUABLE:
            self._evacuate_from_error(server)
        else:
            self._refused(server, error)

    def _evacuate_from_error(self, server: ServerBefore) -> None:
        """Evacuate a paused, rescued, resized, ... server: Nova does it from ERROR only."""
        try:
            reset = {"os-resetState": {"state": "error"}}
            self.nova.act(server["id"], f"resetting {server['name']}", reset)
            self._evacuate(server)
        except (Conflict, Rejected) as error:
            self._refused(server, error)

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
            if self._locks(server):
                self._unlock(server)
            raise Refused(
                f"{self.host} came back while it was being recovered: {error.message}",
                "HOST_UP",
                self._details(),
            )

    # ---- tell
    def _result(self) -> dict[str, Any]:
        lines = list(self.lines.values())
        counts = Counter(line["state"] for line in lines)
        left = sum(counts[state] for state in PENDING_STATES)
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
            "newest_migration": self.records.newest_id(),
        }

    def _explain(self) -> None:
        """Add Nova's fault to each server that failed: the record does not carry it."""
        for line in self.lines.values():
            if line["state"] == "FAILED" and not line["message"]:
                with contextlib.suppress(NotFound):
                    fault = self.nova.server(line["id"]).get("fault") or {}
                    line["message"] = fault.get("message", "")


def _next_step(was: str, seen: dict[str, Any]) -> dict[str, Any] | None:
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
