"""What the tests ask of a lab with a Senlin. Waiting is always for a state, with a limit."""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from keystoneauth1 import adapter, session
from keystoneauth1.identity import v3

from lab.senlin import SenlinLab
from tests.functional import support as functional

LIMIT = 240  # seconds; what a loaded machine with two cores may take, never what it should
REBUILD = {"name": "REBUILD"}
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
PROFILE: dict[str, Any] = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {"name": "node", "flavor": "m1.tiny", "image": "cirros", "networks": []},
}


def wait_for(what: str, look: Callable[[], Any], limit: float = LIMIT) -> Any:
    """Return what `look` returns as soon as it is true."""
    return functional.wait_for(what, look, limit)


def workflow(name: str, **params: Any) -> dict[str, Any]:
    """A WORKFLOW step of a chain."""
    return {"name": "WORKFLOW", "params": {"workflow_name": name, **params}}


def policy_spec(
    actions: Sequence[Mapping[str, Any]], interval: int = 3600, **recovery: Any
) -> dict[str, Any]:
    """A policy; by default one that looks so seldom that only a person starts its chain."""
    return {
        "type": "senlin.policy.health.workflow",
        "version": "1.0",
        "properties": {
            "detection": {
                "interval": interval,
                "node_update_timeout": 5,
                "detection_modes": [{"type": "NODE_STATUS_POLLING"}],
            },
            "recovery": {"actions": list(actions), **recovery},
        },
    }


class Refused(Exception):
    """A service said no: its status and its sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status, self.text = status, text


@dataclass
class Execution:
    """An execution that a chain started."""

    id: str
    workflow: str
    state: str
    state_info: str
    input: dict[str, Any] = field(repr=False)


@dataclass
class Node:
    """A cluster of one node, and the policy that recovers it."""

    user: "User"
    id: str
    cluster: str
    policy: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        return dict(self.user.clustering("GET", f"/nodes/{self.id}")["node"])

    @property
    def status(self) -> str:
        return str(self.shown["status"])

    @property
    def reason(self) -> str:
        return str(self.shown["status_reason"])

    @property
    def server(self) -> str:
        return str(self.shown["physical_id"])


class User:
    """One user of the lab, and what that user asks of the services."""

    def __init__(self, lab: SenlinLab, cloud: str) -> None:
        clouds = yaml.safe_load((lab.lab.state / "clouds.yaml").read_text())["clouds"]
        self.session = session.Session(auth=v3.Password(**clouds[cloud]["auth"]))
        self._clustering = self._adapter(lab.url + "/v1")
        self._workflow = self._adapter(lab.lab.mistral_url)
        self._compute = self._adapter(lab.lab.nova_url)
        self._woken = time.monotonic()
        self._bystander = ""

    def _adapter(self, url: str) -> adapter.Adapter:
        return adapter.Adapter(
            self.session, endpoint_override=url, raise_exc=False, connect_retries=30,
            connect_retry_delay=1,
        )

    # The services

    def clustering(self, method: str, path: str, body: object = None) -> Any:
        version = {"OpenStack-API-Version": "clustering 1.13"}
        return _answer(self._clustering.request(path, method, json=body, headers=version))

    def workflow(self, method: str, path: str, body: object = None, text: str = "") -> Any:
        given: dict[str, Any] = {"json": body}
        if text:
            given = {"data": text.encode(), "headers": {"Content-Type": "text/plain"}}
        return _answer(self._workflow.request(path, method, **given))

    def compute(self, method: str, path: str, body: object = None) -> Any:
        return _answer(self._compute.request(path, method, json=body, microversion="2.79",
                                             endpoint_filter={"service_type": "compute"}))

    def install(self, workbook: str) -> None:
        """Create a workbook in Mistral, or replace it."""
        known = [one["name"] for one in self.workflow("GET", "/workbooks")["workbooks"]]
        method = "PUT" if yaml.safe_load(workbook)["name"] in known else "POST"
        self.workflow(method, "/workbooks", text=workbook)

    def install_in(self, namespace: str, workflows: str) -> None:
        """Create workflows in a namespace of Mistral, or replace them."""
        path = f"/workflows?namespace={namespace}"
        found = self.workflow("GET", path)["workflows"]
        known = any(one["namespace"] == namespace for one in found)
        self.workflow("PUT" if known else "POST", path, text=workflows)

    def wait_until_gone(self, path: str) -> None:
        """Wait until Senlin does not know something any more."""

        def gone() -> bool:
            try:
                self.clustering("GET", path)
            except Refused as refused:
                return refused.status == 404
            return False

        wait_for(f"{path} is gone", gone)

    # Clusters and policies

    def begin_cluster(self) -> str:
        """Ask for a cluster of one node; return its id."""
        body = {"profile": {"name": f"profile-{uuid.uuid4()}", "spec": PROFILE}}
        profile = self.clustering("POST", "/profiles", body)["profile"]["id"]
        wanted = {"name": f"c-{uuid.uuid4()}", "profile_id": profile, "desired_capacity": 1,
                  "min_size": 0, "max_size": 10, "timeout": 600, "metadata": {}}
        return str(self.clustering("POST", "/clusters", {"cluster": wanted})["cluster"]["id"])

    def node_of(self, cluster: str) -> Node:
        """Wait until a cluster of one node is there; return its node."""

        def active() -> Any:
            found = self.clustering("GET", f"/clusters/{cluster}")["cluster"]
            assert found["status"] in ("INIT", "CREATING", "ACTIVE"), found["status_reason"]
            return found["nodes"] if found["status"] == "ACTIVE" else None

        (node,) = wait_for(f"cluster {cluster} is ACTIVE", active)
        return Node(self, node, cluster)

    def create_policy(self, spec: Mapping[str, Any]) -> str:
        body = {"policy": {"name": f"p-{uuid.uuid4()}", "spec": spec}}
        return str(self.clustering("POST", "/policies", body)["policy"]["id"])

    def begin(self, path: str, **what: Mapping[str, Any]) -> str:
        """Ask for an action as soon as no other one works on its target; return its id."""

        def asked() -> str | None:
            try:
                return str(self.clustering("POST", f"{path}/actions", what)["action"])
            except Refused as refused:
                if refused.status != 409:
                    raise
            return None

        return str(wait_for(f"{path} is free for {what}", asked))

    def begin_attach(self, cluster: str, policy: str) -> str:
        return self.begin(f"/clusters/{cluster}", policy_attach={"policy_id": policy,
                                                                 "enabled": True})

    def switch_policy(self, node: Node, *, enabled: bool) -> None:
        """Disable the policy of a node's cluster, or enable it again."""
        change = {"policy_id": node.policy, "enabled": enabled}
        status, why = self.end_of(self.begin(f"/clusters/{node.cluster}", policy_update=change))
        assert status == "SUCCEEDED", why

    def begin_recover(self, node: Node) -> str:
        return self.begin(f"/nodes/{node.id}", recover={})

    def action(self, action: str) -> dict[str, Any]:
        return dict(self.clustering("GET", f"/actions/{action}")["action"])

    def wake_engine(self) -> None:
        """Ask Senlin for something, every five seconds.

        An action that did not get its lock, or that was asked for when no engine was there, is
        looked at when another one comes: in a cloud that happens, and in a lab it does not.
        """
        if time.monotonic() < self._woken + 5:
            return
        self._woken = time.monotonic()
        if not self._bystander:
            self._bystander = self.node_of(self.begin_cluster()).id
        try:
            self.clustering("POST", f"/nodes/{self._bystander}/actions", {"check": {}})
        except Refused as refused:
            if refused.status != 409:  # it has not done the last one yet
                raise

    def end_of(self, action: str, limit: float = LIMIT) -> tuple[str, str]:
        """Wait until a Senlin action has ended; return its status and why."""

        def ended() -> dict[str, Any] | None:
            found = self.action(action)
            if found["status"] == "READY":
                self.wake_engine()
            return found if found["status"] in ENDED else None

        found = wait_for(f"action {action} has ended", ended, limit)
        return found["status"], found["status_reason"]

    # What was done

    def executions(self, node: Node) -> list[Execution]:
        """Return what chains started for a node, oldest first."""
        query = "fields=id,workflow_name,state,state_info,input,description,created_at"
        found = self.workflow("GET", f"/executions?{query}&sort_keys=created_at")["executions"]
        return [
            Execution(one["id"], one["workflow_name"], one["state"], one["state_info"] or "",
                      json.loads(one["input"]))
            for one in found if node.id in (one["description"] or "")
        ]

    def running_execution(self, node: Node, states: Sequence[str] = ("RUNNING",)) -> Execution:
        """Wait until a chain has an execution in one of the states; return it."""

        def found() -> Execution | None:
            known = self.executions(node)
            return known[-1] if known and known[-1].state in states else None

        return wait_for(f"an execution for node {node.id} is {' or '.join(states)}", found)

    def task_states(self, execution: Execution) -> list[str]:
        found = self.workflow("GET", f"/executions/{execution.id}/tasks")["tasks"]
        return [str(one["state"]) for one in found]

    def server(self, node: Node) -> dict[str, Any]:
        return dict(self.compute("GET", f"/servers/{node.server}")["server"])

    def done(self, server: str) -> list[dict[str, Any]]:
        """Return what was done with a server since it was made, oldest first."""
        path = f"/servers/{server}/os-instance-actions"
        return list(reversed(self.compute("GET", path)["instanceActions"]))[1:]

    def servers(self, node: Node) -> list[str]:
        """Return the ids of the servers that Senlin made for a node and that still are."""
        found = self.compute("GET", "/servers/detail")["servers"]
        return [one["id"] for one in found if one["metadata"].get("cluster_node_id") == node.id]

    def rebuilds(self, node: Node) -> int:
        return sum(one["action"] == "rebuild" for one in self.done(node.server))


def break_server(admin: User, node: Node) -> None:
    """Let Nova show the server of a node in ERROR."""
    body = {"os-resetState": {"state": "error"}}
    admin.compute("POST", f"/servers/{node.server}/action", body)


def _answer(response: Any) -> Any:
    if response.status_code >= 400:
        try:
            said = response.json()
            text = said.get("faultstring") or said.get("error", {}).get("message") or str(said)
        except (ValueError, AttributeError):
            text = response.text
        raise Refused(response.status_code, text)
    try:
        return response.json()
    except ValueError:  # 202 without a body
        return None
