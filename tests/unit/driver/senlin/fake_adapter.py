"""A adapter for chains in memory: Nova, Mistral and Senlin's database outlive the engine."""

import collections
import dataclasses

from driver.senlin.model import (
    RECREATE,
    ChainStep,
    ChainStopped,
    ExecutionSeen,
    StepFailed,
    Transient,
)
from driver.senlin.state import KEY, Request, State, decide

NODE = "node-1"


class Killed(BaseException):
    """The engine died here."""


@dataclasses.dataclass
class Execution:
    """What Mistral keeps of an execution."""

    end: str
    looks: int
    inputs: ChainStep
    state: str = "RUNNING"
    info: str = ""

    def look(self):
        """Let time pass: after so many looks the execution ends."""
        if self.state == "RUNNING":
            self.looks -= 1
            if self.looks < 0:
                self.state = self.end
                self.info = "it broke" if self.end == "ERROR" else ""
        return ExecutionSeen(self.state, self.info)


class FakeAdapter:
    """A :class:`driver.senlin.chain.ChainAdapter` whose every call may be the engine's last.

    :param ends: of the executions of the steps, by the name of the workflow.
    :param looks: until an execution ends.
    """

    node = NODE

    def __init__(self, ends=None, looks=1):
        self.ends, self.looks = ends or {}, looks
        self.clock = 1000.0
        self.data, self.texts = {}, []
        self.server, self.servers_made, self.active = "server-1", 1, True
        self.executions, self.posts, self.nova = {}, [], []
        self.cancelled, self.stop = [], None
        self.away = 0  # calls to Mistral that get no answer
        self.nova_ends, self.calls, self.deaths = {}, 0, collections.deque()
        self.lose_answer = False

    def _call(self):
        self.calls += 1
        if self.deaths and self.calls == self.deaths[0]:
            self.deaths.popleft()
            raise Killed

    def _mistral(self):
        self._call()
        if self.away:
            self.away -= 1
            raise Transient("Mistral does not answer")

    def now(self):
        return self.clock

    def sleep(self, seconds):
        self._call()
        self.clock += seconds

    def record(self, state, text):
        self._call()
        self.data = {KEY: state.written(self.clock)}
        self.server = state.server
        self.texts.append(text)
        self._call()

    def check(self):
        self._call()
        if self.stop:
            raise self.stop

    def start(self, step, state):
        self._mistral()
        kept = State.read(self.data)
        assert kept is not None, "an execution was started before its id was kept"
        assert kept.execution == state.execution, "another id was kept than was sent"
        self.posts.append((state.action, state.step, state.execution))
        if step.workflow == "missing":
            raise StepFailed("workflow missing does not exist in Mistral")
        if state.execution not in self.executions:
            end = self.ends.get(step.workflow, "SUCCESS")
            self.executions[state.execution] = Execution(end, self.looks, step)
        if self.lose_answer:
            self.lose_answer = False
            raise Transient("the answer was lost")
        self._call()
        return self.executions[state.execution].look()

    def look(self, execution):
        self._mistral()
        found = self.executions.get(execution)
        return found.look() if found else None

    def cancel(self, execution):
        self._call()
        found = self.executions.get(execution)
        if found and found.state in ("RUNNING", "PAUSED"):
            found.state = "CANCELLED"
        self.cancelled.append(execution)
        return True

    def newest_action(self):
        self._call()
        return str(len(self.nova))

    def operate(self, step, resumed, newest_action):
        self._call()
        asked = [name for name, _ in self.nova[int(newest_action or 0) :]]
        if not (resumed and step.name in asked):
            assert State.read(self.data).started, "Nova was asked before that was kept"
            if step.name == RECREATE:
                self.servers_made += 1
            self.nova.append((step.name, f"server-{self.servers_made}"))
        self._call()
        if self.nova_ends.get(step.name):
            raise StepFailed(self.nova_ends[step.name])
        return self.nova[-1][1] if step.name == RECREATE else self.server

    def server_active(self):
        self._call()
        return self.active


def decided(adapter, recovery, action, by_person=False, well=False):
    """What is done about a request, with the state that the adapter keeps."""
    digest = recovery.digest("policy")
    request = Request(action, digest, adapter.server, well, by_person)
    return decide(State.read(adapter.data), request, recovery, adapter.clock)


def stopped(write=True, cancel=True):
    """The reason why a chain must not go on."""
    return ChainStopped("the Senlin action was cancelled", write, cancel)
