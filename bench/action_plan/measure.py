"""One row: a plan that is accepted and carried out, and what that cost."""

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import requests

from bench.action_plan.cloud import Cloud
from bench.action_plan.forms import rewrite
from bench.action_plan.shapes import expected, make_plan
from bench.host_recovery import usage
from bench.host_recovery.cloud import WrongOutcome
from driver.mistral.client import MistralClient
from driver.mistral.records import EXECUTION_ENDED, Execution, Record
from driver.plans.compile import compile_plan
from driver.plans.service import Plans

LIMIT = 900  # seconds for one plan
FIRST = 0.1  # seconds between two looks for the first action
LOOK = 1.0  # seconds between two looks at the execution: costs Mistral CPU, blurs the wall time


@dataclass
class Row:
    """Times in seconds, CPU seconds and memory (MB) of Mistral."""

    shape: str
    actions: int
    rule: str
    form: str
    compiling: float  # once more, by itself
    installing: float  # the one request
    starting: float  # the one request
    accepting: float  # all that the driver does until it returns
    first: float  # from the call of the driver until the first action is handed to the executor
    wall: float  # from the call of the driver until the execution has ended
    reading: float  # the state of the plan and of all its actions; 0: not read
    cpu: float  # until the execution has ended
    idle_memory: int  # before
    memory: int  # peak
    tasks: int
    executions: int
    runs: int  # of actions
    load: float
    others: float  # CPUs that were busy with something else
    stolen: float  # CPUs that the machine did not get

    @property
    def each(self) -> float:
        return self.cpu / self.actions

    def as_dict(self) -> dict:
        return asdict(self) | {"cpu_per_action": self.each}


class Watched(MistralClient):
    """A Mistral whose two large requests are timed; it can be given another form of a plan."""

    form = "compiled"

    def __init__(self, transport):
        super().__init__(transport)
        self.took: Counter[str] = Counter()

    def add_workbook(self, definition: str) -> None:
        """Install a workbook in the form that is measured."""
        text = rewrite(self.form, definition)
        with self._timed("installing"):
            super().add_workbook(text)

    def start(self, workflow: str, inputs: Record, execution_id: str | None = None,
              description: str = "") -> Execution:
        """Start a workflow."""
        with self._timed("starting"):
            return super().start(workflow, inputs, execution_id, description)

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.took[what] += time.monotonic() - began


def run(cloud: Cloud, shape: str, actions: int, rule: str, form: str = "compiled") -> Row:
    """Carry out a plan of ``nop`` actions, and check what came of it.

    :param shape: one of ``shapes.SHAPES``.
    :param form: one of ``forms.FORMS``.
    :raises WrongOutcome: an action has not ended as it must.
    """
    cloud.renew()
    plan = make_plan(shape, actions)
    compiling = _seconds(compile_plan, plan, rule)
    mistral = Watched.from_connection(cloud.connection())
    mistral.form = form
    mistral.workflow_names("recovery.")  # a token is no part of it
    idle = usage.peak_memory(cloud.mistral.pid)
    load, before = os.getloadavg()[0], _usage(cloud)
    began = time.monotonic()
    with _first_action(cloud.mistral_url) as first:
        Plans(mistral).start(plan, rule)
        accepted = time.monotonic()
        end = _wait(mistral, plan.uuid, began + LIMIT)
    wall = time.monotonic() - began
    used = {name: value - before[name] for name, value in _usage(cloud).items()}
    memory = usage.peak_memory(cloud.mistral.pid)
    if end.state != "SUCCESS":
        raise WrongOutcome(f"the plan ended {end.state}: {end.state_info}")
    counts = {kind: _count(cloud.mistral_url, path) for kind, path in
              (("tasks", "tasks"), ("executions", "executions"), ("runs", "action_executions"))}
    reading = _seconds(_check, mistral, plan, rule) if form == "compiled" else 0.0
    return Row(
        shape, actions, rule, form, compiling, mistral.took["installing"],
        mistral.took["starting"], accepted - began, first[0] - began, wall, reading,
        used["mistral"], idle, memory, **counts, load=load, stolen=used["stolen"] / wall,
        others=max(0.0, used["busy"] - used["mistral"] - used["own"]) / wall)


def _check(mistral, plan, rule):
    status = Plans(mistral).read(plan.uuid)
    found = {action.action: action.state for action in status.actions}
    if status.state != "SUCCEEDED" or found != expected(plan, rule):
        raise WrongOutcome(f"the plan is {status.state}, its actions {Counter(found.values())}, "
                           f"instead of {Counter(expected(plan, rule).values())}")


@contextlib.contextmanager
def _first_action(url: str) -> Iterator[list[float]]:
    """Look for the first action from now on; the list that is given gets its time."""
    found: list[float] = []
    stopped = threading.Event()

    def look():
        with requests.Session() as http:
            http.trust_env = False  # proxies are for the world outside
            while not stopped.wait(FIRST):
                answer = http.get(f"{url}/action_executions?fields=id&limit=1", timeout=LIMIT)
                if answer.json()["action_executions"]:
                    found.append(time.monotonic())
                    return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        stopped.set()
        thread.join()


def _wait(mistral, execution, deadline):
    while mistral.execution(execution).state not in EXECUTION_ENDED:
        if time.monotonic() > deadline:
            raise WrongOutcome(f"the plan did not end within {LIMIT} s")
        time.sleep(LOOK)
    return mistral.execution(execution)


def _count(url, path):
    with requests.Session() as http:
        http.trust_env = False
        return len(http.get(f"{url}/{path}?fields=id", timeout=60).json()[path])


def _seconds(function, *args):
    began = time.monotonic()
    function(*args)
    return time.monotonic() - began


def _usage(cloud):
    return {"mistral": usage.cpu(cloud.mistral.pid), "own": usage.own(), **usage.machine()}
