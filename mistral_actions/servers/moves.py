"""The move of one server: ask Nova once, look until it has ended, abort it if need be."""

import contextlib
import time
from typing import Any, NamedTuple

from mistral_actions import inputs
from mistral_actions.errors import Conflict, Forbidden, NotFound, Rejected, Unavailable
from mistral_actions.servers.records import newest_action, newest_migration
from mistral_actions.servers.state import busy, host_of
from mistral_actions.servers.steps import ServerStep, ServerTodo
from mistral_actions.services.nova import Nova
from mistral_actions.steps import Todo

# The ends of a migration record. A live migration ends `completed`, an evacuation `done`, a cold
# migration and a resize `confirmed`, after `finished`, when they wait to be confirmed.
DONE = ("completed", "done", "confirmed")
NOT_DONE = ("error", "failed", "cancelled", "reverted")
LEFT_OPEN_SECONDS = 60  # the record of an idle server
ABORTABLE = ("queued", "preparing", "running")


class Move(NamedTuple):
    """A way to move a server.

    :param request: the body of the server's action. :param asked: the name by which Nova records
        it. :param kind: type of the migration record that it makes.
    """

    request: dict[str, Any]
    asked: str
    kind: str


class MoveTodo(ServerTodo):
    """A move.

    `kind` is the type of its migration record, `newest_migration` the newest record at the time of
    the check, and `source` the host where the server was then.
    """

    kind: str
    source: str
    newest_migration: int


def migration(live: bool, host: str | None) -> Move:
    """Return the migration of a server; without host, the scheduler picks one."""
    if live:
        request = {"os-migrateLive": {"host": host, "block_migration": "auto"}}
        return Move(request, "live-migration", "live-migration")
    return Move({"migrate": {"host": host} if host else None}, "migrate", "migration")


def move_todo(nova: Nova, server: dict[str, Any], move: Move, todo: Todo) -> MoveTodo:
    """Add to `todo` what the move of a server needs.

    Nova: looks up what was done with the server, and its migrations.
    """
    return {
        **todo,
        "request": move.request,
        "asked": move.asked,
        "newest_action": newest_action(nova, server["id"]),
        "kind": move.kind,
        "source": host_of(server),
        "newest_migration": newest_migration(nova, server["id"]),
    }


class MoveServer(ServerStep[MoveTodo]):
    """Migrate, resize or evacuate a server, once, confirm it, and look until it has ended; polled.

    :param todo: what the check has found.
    :param cancelled: whether the plan is being cancelled: a live migration is then to be aborted.
    :param aborted: what came of that, once it was tried.
    :param alone: false while another run of this step is at work: then this one does nothing.
    :returns: `abort`: the migration to abort, or null.
    Errors: MIGRATE_FAILED, RESIZE_FAILED, EVACUATE_FAILED, REFUSED, GONE, FORBIDDEN, ...
    Nova: looks up the server, its migrations, and what was done with it; os-migrateLive, migrate,
    resize or evacuate; confirmResize.
    """

    _for_members = True

    def __init__(
        self, todo: MoveTodo, cancelled: Any = False, aborted: Any = None, alone: bool = True
    ) -> None:
        super().__init__(todo, alone)
        self.cancelled = cancelled
        self.aborted = aborted

    def act(self, nova: Nova) -> dict[str, Any]:
        """Return `finished`, and then the report."""
        looked = time.monotonic()
        server, record = self._look(nova), self._record(nova)
        if not record and not busy(server):
            # in this order: what others do after the look is among the actions
            if not self._asked(nova, self.todo["asked"]):
                return self._ask(nova, looked)
            server, record = self._look(nova), self._record(nova)
            if not record and not busy(server) and not self._has_moved(server):
                raise self._did_not_work(nova, server)  # before there was a record of it
        if not record:
            return self._not_yet(busy(server) or f"Nova does not show the move of {self._name}")
        return self._watch(nova, record)

    def _record(self, nova: Nova) -> dict[str, Any] | None:
        """Return the migration record of this action: the first one since the check."""
        for record in nova.migrations(self._id):
            newer = int(record["id"]) > self.todo["newest_migration"]
            if newer and record["migration_type"] == self.todo["kind"]:
                return record
        return None

    def _has_moved(self, server: dict[str, Any]) -> bool:
        """Say whether there must be a record of its move, whatever Nova shows."""
        resized = server["OS-EXT-STS:vm_state"] == "resized"  # on the host where it was, perhaps
        return resized or host_of(server) != self.todo["source"]

    def _watch(self, nova: Nova, record: dict[str, Any]) -> dict[str, Any]:
        status = record["status"]
        now = f"Nova shows migration {record['id']} of {self._name} {status}"
        live = self.todo["kind"] == "live-migration"
        if self.cancelled and live and not self.aborted and status in ABORTABLE:
            return {"finished": True, "abort": record["id"], "report": self.todo["report"]}
        if status not in (*DONE, *NOT_DONE, "finished"):
            return self._left_open(nova, record) or self._not_yet(now)
        server = self._look(nova)  # behind the record: both have ended
        if busy(server):
            return self._not_yet(f"{now}; {busy(server)}")
        if status == "finished":
            self._confirm(nova)
            return self._not_yet(now)
        if status in DONE:
            return self._moved(nova, record)
        if status == "cancelled" and self.cancelled:
            text = f"The live migration of {self._name} was aborted: it is still on"
            text = f"{text} {server['OS-EXT-SRV-ATTR:host']}."
            return {"finished": True, "report": self._report("CANCELLED", "CANCELLED", text)}
        if status in ("cancelled", "reverted"):
            raise self._failed(status.upper(), f"{now}: somebody else did that.")
        raise self._did_not_work(nova, server)

    def _left_open(self, nova: Nova, record: dict[str, Any]) -> dict[str, Any] | None:
        """Return how a move has ended whose record nobody will close any more; None: perhaps not.

        Its conductor or a host died; or another record of an evacuation, one that was left open
        before, was taken for this one. Nova makes the server idle first and ends the record then.
        """
        server = self._look(nova)
        changes = (server["updated"], record["created_at"], record.get("updated_at"))
        newest = max(inputs.time(time) for time in changes if time)
        if busy(server) or (nova.now - newest).total_seconds() <= LEFT_OPEN_SECONDS:
            return None
        if host_of(server) != self.todo["source"]:
            return self._moved(nova, {**record, "dest_compute": host_of(server)})
        raise self._failed(
            f"{self.todo['report']['details']['type'].upper()}_FAILED",
            f"Nova shows migration {record['id']} of {self._name} {record['status']}, and works on"
            f" it no longer: the server is idle, on {host_of(server)}. Try it again.",
        )

    def _confirm(self, nova: Nova) -> None:
        # else it was confirmed or reverted just now: the next look sees which
        with contextlib.suppress(Conflict, Rejected, NotFound):
            nova.act(self._id, f"confirming the move of {self._name}", {"confirmResize": None})

    def _moved(self, nova: Nova, record: dict[str, Any]) -> dict[str, Any]:
        details, source = self.todo["report"]["details"], self.todo["source"]
        host = record["dest_compute"]
        undo = dict((details["undo"] or {}).get("parameters") or {})
        if "source_node" in undo:
            undo["source_node"] = host
        text = f"{self._name} was moved from {source} to {host}."
        if details["type"] == "resize":
            text = f"{self._name} was resized, from {source} to {host}."
        ended = self._succeeded(text, undo)
        if self.aborted:
            ended["report"]["details"]["abort_error"] = self._abort_error(nova)
        return ended

    def _abort_error(self, nova: Nova) -> str | None:
        """Return why the migration went on; None if it was only too late."""
        if isinstance(self.aborted, dict) and self.aborted.get("abort_error"):
            return str(self.aborted["abort_error"])
        request = self._asked(nova, "live_migration_cancel")
        return (nova.fault_of(self._id, request) if request else "") or None


class AbortMigration(ServerStep[MoveTodo]):
    """Abort a live migration; polled while Nova is not to be had.

    :param todo: what the check has found. :param migration: id of the migration.
    :returns: `abort_error`: why Nova refused, or null.
    Nova: `DELETE /servers/{id}/migrations/{id}`; lists its migrations.
    """

    def __init__(self, todo: MoveTodo, migration: int) -> None:
        super().__init__(todo)
        self.migration = migration

    def act(self, nova: Nova) -> dict[str, Any]:
        """Abort it; doing so twice is harmless."""
        try:
            nova.abort_migration(self._id, self.migration)
        except Unavailable as error:
            return {"finished": False, "message": error.message, "abort_error": error.message}
        except Forbidden as error:
            return {"finished": True, "abort_error": error.message}
        except (Conflict, Rejected, NotFound) as error:
            status = [one["status"] for one in nova.migrations(self._id) if self._is(one)]
            if not status:
                raise Unavailable(f"{error.message} Nova does not show it now.") from None
            refused = status[0] in ABORTABLE  # else it ended by itself
            return {"finished": True, "abort_error": error.message if refused else None}
        return {"finished": True, "abort_error": None}

    def _is(self, record: dict[str, Any]) -> bool:
        return int(record["id"]) == self.migration
