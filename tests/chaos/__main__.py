"""``python -m tests.chaos``: rounds on a distributed lab of its own; exit status 1 if one fails."""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.chaos.disturbances import Disturbance, carried_out, drawn
from tests.chaos.rounds import BOUND, KINDS, insist, unended
from tests.chaos.wired import WiredLab
from tests.functional.support import Cloud
from tests.programs import BIN

HOSTS = tuple(f"compute{n}" for n in range(1, 9))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6),
                        help="of the first round; each next one has the next number")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kind", choices=KINDS, help="of all rounds; else drawn")
    parser.add_argument("--most", type=int, default=4, help="disturbances in a round")
    parser.add_argument("--state", type=Path, help="directory that is kept, with its logs")
    parser.add_argument("--lines", type=Path, help="file to which each round adds a line of JSON")
    return parser.parse_args()  # fmt: skip


def main() -> int:
    args = arguments()
    with tempfile.TemporaryDirectory() as kept, WiredLab(args.state or Path(kept), HOSTS) as lab:
        subprocess.run([BIN / "openstack", "recovery", "sync"], check=True,
                       env={**os.environ, **lab.env}, stdout=subprocess.DEVNULL)  # fmt: skip
        ended = [played(lab, args, seed) for seed in range(args.seed, args.seed + args.rounds)]
    kills = sum(one["kills"] for one in ended)
    bad = sum(bool(one["wrong"]) for one in ended)
    print(f"{len(ended)} rounds, {kills} kills, {bad} rounds with something wrong")
    return 1 if bad else 0


def played(lab: WiredLab, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Play a round; return what was done, what is wrong and how long it took."""
    chance = random.Random(seed)
    kind = args.kind or chance.choice(["host", "host", "plan"])
    hosts = list(itertools.islice(itertools.cycle(HOSTS), seed * 2 % 8, seed * 2 % 8 + 2))
    disturbances = drawn(chance, args.most)
    began = time.monotonic()
    round_ = KINDS[kind](lab, hosts, chance)
    round_.prepare()
    wrong = disturbed(lab, round_, disturbances)
    line = {"seed": seed, "kind": kind, "kills": sum(one.kills for one in disturbances),
            "disturbances": [str(one) for one in disturbances], "wrong": wrong,
            "seconds": round(time.monotonic() - began)}  # fmt: skip
    print(f"{seed} {kind} ({line['seconds']} s): {'; '.join(line['disturbances'])}")
    for one in wrong:
        print(f"    {one}")
    sys.stdout.flush()
    if args.lines:
        with open(args.lines, "a") as lines:
            lines.write(json.dumps(line) + "\n")
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


if __name__ == "__main__":
    sys.exit(main())
