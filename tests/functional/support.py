"""What the functional tests ask of a cloud. Waiting is always for a state, with a limit."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from keystoneauth1 import adapter

from lab import Lab
from lab.cell_down import OBSERVER
from lab.distributed import VERSIONS
from tests import programs

LIMIT = 120  # seconds; what a loaded machine with two cores may take, never what it should
RECOVER = "recovery.host.recover"
HOSTS = tuple(f"compute{n}" for n in range(1, 9))
#: the version of Mistral in a distributed lab
MISTRAL = os.environ.get("RECOVERY_MISTRAL", VERSIONS[0])


@dataclass
class Ended:
    """A workflow execution that has ended."""

    id: str
    state: str
    state_info: str
    output: dict[str, Any]

    @property
    def report(self) -> dict[str, Any]:
        """What it tells of its end; empty if it was cancelled before it told anything."""
        return dict(self.output.get("report") or {})

    @property
    def reason(self) -> str:
        return str(self.report["reason"])

    @property
    def servers(self) -> dict[str, dict[str, Any]]:
        """The lines of the report by the name of the server."""
        return {line["name"]: line for line in self.report["details"]["servers"]}


def assert_ended(ended: Ended, state: str, reason: str) -> None:
    """The action, or what cancels or undoes a plan, has ended like this; Mistral says so too."""
    execution = "ERROR" if state == "FAILED" else "SUCCESS"
    told = (ended.state, ended.report.get("state"), ended.report.get("reason"))
    assert told == (execution, state, reason), (ended.output, ended.state_info)


def wait_for(what: str, look: Callable[[], Any], limit: float = LIMIT) -> Any:
    """Return what `look` returns as soon as it is true."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.4)  # a look costs a loaded machine more than the wait
    raise AssertionError(f"after {limit} s still not: {what}")


@contextlib.contextmanager
def recovering(lab: Lab) -> Iterator["Cloud"]:
    """Start a lab and install the pack as its README says; stop it at the end."""
    with lab:
        openstack = str(programs.BIN / "openstack")
        subprocess.run([openstack, "recovery", "sync"], env=lab.env, check=True)
        yield Cloud(lab)


class Cloud:
    """A lab, and what is looked at most.

    :param session: of whoever looks and starts workflows; by default the administrator.
    """

    def __init__(self, lab: Any, session: Any = None) -> None:
        self.lab = lab
        session = session or lab.connection().session
        # it looks past a cell that is down: the pack is to meet that, not what a test asserts
        self.nova = adapter.Adapter(session, service_type="compute", raise_exc=False,
                                    additional_headers={OBSERVER: "tests"})
        self.mistral = adapter.Adapter(session, service_type="workflowv2")

    # ---- Mistral
    def start(self, workflow: str = RECOVER, **given: Any) -> str:
        """Start a workflow as the plain API does; return the execution's id."""
        body = {"workflow_name": workflow, "input": json.dumps(given)}
        return str(self.mistral.post("/executions", json=body).json()["id"])

    @contextlib.contextmanager
    def settings(self, **variables: str) -> Iterator[None]:
        """Have a Mistral environment `recovery` for a while."""
        body = {"name": "recovery", "variables": json.dumps(variables)}
        self.mistral.post("/environments", json=body)
        try:
            yield
        finally:
            self.mistral.delete("/environments/recovery")

    def execution(self, execution_id: str) -> dict[str, Any]:
        return dict(self.mistral.get(f"/executions/{execution_id}").json())

    def end_of(self, execution_id: str) -> Ended:
        """Wait until an execution has ended."""

        def ended() -> dict[str, Any] | None:
            found = self.execution(execution_id)
            return found if found["state"] not in ("RUNNING", "IDLE", "PAUSED") else None

        found = wait_for(f"execution {execution_id} has ended", ended)
        output = json.loads(found["output"]) if found["output"] else {}
        return Ended(found["id"], found["state"], found["state_info"] or "", output)

    def running(self) -> list[str]:
        """Return the ids of the executions that have not ended."""
        found = self.mistral.get("/executions?state=RUNNING&fields=id").json()["executions"]
        return [one["id"] for one in found]

    def recover(self, host: str, **given: Any) -> Ended:
        """Run a recovery to its end."""
        return self.end_of(self.start(host=host, **given))

    def set_state(self, execution_id: str, state: str) -> None:
        """Pause (PAUSED), resume (RUNNING) or cancel (CANCELLED) an execution."""
        self.mistral.put(f"/executions/{execution_id}", json={"state": state})

    def cancel(self, execution_id: str) -> None:
        self.set_state(execution_id, "CANCELLED")

    def tasks(self, execution_id: str) -> list[str]:
        query = f"workflow_execution_id={execution_id}&sort_keys=created_at"
        found = self.mistral.get(f"/tasks?{query}").json()["tasks"]
        return [task["name"] for task in found]

    # ---- Nova
    def get(self, path: str) -> Any:
        return self.nova.get(path, microversion="2.79").json()

    def server(self, server: dict[str, Any]) -> dict[str, Any]:
        return dict(self.get(f"/servers/{server['id']}")["server"])

    def where(self, server: dict[str, Any]) -> tuple[str, str]:
        """Return (status, host) of a server."""
        seen = self.server(server)
        return seen["status"], seen["OS-EXT-SRV-ATTR:host"]

    def done(self, server: dict[str, Any]) -> list[str]:
        """Return what was done with a server since it was made, oldest first."""
        found = self.get(f"/servers/{server['id']}/os-instance-actions")["instanceActions"]
        return [one["action"] for one in reversed(found)][1:]

    def ask(self, server: dict[str, Any], action: str, body: object = None) -> None:
        path = f"/servers/{server['id']}/action"
        assert self.nova.post(path, json={action: body}, microversion="2.79").ok

    def migrations(self, server: dict[str, Any]) -> list[str]:
        """Return the states of a server's migration records, oldest first."""
        found = self.get(f"/os-migrations?instance_uuid={server['id']}")["migrations"]
        return [one["status"] for one in sorted(found, key=lambda one: one["id"])]

    def service(self, host: str) -> dict[str, Any]:
        found = self.get(f"/os-services?binary=nova-compute&host={host}")["services"]
        return dict(found[0])

    def update_service(self, host: str, **change: Any) -> None:
        path = f"/os-services/{self.service(host)['id']}"
        answer = self.nova.put(path, json=change, microversion="2.79")
        assert answer.ok, answer.text

    def evacuations(self, host: str) -> dict[str, list[str]]:
        """Return the states of the evacuation records per server id."""
        found: dict[str, list[str]] = {}
        for record in self.lab.migrations(host):
            found.setdefault(record["instance_uuid"], []).append(record["status"])
        return found

    def kill(self, host: str) -> None:
        """Kill a host; Nova shows it down."""
        self.lab.kill_host(host)
        wait_for(f"{host} is down", lambda: self.service(host)["state"] == "down")
