"""What is asked for in a round, and what must be true when it has ended."""

import contextlib
import json
import random
import subprocess
import time
import uuid
from collections.abc import Callable
from typing import Any

from keystoneauth1.exceptions import ClientException

from tests.chaos.wired import WiredLab
from tests.functional.support import RECOVER, Cloud, wait_for
from tests.programs import BIN

BOUND = 300.0  # seconds after the last disturbance in which everything has ended
SPAWN = 2  # seconds
ENDED = ("SUCCESS", "ERROR", "CANCELLED")


class HostRound:
    """Hosts die, each with servers that run, are stopped or are locked, and are recovered.

    :param hosts: that die. :param chance: draws what their servers are.
    """

    def __init__(self, lab: WiredLab, hosts: list[str], chance: random.Random) -> None:
        self.cloud = Cloud(lab)
        self._lab = lab
        self._chance = chance
        self._executions = {host: str(uuid.UUID(int=chance.getrandbits(128))) for host in hosts}
        self._before: dict[str, dict[str, dict[str, Any]]] = {}  # host -> server id -> the server

    def prepare(self) -> None:
        for host in self._executions:
            self._before[host] = {}
            for server in self._lab.boot_many(self._chance.randint(3, 5), host, f"of-{host}"):
                if self._chance.random() < 0.3:
                    self.cloud.ask(server, "os-stop")
                    wait_for("it is stopped", lambda one=server: self._is_stopped(one))
                if self._chance.random() < 0.2:
                    self.cloud.ask(server, "lock")
                self._before[host][server["id"]] = self.cloud.server(server)
        self.slow_down()
        for host in self._executions:
            self.cloud.kill(host)

    def slow_down(self) -> None:
        """Give disturbances the time to meet something; Nova forgets it when it is killed."""
        self._lab.set_faults({"*": {"spawn": {"delay": SPAWN}}})

    def start(self) -> None:
        """Start the recoveries: as often as it takes, because nobody may answer."""
        for host, execution in self._executions.items():
            body = {"id": execution, "workflow_name": RECOVER,
                    "input": json.dumps({"host": host, "concurrency": 2})}  # fmt: skip
            insist(lambda given=body: self.cloud.mistral.post("/executions", json=given))

    @property
    def executions(self) -> list[str]:
        return list(self._executions.values())

    def wrong(self, nova_died: bool) -> list[str]:
        """Return what is not as it must be.

        :param nova_died: evacuations died with it: those may have failed, if the report says so.
        """
        said = []
        for host, execution in self._executions.items():
            said += self._wrong_with(host, self.cloud.execution(execution), nova_died)
        return said

    def _wrong_with(self, host: str, execution: dict[str, Any], nova_died: bool) -> list[str]:
        report = json.loads(execution["output"] or "{}").get("report") or {}
        told = (execution["state"], report.get("state"), report.get("reason"))
        lines = {line["id"]: line for line in report.get("details", {}).get("servers", [])}
        good = told == ("SUCCESS", "SUCCEEDED", "RECOVERED")
        said = []
        if not good and not (nova_died and told[:2] == ("ERROR", "FAILED") and lines):
            said.append(f"{host}: {told} {report.get('message') or execution['state_info']}")
        for server, before in self._before[host].items():
            line = lines.get(server, {})
            said += [f"{host}, {before['name']}: {what}" for what in
                     self._wrong_with_server(host, before, line, good)]  # fmt: skip
        if extra := lines.keys() - self._before[host].keys():
            said.append(f"{host}: the report has other servers: {extra}")
        return said if good else said + self._wrong_in_the_end(host)

    def _wrong_in_the_end(self, host: str) -> list[str]:
        """Recover what Nova has forgotten as the guide says; return what stays on the host."""
        for server in self._staying(host):
            self.cloud.ask(server, "os-resetState", {"state": "error"})
        again = self.cloud.recover(host)
        said = [f"{host}: recovered again: {again.reason} {again.state_info}"] * (
            again.reason not in ("RECOVERED", "NOTHING_TO_RECOVER")
        )
        for server in self._before[host].values():
            records = self.cloud.evacuations(host).get(server["id"], [])
            if records.count("done") > 1:
                said.append(f"{server['name']} was evacuated again: {records}")
        return said + [f"{one['name']} is still on {host}" for one in self._staying(host)]

    def _staying(self, host: str) -> list[dict[str, Any]]:
        servers = self._before[host].values()
        return [server for server in servers if self.cloud.where(server)[1] == host]

    def _wrong_with_server(
        self, host: str, before: dict[str, Any], line: dict[str, Any], good: bool
    ) -> list[str]:
        after = self.cloud.server(before)
        where = after["OS-EXT-SRV-ATTR:host"]
        records = self.cloud.evacuations(host).get(before["id"], [])
        done = self.cloud.done(before)
        asked = done.count("evacuate")
        moved = where != host
        said = []
        if asked > 1 or records.count("done") > 1:
            said.append(f"evacuated {asked} times: {records}, {done}")
        if moved != (line.get("state") == "MOVED"):
            said.append(f"is on {where}, and the report says {line}")
        if not good and not moved:
            return said  # it was lost with Nova, and that was said
        for key in ("status", "locked"):
            if after[key] != before[key]:
                said.append(f"{key} is {after[key]}, was {before[key]}")
        if not moved or after["OS-EXT-STS:task_state"] is not None:
            said.append(f"is {after['status']} on {where}, {after['OS-EXT-STS:task_state']}")
        return said

    def tidy(self) -> None:
        """Delete the servers, and bring the hosts back."""
        self._lab.set_faults({})
        for host, servers in self._before.items():
            delete(self.cloud, list(servers.values()))
            bring_back(self._lab, self.cloud, host)

    def _is_stopped(self, server: dict[str, Any]) -> bool:
        seen = self.cloud.server(server)
        return seen["status"] == "SHUTOFF" and seen["OS-EXT-STS:task_state"] is None


class PlanRound:
    """An action plan of live migrations, in chains, is carried out.

    :param hosts: from the first to the second.
    """

    def __init__(self, lab: WiredLab, hosts: list[str], chance: random.Random) -> None:
        self.cloud = Cloud(lab)
        self._lab = lab
        self._hosts = hosts
        self._plan = str(uuid.UUID(int=chance.getrandbits(128)))
        self._servers: list[dict[str, Any]] = []

    def prepare(self) -> None:
        self._servers = self._lab.boot_many(6, self._hosts[0], "of-plan")
        self.slow_down()

    def slow_down(self) -> None:
        self._lab.set_faults({"*": {"live_migration": {"delay": SPAWN}}})

    def start(self) -> None:
        ids = [str(uuid.uuid5(uuid.UUID(self._plan), server["id"])) for server in self._servers]
        actions = [
            {"uuid": own, "type": "migrate", "parents": [ids[number - 2]] if number > 1 else [],
             "parameters": {"resource_id": server["id"], "migration_type": "live",
                            "source_node": self._hosts[0], "destination_node": self._hosts[1]}}
            for number, (own, server) in enumerate(zip(ids, self._servers, strict=True))
        ]  # fmt: skip
        text = json.dumps({"uuid": self._plan, "actions": actions})

        def run() -> None:
            done = subprocess.run([BIN / "openstack", "recovery", "plan", "run", "-"],
                                  env={**self._lab.env, "PYTHONWARNINGS": "ignore"}, input=text,
                                  text=True, capture_output=True, check=False)  # fmt: skip
            if done.returncode:
                raise ClientException(done.stderr)

        insist(run)

    @property
    def executions(self) -> list[str]:
        return [self._plan]

    def wrong(self, nova_died: bool) -> list[str]:
        execution = self.cloud.execution(self._plan)
        report = json.loads(execution["output"] or "{}").get("report") or {}
        told = (execution["state"], report.get("state"))
        said = []
        if told != ("SUCCESS", "SUCCEEDED") and not (nova_died and told == ("ERROR", "FAILED")):
            said.append(f"{told} {report.get('message') or execution['state_info']}")
        for server in self._servers:
            _status, where = self.cloud.where(server)
            records = self.cloud.migrations(server)
            moved = where == self._hosts[1]
            if len(records) > 1:
                said.append(f"{server['name']} was migrated {len(records)} times: {records}")
            if not moved and told[0] == "SUCCESS":
                said.append(f"{server['name']} is on {where}: {records}")
        return said

    def tidy(self) -> None:
        self._lab.set_faults({})
        delete(self.cloud, self._servers)


class ServerRound:
    """Servers are moved from a dead host one by one, as a Senlin chain does, and others restarted.

    :param hosts: one that dies, and one that lives.
    """

    def __init__(self, lab: WiredLab, hosts: list[str], chance: random.Random) -> None:
        self.cloud = Cloud(lab)
        self._lab = lab
        self._hosts = hosts
        self._chance = chance
        self._moved: dict[str, dict[str, Any]] = {}  # execution -> its server
        self._restarted: dict[str, dict[str, Any]] = {}

    def prepare(self) -> None:
        for host, executions in zip(self._hosts, (self._moved, self._restarted), strict=True):
            for server in self._lab.boot_many(3, host, f"of-{host}"):
                executions[str(uuid.UUID(int=self._chance.getrandbits(128)))] = server
        self.slow_down()
        self.cloud.kill(self._hosts[0])

    def slow_down(self) -> None:
        slow = {"delay": SPAWN}
        self._lab.set_faults({"*": {"spawn": slow, "power_off": slow, "power_on": slow}})

    def start(self) -> None:
        for execution, server in self._moved.items():
            self._start(execution, "recovery.node.migrate", node_id=server["id"])
        for execution, server in self._restarted.items():
            given = {"server": server["id"], "process_all_instances": True}
            self._start(execution, "recovery.instance.recover", **given)

    def _start(self, execution: str, workflow: str, **given: Any) -> None:
        body = {"id": execution, "workflow_name": workflow, "input": json.dumps(given)}
        insist(lambda: self.cloud.mistral.post("/executions", json=body))

    @property
    def executions(self) -> list[str]:
        return [*self._moved, *self._restarted]

    def wrong(self, nova_died: bool) -> list[str]:
        said = []
        for execution, server in self._moved.items():
            found = self.cloud.execution(execution)
            _status, where = self.cloud.where(server)
            records, done = self.cloud.migrations(server), self.cloud.done(server)
            ended = found["state"], where != self._hosts[0]
            if ended != ("SUCCESS", True) and not (nova_died and ended == ("ERROR", False)):
                said.append(f"{server['name']} is on {where}: {found['state']} "
                            f"{found['state_info']} {records}")  # fmt: skip
            if done.count("evacuate") > 1:
                said.append(f"{server['name']} was evacuated more than once: {records}, {done}")
        for execution, server in self._restarted.items():
            found = self.cloud.execution(execution)
            status, done = self.cloud.where(server)[0], self.cloud.done(server)
            ended = found["state"], status
            if ended != ("SUCCESS", "ACTIVE") and not (nova_died and ended[0] == "ERROR"):
                said.append(f"{server['name']} is {status}: {found['state']} "
                            f"{found['state_info']} {done}")  # fmt: skip
            if not nova_died and done != ["stop", "start"]:
                said.append(f"{server['name']} was not stopped and started once: {done}")
        return said

    def tidy(self) -> None:
        self._lab.set_faults({})
        delete(self.cloud, [*self._moved.values(), *self._restarted.values()])
        bring_back(self._lab, self.cloud, self._hosts[0])


KINDS = {"host": HostRound, "plan": PlanRound, "servers": ServerRound}


def delete(cloud: Cloud, servers: list[dict[str, Any]]) -> None:
    """Delete servers, in whatever state they are."""
    for server in servers:
        path = f"/servers/{server['id']}"
        cloud.nova.post(f"{path}/action", json={"unlock": None})
        cloud.nova.post(f"{path}/action", json={"os-resetState": {"state": "active"}})
        cloud.nova.delete(path)
    paths = [f"/servers/{server['id']}" for server in servers]
    wait_for("they are gone", lambda: all(
        cloud.nova.get(path).status_code == 404 for path in paths))  # fmt: skip


def bring_back(lab: WiredLab, cloud: Cloud, host: str) -> None:
    """Start a host that was killed, and let it have servers again."""
    lab.start_host(host)  # first: it ends the records of what was evacuated from it
    cloud.update_service(host, forced_down=False)
    cloud.update_service(host, status="enabled")


def insist(ask: Callable[[], object], limit: float = 120.0) -> None:
    """Ask until it is answered."""
    deadline = time.monotonic() + limit
    while True:
        try:
            ask()
            return
        except ClientException:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def unended(cloud: Cloud, executions: list[str], limit: float) -> list[str]:
    """Wait until executions have ended; return those that have not within ``limit`` seconds."""
    deadline = time.monotonic() + limit
    left = list(executions)
    while left and time.monotonic() < deadline:
        for one in list(left):
            with contextlib.suppress(ClientException):
                if cloud.execution(one)["state"] in ENDED:
                    left.remove(one)
        time.sleep(1)
    return left
