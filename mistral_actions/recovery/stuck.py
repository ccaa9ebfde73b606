"""Servers that Nova shows under way and has forgotten: its conductor died, or the destination.

Nova does not notice that. The server stays `rebuilding`, its migration record open, and no
recovery touches it, because two evacuations of one server ruin it. Once its state is reset it can
be evacuated anew; this says whether that may be done. Nobody can ask Nova what it works on, so what
speaks for work counts as work: a change, a host that has begun and is up, a queue.
"""

import datetime
from typing import Any

from mistral_actions import inputs
from mistral_actions.errors import Refused
from mistral_actions.recovery.evacuation_records import ENDED
from mistral_actions.recovery_plan import Selection, ServerBefore
from mistral_actions.services.nova import Nova
from mistral_actions.services.records import Record


def is_rebuilding(server: dict[str, Any]) -> bool:
    """Say whether Nova shows that it evacuates or rebuilds a server."""
    return (server["OS-EXT-STS:task_state"] or "").startswith("rebuild")


def mark_stuck(nova: Nova, host: str, found: Selection, patience: int) -> None:
    """Mark the servers of a host whose evacuation Nova has forgotten: they are begun anew.

    Nova: lists evacuations; per server that is under way looks it up, what was done with it, and
    the services that it may be waiting for.

    :param found: what was selected; its servers get `stuck`, and their records are not waited for.
    :param patience: seconds without a change after which Nova can have forgotten one.
    :raises Refused: STILL_EVACUATING: Nova seems to work on one.
    """
    opened = {
        record["instance_uuid"]: record
        for record in nova.evacuations(host)
        if record["status"] not in ENDED
    }
    for server in found["servers"]:
        seen = nova.server(server["id"])
        if is_rebuilding(seen):
            record = opened.get(server["id"])
            if why := _Evidence(nova, host, seen, record).of_work(patience):
                raise _still_evacuating(server, why)
            server["stuck"] = True
            if record and record["id"] in found["adopted"]:
                found["adopted"].remove(record["id"])


def _still_evacuating(server: ServerBefore, why: str) -> Refused:
    return Refused(
        f"Nova seems to work on {server['name']} still: {why}. Nothing was changed. Wait, then try"
        " again; or run the recovery without reset_stuck, which leaves such servers to Nova.",
        "STILL_EVACUATING",
    )


class _Evidence:
    """What speaks for it that Nova works on the evacuation of a server.

    :param server: as Nova shows it. :param record: its open migration record; None: a rebuild.
    """

    def __init__(
        self, nova: Nova, host: str, server: Record, record: dict[str, Any] | None
    ) -> None:
        self._nova = nova
        self._host = host
        self._server = server
        self._record = record

    def of_work(self, patience: int) -> str:
        """Return a clause that says why Nova seems to be at it; empty if nothing does."""
        events = self._events() if self._record else []
        if (age := self._age(events)) <= patience:
            return f"it has changed {age} s ago, and evacuation_timeout is {patience}"
        if not self._record:
            return ""  # a rebuild runs on the host of the server, which is dead
        begun = [event for event in events if event["event"].startswith("compute_")]
        if begun:
            return self._at_work(begun[-1])
        handed_over = any(event.get("result") == "Success" for event in events)
        if handed_over:
            return self._waiting_for_a_host()
        return self._queued(inputs.time(self._record["created_at"]), patience)

    def _age(self, events: list[dict[str, Any]]) -> int:
        """Return the seconds since the last change; that of a lock says nothing of the move."""
        times = [self._server["updated"]]
        if self._record:
            times = [self._record["created_at"], self._record.get("updated_at")]
            times += [event.get(when) for event in events for when in ("start_time", "finish_time")]
        newest = max(inputs.time(time) for time in times if time)
        return int((self._nova.now - newest).total_seconds())

    def _events(self) -> list[dict[str, Any]]:
        for done in self._nova.server_actions(self._server["id"]):
            if done["action"] == "evacuate":
                found = self._nova.events(self._server["id"], done["request_id"])
                return sorted(found, key=lambda event: str(event["start_time"]))
        return []

    def _at_work(self, event: dict[str, Any]) -> str:
        """Say so if a destination has begun, has not ended, and is up."""
        host = event.get("host") or ""
        if event.get("finish_time") or not host or host == self._host:
            return ""
        if self._nova.compute_service(host)["state"] != "up":
            return ""
        return f"{host} has begun with it, and is up"

    def _waiting_for_a_host(self) -> str:
        """Say so if a host is down that may have it in its queue, and would begin when it is up."""
        for service in self._nova.compute_services():
            away = service["state"] != "up" and service["status"] == "enabled"
            if away and service["host"] != self._host:
                return f"{service['host']} is down, and begins with it when it is up, if it is its"
        return ""

    def _queued(self, made: datetime.datetime, patience: int) -> str:
        """Say so if a request that was made then may be in the queue of the conductor."""
        if not any(one["state"] == "up" for one in self._nova.conductors()):
            return "no nova-conductor is up, and what it was asked for may be waiting for it"
        others = [
            one
            for one in self._nova.changed_evacuations(patience)
            if one["instance_uuid"] != self._server["id"]
        ]
        passed = any(inputs.time(one["created_at"]) > made for one in others)
        if others and not passed:
            return "nova-conductor still works off what it was asked before"
        return ""
