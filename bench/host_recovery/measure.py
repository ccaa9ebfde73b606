"""One row: a recovery of all servers of a host, and what it cost."""

import collections
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import requests

from bench.host_recovery import usage
from bench.host_recovery.cloud import Cloud, WrongOutcome
from lab.process import ROOT

FLOOR, LOCKING, PLAIN = "floor", "pack", "pack, no locks"
WAYS = (FLOOR, LOCKING, PLAIN)
LIMIT = 900  # seconds for one recovery
LOOK = 0.5  # seconds between two looks at the execution: costs Mistral CPU, blurs the wall time


@dataclass
class Row:
    """Times in seconds, memory in MB. CPU is that of the floor's process, or of Mistral's."""

    way: str
    servers: int
    delay: float
    wall: float
    first_evacuate: float
    requests: dict[str, int]
    tasks: int
    actions: int
    cpu: float
    nova_cpu: float
    memory: int
    load: float
    others: float  # CPUs that were busy with something else
    stolen: float  # CPUs that the machine did not get

    @property
    def total(self) -> int:
        return sum(self.requests.values())

    @property
    def per_server(self) -> float:
        return self.total / self.servers

    def as_dict(self) -> dict:
        return asdict(self) | {"total": self.total, "per_server": self.per_server}


def run(cloud: Cloud, way: str, delay: float, concurrency: int, method: str) -> Row:
    """Recover the host with the servers to an empty one, and check what came of it.

    :param way: one of ``WAYS``.
    :param delay: of each spawn, in seconds.
    :param method: of the recovery: ``auto`` or ``reserved_host``.
    :raises WrongOutcome: not all servers were moved exactly once.
    """
    # an executor that knows nothing: token, catalogue and version documents are counted
    cloud.stop_mistral()
    cloud.start_mistral()
    destination = cloud.kill_source()
    cloud.set_faults({"*": {"spawn": {"delay": delay}}})
    target = destination if method == "reserved_host" else None
    cloud.proxies.calls.clear()
    load = os.getloadavg()[0]
    before = _usage(cloud)
    if way == FLOOR:
        found = _floor(cloud, target, concurrency)
    else:
        found = _pack(cloud, target, concurrency, lock_servers=way == LOCKING)
    used = {name: value - before[name] for name, value in _usage(cloud).items()}
    began, wall = found.pop("began"), found["wall"]
    calls = list(cloud.proxies.calls)
    cloud.set_faults({})
    cloud.check(destination)
    row = Row(
        way=way, servers=cloud.servers, delay=delay, load=load,
        first_evacuate=next(c.at for c in calls if c.kind.endswith(" evacuate")) - began,
        requests=dict(collections.Counter(call.kind for call in calls).most_common()),
        nova_cpu=used["nova"], stolen=used["stolen"] / wall,
        others=max(0.0, used["busy"] - used["nova"] - used["mistral"] - used["own"]) / wall,
        **{"tasks": 0, "actions": 0, "cpu": used["mistral"],
           "memory": usage.peak_memory(cloud.mistral.pid), **found})
    cloud.bury(destination)
    return row


def _usage(cloud):
    return {"nova": usage.cpu(cloud.nova.pid), "mistral": usage.cpu(cloud.mistral.pid),
            "own": usage.own(), **usage.machine()}


def _floor(cloud, target, concurrency):
    command = [sys.executable, "-m", "bench.host_recovery.floor", cloud.source, target or "-",
               str(concurrency)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OS_")} | cloud.env
    done = subprocess.run(command, env=environment | {"NO_PROXY": "127.0.0.1"}, cwd=ROOT,
                          stdout=subprocess.PIPE, timeout=LIMIT, check=True)
    found = json.loads(done.stdout)
    return found | {"wall": found.pop("ended") - found["began"]}


def _pack(cloud, target, concurrency, *, lock_servers):
    given = {"host": cloud.source, "concurrency": concurrency, "lock_servers": lock_servers}
    if target:
        given |= {"method": "reserved_host", "reserved_hosts": target}
    with requests.Session() as http:
        http.trust_env = False  # proxies are for the world outside
        before = _executions(http, cloud.mistral_url)
        began = time.monotonic()
        body = {"workflow_name": "recovery.host.recover", "input": json.dumps(given)}
        answer = http.post(f"{cloud.mistral_url}/executions", json=body, timeout=60)
        answer.raise_for_status()
        _wait(http, f"{cloud.mistral_url}/executions/{answer.json()['id']}", began + LIMIT)
        ended = time.monotonic()
        after = _executions(http, cloud.mistral_url)
    return {"began": began, "wall": ended - began,
            **{kind: after[kind] - before[kind] for kind in after}}


def _executions(http, url):
    """Count the tasks and actions that Mistral has ever run, in sub-workflows too."""
    return {
        kind: len(http.get(f"{url}/{path}?fields=id", timeout=60).json()[path])
        for kind, path in (("tasks", "tasks"), ("actions", "action_executions"))
    }


def _wait(http, url, deadline):
    while (found := http.get(url, timeout=60).json())["state"] in ("IDLE", "RUNNING"):
        if time.monotonic() > deadline:
            raise WrongOutcome(f"the recovery did not end within {LIMIT} s")
        time.sleep(LOOK)
    if found["state"] != "SUCCESS":
        raise WrongOutcome(f"the recovery ended {found['state']}: {found['state_info']}")
