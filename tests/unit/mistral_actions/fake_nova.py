"""A Nova in memory with a clock that the test turns, for what a real one cannot be made to do.

It has the methods of `mistral_actions.nova.Nova` and the manners that were measured on Nova 34:

- Nova looks at the vm_state of a server before it evacuates it, never at its task_state: a second
  evacuation beside a running one is accepted, and ruins the server.
- A migration record is `accepted` at once; `updated_at` stays null until the scheduler has
  picked a host, and `changes-since` does not find a record without it.
- No valid host: the record ends `error`. The spawn fails: `failed`, the server in error. The
  claim fails: `failed`, the server as it was.
- Whatever is evacuated out of error lands active; stopped servers stay stopped.
- Of several records of a server that are `accepted` the conductor takes the oldest, whichever the
  request was that made it; one that it has left open (`stuck`) is taken by the next request.
- What is done with a server is recorded, with the task_state, before the answer is given.
"""

import datetime
import uuid
from collections import Counter

from mistral_actions.errors import Conflict, NotFound, Rejected
from mistral_actions.services.records import Record

START = datetime.datetime(2026, 11, 20, 12, 0, 0, tzinfo=datetime.UTC)
ENDED = ("done", "failed", "error", "cancelled")


class Killed(BaseException):
    """The process of the action dies here: nothing in the action may catch this."""


class FakeNova:
    """A cloud with compute hosts; `down` ones are dead and forced down already.

    `outcomes` says how the evacuations of a server end, one after the other: `done`, `error` (no
    valid host), `failed` (spawn), `claim` (no room on the destination), `stuck` (never ends).
    `hook(name, arguments)` runs before each call, `afterwards` behind it; both may raise.
    `shown(name, answer)` returns what is shown of an answer, and may leave out what it likes.
    """

    may_choose_hosts = True

    def __init__(self, hosts=("compute1", "compute2", "compute3"), down=("compute1",)):
        self.now = START
        self.scheduling, self.spawning, self.power = 1, 3, 1  # seconds
        self.all = {}
        self.records = []
        self.outcomes = {}
        self.power_fails = set()  # `stopped`, `active`: servers do not get there
        self.done = []  # instance actions: (server id, action, time), oldest first
        self.hook = self.afterwards = lambda name, arguments: None
        self.shown = lambda name, answer: answer
        self.calls = []
        self.beside_running = []  # servers whose evacuation began while another one ran
        self.most_running = 0
        self.services = {
            host: {
                "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, host)),
                "host": host,
                "state": "down" if host in down else "up",
                "status": "enabled",
                "forced_down": host in down,
                "updated_at": stamp(START - datetime.timedelta(seconds=5)),
            }
            for host in hosts
        }
        self.host_aggregates = []
        self.conductor_state = "up"
        self.known_events = {}  # of the newest request of a server, by its id

    # ---- what a test does
    def add(self, name, host="compute1", vm_state="active", *, task=None, lock=None, **more):
        """Add a server; `lock` is the reason of a lock, which may be empty."""
        self.now += datetime.timedelta(milliseconds=1)  # so that the order of creation is known
        server = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
            "name": name,
            "created": self.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "updated": stamp(self.now),
            "tenant_id": "customer",
            "metadata": {},
            "locked": lock is not None,
            "locked_reason": lock or None,
            "OS-EXT-SRV-ATTR:host": host,
            "OS-EXT-STS:vm_state": vm_state,
            "OS-EXT-STS:task_state": task,
            "OS-EXT-STS:power_state": 4 if vm_state == "stopped" else 1,
            **more,
        }
        self.all[server["id"]] = server
        return server

    def add_record(self, server, status, *, source="compute1", to=None, age=0):
        """Add a migration record of an evacuation that began `age` seconds ago."""
        time = stamp(self.now - datetime.timedelta(seconds=age))
        record = {
            "id": len(self.records) + 1,
            "instance_uuid": server["id"],
            "source_compute": source,
            "dest_compute": to,
            "status": status,
            "migration_type": "evacuation",
            "created_at": time,
            "updated_at": None if status == "accepted" else time,
            "ends": None,
        }
        self.records.append(record)
        return record

    def advance(self, seconds):
        """Let time pass, and with it what is under way."""
        end = self.now + datetime.timedelta(seconds=seconds)
        while self.now < end:
            self.now = min(end, self.now + datetime.timedelta(seconds=1))
            for record in self.records:
                self._go_on(record)
            for server in self.all.values():
                if (due := server.get("powered")) and due[0] <= self.now:
                    self._change(server, task_state=None)
                    if due[1] not in self.power_fails:
                        self._change(server, vm_state=due[1])
                    del server["powered"]

    def counted(self, action):
        """Return how often each server was asked for an action, e.g. `evacuate`."""
        return Counter(
            arguments[0]
            for name, arguments in self.calls
            if name == "act" and action in arguments[2]
        )

    def running(self):
        """Return the records of evacuations that run."""
        return [record for record in self.records if record["status"] not in ENDED]

    # ---- the methods of Nova
    def compute_services(self):
        return self._call("compute_services", lambda: [dict(s) for s in self.services.values()])

    def compute_service(self, host):
        def look():
            if host not in self.services:
                raise NotFound(f"Nova has no compute service on a host {host!r}.")
            return dict(self.services[host])

        return self._call("compute_service", look, host)

    def hypervisors(self):
        return self._call(
            "hypervisors",
            lambda: [
                {
                    "id": f"uuid-of-{host}",
                    "hypervisor_hostname": f"{host}.example.org",
                    "service": {"host": host},
                }
                for host in self.services
            ],
        )

    def update_service(self, service_id, doing, **change):
        def update():
            service = next(s for s in self.services.values() if s["id"] == service_id)
            service.update(change)
            if change.get("forced_down"):
                service["state"] = "down"

        self._call("update_service", update, service_id, doing, change)

    def disable_service(self, service_id, doing, reason):
        self.update_service(service_id, doing, status="disabled", disabled_reason=reason)

    def servers_named(self, name):
        return self._call("servers_named", lambda: self._where("name", name), name)

    def server_actions(self, server_id):
        def look():
            numbered = list(enumerate(self.done))
            return [
                {"request_id": f"req-{number}", "action": action, "start_time": time}
                for number, (server, action, time) in reversed(numbered)
                if server == server_id
            ]

        return self._call("server_actions", look, server_id)

    def servers_on(self, host):
        return self._call("servers_on", lambda: self._where("OS-EXT-SRV-ATTR:host", host), host)

    def changed_servers(self, since):
        def look():
            return [dict(one) for one in self.all.values() if one["updated"] >= since[:19]]

        return self._call("changed_servers", look, since)

    def locked_servers(self, since=None):
        return self._call("locked_servers", lambda: self._where("locked", True), since)

    def server(self, server_id):
        return self._call("server", lambda: dict(self._find(server_id)), server_id)

    def evacuations(self, host, since=None):
        def look():
            return [
                dict(record)
                for record in self.records
                if record["source_compute"] == host
                and (since is None or (record["updated_at"] or "") >= since)
            ]

        return self._call("evacuations", look, host, since)

    def migrations(self, server_id):
        def look():
            return [dict(one) for one in self.records if one["instance_uuid"] == server_id]

        return self._call("migrations", look, server_id)

    def changed_evacuations(self, seconds):
        since = stamp(self.now - datetime.timedelta(seconds=seconds))

        def look():
            return [dict(one) for one in self.records if (one["updated_at"] or "") >= since]

        return self._call("changed_evacuations", look, seconds)

    def conductors(self):
        return self._call("conductors", lambda: [{"state": self.conductor_state}])

    def events(self, server_id, request_id):
        return self.known_events.get(server_id, [])

    def aggregates(self):
        return self._call("aggregates", lambda: self.host_aggregates)

    def add_to_aggregate(self, aggregate, host):
        self._call("add_to_aggregate", lambda: aggregate["hosts"].append(host), aggregate, host)

    def act(self, server_id, doing, action):
        def do():
            (name, body), server = next(iter(action.items())), self._find(server_id)
            getattr(self, "_" + name.replace("-", "_"))(server, body or {})

        self._call("act", do, server_id, doing, action)

    # ---- what the actions do
    def _lock(self, server, body):
        self._change(server)
        server.update(locked=True, locked_reason=body.get("locked_reason"))

    def _unlock(self, server, body):
        self._change(server)
        server.update(locked=False, locked_reason=None)

    def _os_resetState(self, server, body):  # noqa: N802 - called after the action
        self._change(server, vm_state=body["state"], task_state=None)

    def _os_stop(self, server, body):
        self._power(server, ("active", "error"), "powering-off", "stopped")

    def _os_start(self, server, body):
        self._power(server, ("stopped",), "powering-on", "active")

    def _power(self, server, allowed, task, ends):
        if server["OS-EXT-STS:vm_state"] not in allowed or server["OS-EXT-STS:task_state"]:
            raise Conflict(f"Cannot do this while {server['name']} is as it is (HTTP 409)")
        self._change(server, task_state=task)
        self._write_down(server["id"], "stop" if ends == "stopped" else "start")
        server["powered"] = (self.now + datetime.timedelta(seconds=self.power), ends)

    def _evacuate(self, server, body):
        host, source = body.get("host"), server["OS-EXT-SRV-ATTR:host"]
        if host and host not in self.services:
            raise NotFound(f"Compute host {host} not found. (HTTP 404)")
        if host == source:
            raise Rejected("The target host can't be the same one. (HTTP 400)")
        if server["OS-EXT-STS:vm_state"] not in ("active", "stopped", "error"):
            raise Conflict(f"Cannot 'evacuate' while it is {server['OS-EXT-STS:vm_state']}")
        if self.services[source]["state"] == "up":
            raise Rejected(f"Compute service of {source} is still in use. (HTTP 400)")
        busy = (server["OS-EXT-STS:task_state"] or "").startswith("rebuild")
        if busy and any(one["instance_uuid"] == server["id"] for one in self.running()):
            self.beside_running.append(server["name"])
        planned = self.outcomes.get(server["id"], [])
        how = planned.pop(0) if planned else "done"
        self._change(server, task_state="rebuilding")
        self._write_down(server["id"], "evacuate")
        self.add_record(server, "accepted", source=source, to=host)
        taken = next(one for one in self.records if self._is_taken(one, server))
        taken.update(ends=(self.now, how), dest_compute=host)
        there = [one for one in self.running() if one["instance_uuid"] in self.all]
        self.most_running = max(self.most_running, len(there))

    def _is_taken(self, record, server):
        """Say whether the conductor takes this record for a request; the first such one it is."""
        free = not record["ends"] or record["ends"][1] == "stuck"
        mine = record["instance_uuid"] == server["id"] and record["status"] == "accepted"
        return mine and free

    def _go_on(self, record):
        if record["status"] in ENDED or not record["ends"]:
            return
        began, how = record["ends"]
        server = self.all.get(record["instance_uuid"])
        spent = (self.now - began).total_seconds()
        if spent < self.scheduling or how == "stuck":
            return
        wanted = record["dest_compute"]
        free = [h for h, s in self.services.items() if s["state"] == "up" and wanted in (None, h)]
        if server is None:
            self._end(record, "failed")
        elif how == "error" or not (free or record["status"] == "pre-migrating"):
            self._end(record, "error")
            self._change(server, vm_state="error", task_state=None)
        elif record["status"] == "accepted":
            record.update(status="pre-migrating", updated_at=stamp(self.now))
            record["dest_compute"] = free[record["id"] % len(free)]
        elif spent >= self.scheduling + self.spawning:
            self._spawned(record, server, how)

    def _spawned(self, record, server, how):
        if how == "claim":
            self._end(record, "failed")
            self._change(server, task_state=None)
        elif how == "failed" or server["OS-EXT-STS:task_state"] != "rebuilding":
            self._end(record, "failed")  # the second of two finds the task_state of the first
            self._change(server, vm_state="error", task_state=None)
            server["fault"] = {"message": "No space left"}
        else:
            off = server["OS-EXT-STS:vm_state"] == "stopped"
            self._change(server, vm_state="stopped" if off else "active", task_state=None)
            server["OS-EXT-SRV-ATTR:host"] = record["dest_compute"]
            self._end(record, "done")

    def _end(self, record, status):
        record.update(status=status, updated_at=stamp(self.now))

    # ---- helpers
    def _call(self, name, do, *arguments):
        self.hook(name, arguments)
        self.calls.append((name, arguments))
        result = self.shown(name, do())
        self.afterwards(name, arguments)
        if isinstance(result, list):
            return [Record(one, "thing") for one in result]
        return Record(result, "thing") if isinstance(result, dict) else result

    def _find(self, server_id):
        if server_id not in self.all:
            raise NotFound(f"Instance {server_id} could not be found. (HTTP 404)")
        return self.all[server_id]

    def _where(self, key, value):
        return [dict(server) for server in self.all.values() if server[key] == value]

    def _write_down(self, server_id, action):
        self.done.append((server_id, action, stamp(self.now)))

    def _change(self, server, **states):
        server.update({f"OS-EXT-STS:{key}": value for key, value in states.items()})
        server["updated"] = stamp(self.now)


def stamp(time):
    """Return a time as Nova's database shows it: UTC, without saying so."""
    return time.replace(tzinfo=None).isoformat()
