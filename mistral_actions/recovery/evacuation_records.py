"""What Nova has recorded of the evacuations of a host: which attempt a record belongs to."""

from typing import Any

from mistral_actions import inputs
from mistral_actions.recovery_plan import EvacuationPlan, ServerBefore
from mistral_actions.servers.selection import FAILED
from mistral_actions.services.nova import Nova

MOVED = {"done", "completed"}
ENDED = MOVED | FAILED
SLACK = 5  # seconds between the clocks of Nova's services


class EvacuationRecords:
    """The migration records of a plan's servers, as Nova has them now.

    Nova: lists evacuations.
    """

    def __init__(self, nova: Nova, plan: EvacuationPlan) -> None:
        self._nova = nova
        self._plan = plan
        self._of: dict[str, list[dict[str, Any]]] = {}
        for record in nova.evacuations(plan["host"]):
            self._of.setdefault(record["instance_uuid"], []).append(record)

    def newest(self, server: ServerBefore) -> dict[str, Any] | None:
        """Return the newest record that this recovery made or found running."""
        for record in reversed(self._of.get(server["id"], [])):
            if self._is_ours(record):
                return dict(record)
        return None

    def ended_instead(self, server: ServerBefore, newest: dict[str, Any]) -> dict[str, Any] | None:
        """Return the record that tells the end of the newest request instead of its own.

        Of several that are `accepted` Nova's conductor takes the oldest: where it once left one
        open, that one ends, and the newest stays open for ever.
        """
        made = inputs.time(newest["created_at"])
        for record in reversed(self._of.get(server["id"], [])):
            older = int(record["id"]) < int(newest["id"]) and record["status"] in ENDED
            if older and inputs.time(record["updated_at"]) >= made:
                return dict(record)
        return None

    def last_move(self, server: ServerBefore) -> dict[str, Any]:
        """Return the newest record of an evacuation that succeeded; empty if there is none."""
        moves = [r for r in self._of.get(server["id"], []) if r["status"] in MOVED]
        return moves[-1] if moves else {}

    def to_be_restored(self, server: ServerBefore) -> bool:
        """Say whether Nova does not keep the state: from ERROR, all servers land ACTIVE."""
        tried = [r for r in self._of.get(server["id"], []) if r["status"] in FAILED]
        return server["was"] != "active" and bool(server["dirty"] or tried)

    def asked_for(self, server: ServerBefore) -> bool:
        """Say whether somebody asked for an evacuation from the host since the plan was made.

        Nova: looks up what was done with the server. The list of records can lack all of them at
        a moment; this cannot, see `Nova`. If it was evacuated lately, lists its migrations: it may
        have been to this host, from one that died just before. None shown: take it for ours.
        """
        patience = self.age(self._plan["since"]) + SLACK
        if not any(
            done["action"] == "evacuate" and self.age(done["start_time"]) <= patience
            for done in self._nova.server_actions(server["id"])
        ):
            return False
        records = self._nova.migrations(server["id"])
        return not records or any(self._is_from_host(one) and self._is_ours(one) for one in records)

    def _is_from_host(self, record: dict[str, Any]) -> bool:
        kind, source = record["migration_type"], record["source_compute"]
        return bool((kind, source) == ("evacuation", self._plan["host"]))

    def _is_ours(self, record: dict[str, Any]) -> bool:
        """Say whether this recovery made a record, or found it running."""
        newer = int(record["id"]) > self._plan["tried_before"]
        return newer or record["id"] in self._plan["adopted"]

    @property
    def none(self) -> bool:
        """Whether there is no record at all: then perhaps Nova has only not shown them."""
        return not self._of

    def newest_id(self) -> int:
        """Return the id of the newest record of all; 0 if there is none."""
        return max((int(records[-1]["id"]) for records in self._of.values()), default=0)

    def age(self, time: str) -> int:
        """Return the seconds since a time of Nova's, by Nova's clock."""
        return int((self._nova.now - inputs.time(time)).total_seconds())


def why_failed(record: dict[str, Any]) -> str:
    """Return the reason code of an evacuation that failed."""
    # the conductor writes `error` when the scheduler finds no host, a compute `failed`
    return "NO_VALID_HOST" if record["status"] == "error" else "EVACUATION_FAILED"
