"""FakeNova with what action plans need besides: live and cold migrations, resizes, aborts.

The manners are those that were measured on Nova 34 (lab):

- A task_state is set before the request is recorded, and the request before the answer is given.
- The conductor makes the migration record after the answer: until then there is only a task_state.
- A live migration ends `completed`; a cold one and a resize `finished`, with vm_state resized,
  then `confirmed`. One that finds no host leaves the server as it was, and no or an `error` record.
- Only what is queued, preparing or running can be aborted; all else is a 400.
"""

import datetime

from mistral_actions.errors import Conflict, NotFound, Rejected
from tests.unit.mistral_actions.fake_nova import FakeNova, stamp

KINDS = {"os-migrateLive": "live-migration", "migrate": "migration", "resize": "resize"}
NAMES = {"os-migrateLive": "live-migration", "migrate": "migrate", "resize": "resize"}


class FakeMoves(FakeNova):
    """A cloud in which servers move.

    `ends` says how the moves of a server end: `done`, `failed`, `early` (no record is made),
    `stuck` (stays running). `steps` are the seconds until there is a record, until it runs, and
    until it has ended. `why` is what Nova says of a failure; with `abort_works` false it takes an
    abort and goes on.
    """

    def __init__(self, **more):
        super().__init__(**{"down": (), **more})
        self.steps, self.ends, self.why = (1, 2, 5), {}, "No valid host was found."
        self.moves, self.abort_works = [], True
        self.known_flavors = [
            {"id": "1", "name": "m1.tiny"},
            {"id": "2", "name": "m1.small"},
        ]

    # ---- what a test does
    def add(self, name, host="compute1", vm_state="active", **more):
        return super().add(
            name,
            host,
            vm_state,
            **{
                "OS-EXT-SRV-ATTR:hypervisor_hostname": f"{host}.example.org",
                "flavor": {"original_name": "m1.tiny"},
                **more,
            },
        )

    def requests(self, server):
        """Return what was done with a server, oldest first."""
        return [action for of, action, _time in self.done if of == server["id"]]

    def advance(self, seconds):
        end = self.now + datetime.timedelta(seconds=seconds)
        while self.now < end:
            super().advance(min(1, (end - self.now).total_seconds()))
            for move in list(self.moves):
                self._move_on(move)

    # ---- the methods of Nova
    def migrations(self, server_id):
        return self._call(
            "migrations",
            lambda: [dict(r) for r in self.records if r["instance_uuid"] == server_id],
            server_id,
        )

    def abort_migration(self, server_id, migration_id):
        def abort():
            record = next(r for r in self.records if r["id"] == migration_id)
            if record["status"] not in ("queued", "preparing", "running"):
                raise Rejected(f"Migration {migration_id} state is invalid (HTTP 400)")
            self._write_down(server_id, "live_migration_cancel")
            if self.abort_works:
                self._close(record, "cancelled")

        self._call("abort_migration", abort, server_id, migration_id)

    def fault_of(self, server_id, request_id):
        return self._call("fault_of", lambda: self.why, server_id, request_id)

    def flavors(self):
        return self._call("flavors", lambda: self.known_flavors)

    # ---- what the actions do
    def _os_migrateLive(self, server, body):  # noqa: N802 - called after the action
        self._begin(server, "os-migrateLive", body.get("host"), "migrating")

    def _migrate(self, server, body):
        self._begin(server, "migrate", body.get("host"), "resize_prep")

    def _resize(self, server, body):
        self._begin(server, "resize", None, "resize_prep", body["flavorRef"])

    def _confirmResize(self, server, body):  # noqa: N802 - called after the action
        record = self._open(server)
        if server["OS-EXT-STS:vm_state"] != "resized" or record["status"] != "finished":
            raise Conflict("Cannot 'confirmResize' while it is not resized (HTTP 409)")
        self._write_down(server["id"], "confirmResize")
        self._change(server, vm_state=record["was"])
        record["status"] = "confirmed"

    def _begin(self, server, action, host, task, flavor=None):
        if server["OS-EXT-STS:task_state"] or server["OS-EXT-STS:vm_state"] == "resized":
            raise Conflict(f"Cannot '{action}' {server['name']} as it is (HTTP 409)")
        self._change(server, task_state=task)
        self._write_down(server["id"], NAMES[action])
        self.moves.append(
            {
                "server": server,
                "action": action,
                "host": host,
                "began": self.now,
                "flavor": flavor,
                "record": None,
            }
        )

    def _move_on(self, move):
        server, record = move["server"], move["record"]
        how = self.ends.get(server["id"], "done")
        spent = (self.now - move["began"]).total_seconds()
        if record is None and spent >= self.steps[0]:
            if how == "early":
                self._change(server, task_state=None)
                self.moves.remove(move)
                return
            there = move["host"] or next(
                h for h in self.services if h != server["OS-EXT-SRV-ATTR:host"]
            )
            record = self.add_record(
                server, "accepted", source=server["OS-EXT-SRV-ATTR:host"], to=there
            )
            record["migration_type"] = KINDS[move["action"]]
            record["was"] = server["OS-EXT-STS:vm_state"]
            move["record"] = record
        if record is None:
            return
        if record["status"] == "cancelled":
            self.moves.remove(move)
        elif spent >= self.steps[2] and how != "stuck":
            self.moves.remove(move)
            self._land(move, record, how)
        elif spent >= self.steps[1]:
            record["status"] = "running"

    def _land(self, move, record, how):
        server = move["server"]
        if how == "failed":
            self._close(record, "error")
            return
        server["OS-EXT-SRV-ATTR:host"] = record["dest_compute"]
        if move["action"] == "os-migrateLive":
            self._close(record, "completed")
            return
        if move["flavor"]:
            flavor = next(f for f in self.known_flavors if f["id"] == move["flavor"])
            server["flavor"] = {"original_name": flavor["name"]}
        self._change(server, vm_state="resized", task_state=None)
        record["status"] = "finished"

    def _close(self, record, status):
        self._change(self.all[record["instance_uuid"]], task_state=None)
        record.update(status=status, updated_at=stamp(self.now))

    def _open(self, server):
        found = [r for r in self.records if r["instance_uuid"] == server["id"]]
        if not found:
            raise NotFound("no migration (HTTP 404)")
        return found[-1]
