"""The benchmark on the command line: ``python -m bench.queues``."""

import argparse
import itertools
import sys
import tempfile
import time
import uuid
from pathlib import Path

from keystoneauth1 import adapter

from bench.host_recovery.__main__ import numbers
from driver.mistral.client import MistralClient
from driver.plans import lanes
from driver.plans.model import Action, Plan
from driver.plans.service import Plans
from lab.distributed import DistributedLab
from tests.functional.support import recovering

DESCRIPTION = """\
Run action plans of independent actions on the distributed lab, with the heartbeats of the README,
and count the actions that Mistral took for dead although they were only queued. Each action polls:
it sleeps for some seconds, and looks every two."""


def plan_of(actions: int, seconds: int) -> Plan:
    """Return a plan of independent actions that poll."""
    return Plan(str(uuid.uuid4()), tuple(
        Action(str(uuid.UUID(int=number)), "sleep", {"duration": seconds}, (), f"{number:03}")
        for number in range(1, actions + 1)))


class Row:
    """Runs plans on one lab, and counts what Mistral has run for each."""

    def __init__(self, lab: DistributedLab) -> None:
        self.mistral = MistralClient.from_connection(lab.connection())
        self._api = adapter.Adapter(lab.connection().session, service_type="workflowv2")
        self._seen: set[str] = set()

    def measure(self, actions: int, seconds: int) -> str:
        """Run one plan to its end; return a row of the table."""
        plan = plan_of(actions, seconds)
        began = time.monotonic()
        Plans(self.mistral).start(plan)
        while not (run := self.mistral.execution(plan.uuid)).ended:
            time.sleep(2)
        wall = time.monotonic() - began
        found = self._new_runs()
        lost = sum("eartbeat" in str(one.get("output")) for one in found)
        return f"| {actions} | {lanes.WINDOW} | {wall:.0f} | {len(found)} | {lost} | {run.state} |"

    def _new_runs(self) -> list[dict]:
        found: list[dict] = []
        for state in ("ERROR", "SUCCESS"):
            query, marker = f"/action_executions?state={state}&fields=id,output&limit=500", ""
            while page := self._api.get(query + marker).json()["action_executions"]:
                found += page
                marker = f"&marker={page[-1]['id']}"
        new = [one for one in found if one["id"] not in self._seen]
        self._seen.update(one["id"] for one in new)
        return new


def main() -> int:
    """Run the benchmark; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.queues", description=DESCRIPTION)
    parser.add_argument("--actions", type=numbers(int, 1), default=[25, 50, 100, 200])
    parser.add_argument("--windows", type=numbers(int, 1), default=[lanes.WINDOW, 1000])
    parser.add_argument("--seconds", type=int, default=20, help="how long each action polls")
    args = parser.parse_args()
    print("| actions | at once | wall s | runs of actions | taken for dead | state |", flush=True)
    with tempfile.TemporaryDirectory() as scratch, recovering(
        DistributedLab(Path(scratch) / "lab", hosts=("host1",))
    ) as cloud:
        row = Row(cloud.lab)
        for actions, window in itertools.product(args.actions, args.windows):
            lanes.WINDOW = window
            print(row.measure(actions, args.seconds), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
