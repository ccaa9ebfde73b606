"""A round: something is asked for, things happen, and all must be right in the end."""

import random
import threading
import time
from typing import Any

from tests.chaos.disturbances import Disturbance, carried_out, drawn
from tests.chaos.requests import BOUND, KINDS, insist, unended
from tests.chaos.wired import WiredLab
from tests.functional.support import Cloud


def played(lab: WiredLab, seed: int, kind: str | None = None, most: int = 4) -> dict[str, Any]:
    """Play a round.

    :param kind: of KINDS; else drawn. :param most: how many disturbances there may be.
    :returns: what was done, what is wrong, and how long it took in seconds.
    """
    chance = random.Random(seed)
    kind = kind or chance.choice(["host", "host", "plan", "servers"])
    hosts = [lab.hosts[(2 * seed + n) % len(lab.hosts)] for n in range(2)]
    disturbances = drawn(chance, most)
    began = time.monotonic()
    round_ = KINDS[kind](lab, hosts, chance)
    round_.prepare()
    wrong = disturbed(lab, round_, disturbances)
    line = {"seed": seed, "kind": kind, "kills": sum(one.kills for one in disturbances),
            "disturbances": [str(one) for one in disturbances], "wrong": wrong,
            "seconds": round(time.monotonic() - began)}  # fmt: skip
    round_.tidy()
    return line


def disturbed(lab: WiredLab, round_: Any, disturbances: list[Disturbance]) -> list[str]:
    """Carry a round out while things happen; return what is wrong afterwards."""
    starting = threading.Thread(target=round_.start)
    starting.start()
    nova_died = False
    for one in carried_out(lab, disturbances):
        if "nova" in one.what and one.how == "kill":
            nova_died = True
            round_.slow_down()
    starting.join()
    cloud = round_.cloud
    wrong = []
    for left in unended(cloud, round_.executions, BOUND):
        wrong.append(f"{left} has not ended: {running_tasks(cloud, left)}")
        insist(lambda stuck=left: cloud.set_state(stuck, "PAUSED"))
        insist(lambda stuck=left: cloud.set_state(stuck, "RUNNING"))
    if wrong:
        unended(cloud, round_.executions, BOUND)
    return wrong + round_.wrong(nova_died)


def running_tasks(cloud: Cloud, execution: str) -> list[str]:
    """Return the tasks, also of its sub-workflows, that have not ended, with their states."""
    query = f"root_execution_id={execution}"
    below = cloud.mistral.get(f"/executions?{query}").json()["executions"]
    found = []
    for one in [execution, *(sub["id"] for sub in below)]:
        tasks = cloud.mistral.get(f"/executions/{one}/tasks").json()["tasks"]
        found += [f"{task['workflow_name']}.{task['name']} {task['state']}" for task in tasks
                  if task["state"] not in ("SUCCESS", "ERROR", "SKIPPED")]  # fmt: skip
    return found
