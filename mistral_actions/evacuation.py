"""One pass of a bulk evacuation: what Nova's records say, and the next step of each server.

A pass keeps no memory. Whatever process runs it next finds the same answer in Nova: a server
has been started if it has a migration record of this attempt, it has been restored when it
carries our lock no more.
"""

import contextlib
import datetime
from collections import Counter
from typing import Any

from mistral_actions.errors import Conflict, Failed, NotFound, Refused, Rejected, report
from mistral_actions.hosts import parse_time
from mistral_actions.nova import Nova
from mistral_actions.selection import FAILED, LOCK_REASON, is_our_lock, line

MOVED = {"done", "completed"}
PENDING_STATES = ("PENDING", "RUNNING")


class Pass:
    """A look at all servers of a plan, and the next step of each.

    :param plan: the plan of the recovery (`recovery.plan_host_recovery`).
    :param destination: the host to evacuate to; None lets the scheduler pick.
    :param tried_before: records up to this id belong to earlier attempts, whose failures do
        not count in this one.
    """

    def __init__(
        self, nova: Nova, plan: dict[str, Any], destination: str | None, tried_before: int
    ) -> None:
        self.nova = nova
        self.plan = plan
        self.host = plan["host"]
        self.options = plan["options"]
        self.destination = destination
        self.tried_before = tried_before
        self.lines: dict[str, dict[str, Any]] = {}
        self.records: dict[str, list[dict[str, Any]]] = {}

    def run(self) -> dict[str, Any]:
        """Do the pass; return counts, and the report when nothing is left to do.

        :raises Failed: all have ended and some could not be moved (SERVERS_NOT_MOVED).
        :raises Refused: the host came back (HOST_UP).
        """
        for record in self.nova.evacuations(self.host, _a_day_before(self.plan["since"])):
            self.records.setdefault(record["instance_uuid"], []).append(record)
        for server in self.plan["servers"]:
            self._judge(server)
        self._restore()
        self._start_missing()
        return self._result()

    # ---- what has happened
    def _judge(self, server: dict[str, Any]) -> None:
        """Set the server's line by its newest migration record."""
        record = self._newest(server)
        if server.get("moved"):
            self._set(server, "MOVED", "EVACUATED_BEFORE", to=self._last_destination(server))
        elif record is None:
            self._set(server, "PENDING", "WAITS")
        elif record["status"] in MOVED:
            self._set(server, "MOVED", "EVACUATED", to=record["dest_compute"])
        elif record["status"] in FAILED:
            earlier = int(record["id"]) <= self.tried_before
            self._set(server, *(("PENDING", "WAITS") if earlier else ("FAILED", _why(record))))
        elif self._age(record["created_at"]) > self.options["evacuation_timeout"]:
            why = f"still {record['status']} in Nova after {self._age(record['created_at'])} s"
            self._set(server, "FAILED", ("TIMED_OUT", why), to=record["dest_compute"])
        else:
            self._set(server, "RUNNING", "EVACUATING", to=record["dest_compute"])

    def _newest(self, server: dict[str, Any]) -> dict[str, Any] | None:
        """Return the newest record that this recovery made or found running."""
        for record in reversed(self.records.get(server["id"], [])):
            ours = int(record["id"]) > self.plan["tried_before"]
            ours = ours or record["id"] in self.plan["adopted"]
            if ours or record["status"] not in MOVED | FAILED:
                return dict(record)
        return None

    def _last_destination(self, server: dict[str, Any]) -> str | None:
        mine = [r for r in self.records.get(server["id"], []) if r["status"] in MOVED]
        return mine[-1]["dest_compute"] if mine else None

    def _age(self, time: str) -> int:
        return int((self.nova.now - parse_time(time)).total_seconds())

    def _set(
        self, server: dict[str, Any], state: str, why: str | tuple[str, str], to: Any = None
    ) -> None:
        self.lines[server["id"]] = line(self.host, server, state, why, to)

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
            seen = marked.get(server["id"])
            unmarked = self._to_be_restored(server) and not self._locks(server)
            if seen is None and (unmarked or server.get("moved")):
                with contextlib.suppress(NotFound):
                    seen = self.nova.server(server["id"])
            if seen is not None:
                self._restore_one(server, seen)

    def _to_be_restored(self, server: dict[str, Any]) -> bool:
        """Say whether Nova does not keep the state: from ERROR, all servers land ACTIVE."""
        tried = [r for r in self.records.get(server["id"], []) if r["status"] in FAILED]
        return server["was"] != "active" and bool(server["dirty"] or server["reset"] or tried)

    def _locks(self, server: dict[str, Any]) -> bool:
        return bool(self.options["lock_servers"] and not server["locked"])

    def _restore_one(self, server: dict[str, Any], seen: dict[str, Any]) -> None:
        own = self.lines[server["id"]]
        if own["state"] == "MOVED" and (body := _next_step(server["was"], seen)) is not None:
            ended = self._newest(server) or {}
            if self._age(ended.get("updated_at") or self.plan["since"]) <= self._patience:
                self._set(server, "RUNNING", "RESTORING", to=own["to"])
                if body:
                    self.nova.act(server["id"], f"making {server['name']} what it was", body)
                return
            why = f"it is {seen['OS-EXT-STS:vm_state']}, and was {server['was']}"
            self._set(server, "MOVED", ("NOT_RESTORED", why), to=own["to"])
        if is_our_lock(seen):
            self._unlock(server)

    def _unlock(self, server: dict[str, Any]) -> None:
        self.nova.act(server["id"], f"unlocking {server['name']}", {"unlock": None})

    @property
    def _patience(self) -> int:
        return int(self.options["evacuation_timeout"])

    # ---- start what is missing
    def _start_missing(self) -> None:
        running = sum(own["state"] == "RUNNING" for own in self.lines.values())
        for server in self.plan["servers"]:
            if running >= self.options["concurrency"]:
                return
            if self.lines[server["id"]]["state"] == "PENDING":
                self._start(server)
                running += self.lines[server["id"]]["state"] == "RUNNING"

    def _start(self, server: dict[str, Any]) -> None:
        name, act = server["name"], self.nova.act
        try:
            if self._locks(server):
                lock = {"locked_reason": LOCK_REASON.format(host=self.host)}
                act(server["id"], f"locking {name}", {"lock": lock})
            if server["reset"]:
                act(server["id"], f"resetting {name}", {"os-resetState": {"state": "error"}})
            self._evacuate(server)
        except NotFound:
            self._set(server, "SKIPPED", ("GONE", "it was deleted meanwhile"))
        except (Conflict, Rejected) as error:
            self._start_again(server, error)
            if self.lines[server["id"]]["state"] in ("SKIPPED", "FAILED") and self._locks(server):
                self._unlock(server)

    def _evacuate(self, server: dict[str, Any]) -> None:
        body = {"host": self.destination} if self.destination else {}
        doing = f"evacuating {server['name']} from {self.host}"
        self.nova.act(server["id"], doing, {"evacuate": body})
        self._set(server, "RUNNING", "EVACUATING", to=self.destination)

    def _start_again(self, server: dict[str, Any], error: Conflict | Rejected) -> None:
        """Nova refused: the server is not any more what the plan saw. See what it is."""
        seen = self.nova.server(server["id"])
        host, task = seen["OS-EXT-SRV-ATTR:host"], seen["OS-EXT-STS:task_state"]
        if host != self.host:
            self._set(server, "SKIPPED", ("MOVED_BY_OTHERS", f"it is on {host}"), to=host)
        elif task == "deleting":
            self._set(server, "SKIPPED", ("DELETED", "it is being deleted"))
        elif task is not None and task.startswith("rebuild"):
            self._set(server, "RUNNING", "EVACUATING")  # its record appears in the next pass
        elif isinstance(error, Conflict):
            with contextlib.suppress(Conflict):  # then the next pass finds it in another state
                reset = {"os-resetState": {"state": "error"}}
                self.nova.act(server["id"], f"resetting {server['name']}", reset)
                self._evacuate(server)
        elif self.nova.compute_service(self.host)["state"] == "up":
            raise Refused(
                f"{self.host} came back while it was being recovered: {error.message}", "HOST_UP"
            )
        else:
            self._set(server, "FAILED", ("REFUSED", error.message))

    # ---- tell
    def _result(self) -> dict[str, Any]:
        lines = list(self.lines.values())
        counts = Counter(own["state"] for own in lines)
        left = sum(counts[state] for state in PENDING_STATES)
        newest = max((int(r[-1]["id"]) for r in self.records.values()), default=0)
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
            return {**result, "message": f"{left} of {len(lines)} servers are not evacuated yet"}
        details = {
            **self.plan["report"]["details"],
            "servers": lines + self.plan["left_out"],
            "newest_migration": newest,
        }
        if counts["FAILED"]:
            self._explain()
            raise Failed(self._sad_sentence(), "SERVERS_NOT_MOVED", details)
        done = report("SUCCEEDED", "RECOVERED", self._glad_sentence(), details)
        return {**result, "report": done}

    def _explain(self) -> None:
        """Add Nova's fault to each server that failed: the record does not carry it."""
        for own in self.lines.values():
            if own["state"] == "FAILED" and not own["message"]:
                with contextlib.suppress(NotFound):
                    fault = self.nova.server(own["id"]).get("fault") or {}
                    own["message"] = fault.get("message", "")

    def _glad_sentence(self) -> str:
        to = Counter(own["to"] for own in self.lines.values() if own["state"] == "MOVED")
        where = ", ".join(f"{n} to {host}" for host, n in sorted(to.items(), key=str))
        return f"{sum(to.values())} servers were evacuated from {self.host}: {where or 'none'}."

    def _sad_sentence(self) -> str:
        failed = [own for own in self.lines.values() if own["state"] == "FAILED"]
        goal = f" to {self.destination}" if self.destination else ""
        some = "; ".join(
            f"{own['name']} ({own['reason']}: {own['message'] or 'Nova gives no fault'})"
            for own in failed[:3]
        )
        more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
        return (
            f"{len(failed)} of {len(self.lines)} servers could not be evacuated from"
            f" {self.host}{goal}: {some}{more}."
        )


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


def _why(record: dict[str, Any]) -> str:
    # the conductor writes `error` when the scheduler finds no host, a compute `failed`
    return "NO_VALID_HOST" if record["status"] == "error" else "EVACUATION_FAILED"


def _a_day_before(time: str) -> str:
    """Return a time that no skew between the clocks of Nova's hosts can pass."""
    return (parse_time(time) - datetime.timedelta(days=1)).isoformat()
