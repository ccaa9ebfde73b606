"""How far a chain has come: what is kept in a node's data, and what it means for a request.

It is written before each effect. Whoever finds a state that still says ``running`` (the node is
locked, so nobody else works on it) takes over from an engine that died.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from driver.senlin.model import RecoveryChain

KEY = "recovery_chain"
# After so long, what a dead engine left says nothing about the node any more.
STALE = 24 * 3600
_NAMESPACE = uuid.UUID("8f5e2d0c-6a0b-4b57-9d8e-3f1f0a1c7e52")


@dataclass(frozen=True)
class State:
    """How far a chain has come. Times are seconds since the epoch, 0 if there is none.

    :param action: the Senlin action that began the attempt; executions are named after it.
    :param digest: of the chain, its policy and its cluster.
    :param server: the server in Nova as the chain knows it.
    :param attempt: which one this is, counted from 1.
    :param step: the step that is to be done, counted from 0.
    :param started: whether that step was begun, so that its effect may have happened.
    :param began: when it was begun.
    :param execution: the id of its execution.
    :param sent: whether Mistral is known to have that execution.
    :param newest_action: the newest action of the server before the step.
    :param notes: what was done, one clause each.
    :param running: false as soon as the chain ended, and how is known.
    :param saved: when this was written.
    :param failed: when the chain failed.
    :param asked: when the node was last asked for and left alone.
    :param reason: what the node's status says since it failed.
    :param detail: what it said before the recovery.
    """

    action: str
    digest: str
    server: str
    attempt: int = 1
    step: int = 0
    started: bool = False
    began: float = 0.0
    execution: str = ""
    sent: bool = False
    newest_action: str = ""
    notes: tuple[str, ...] = ()
    running: bool = True
    saved: float = 0.0
    failed: float = 0.0
    asked: float = 0.0
    reason: str = ""
    detail: str = ""

    @classmethod
    def read(cls, data: object) -> "State | None":
        """Return the state in a node's data, None if there is none that can be understood."""
        found = data.get(KEY) if isinstance(data, Mapping) else None
        if not isinstance(found, Mapping):
            return None
        kinds = {item.name: type(item.default) for item in dataclasses.fields(cls)}
        kinds.update(action=str, digest=str, server=str)
        values: dict[str, Any] = {}
        for name, kind in kinds.items():
            value = found.get(name, getattr(cls, name, None))
            if kind is tuple and isinstance(value, list):
                value = tuple(map(str, value))
            if kind is float and type(value) is int:
                value = float(value)
            if type(value) is not kind:
                return None
            values[name] = value
        return cls(**values)

    def written(self, now: float) -> dict[str, Any]:
        """Return what is kept in the node's data."""
        return {**vars(self), "notes": list(self.notes), "saved": now}

    def begun(self, node: str, now: float, workflow: bool, newest: str = "") -> "State":
        """Return the state before the effect of the present step."""
        name = f"{self.action}:{node}:{self.step}"
        execution = str(uuid.uuid5(_NAMESPACE, name)) if workflow else ""
        return dataclasses.replace(
            self,
            started=True,
            began=now,
            execution=execution,
            sent=False,
            newest_action=newest,
        )

    def next(self, note: str, server: str) -> "State":
        """Return the state after the present step."""
        return dataclasses.replace(
            self,
            step=self.step + 1,
            notes=(*self.notes, note),
            server=server,
            started=False,
            began=0.0,
            execution="",
            sent=False,
            newest_action="",
        )

    def ended(self, now: float, reason: str) -> "State":
        """Return the state of a chain that failed."""
        return dataclasses.replace(self, running=False, failed=now, reason=reason)


class Answer(Enum):
    """What is done about a request to recover a node."""

    BEGIN = "the chain begins"
    RESUME = "the chain goes on where an engine died"
    NOT_YET = "the next attempt may not begin yet"
    NO_MORE = "no attempt is left"


@dataclass(frozen=True)
class Request:
    """A request to recover a node, and the node as it is.

    :param action: the id of the Senlin action.
    :param digest: of the chain, its policy and its cluster.
    :param server: the node's server in Nova, empty if it has none.
    :param well: whether Senlin took the node for ACTIVE.
    :param by_person: whether a person asked, not the health manager.
    :param detail: what the node's status says.
    """

    action: str
    digest: str
    server: str
    well: bool
    by_person: bool
    detail: str = ""


@dataclass(frozen=True)
class Decision:
    """What is done, the state to do it with, and an execution that is left over."""

    answer: Answer
    state: State
    abandoned: str = field(default="")


def decide(old: State | None, request: Request, recovery: RecoveryChain, now: float) -> Decision:
    """Return what is done about a request.

    :param old: what the node's data say.
    :param now: seconds since the epoch.
    """
    fresh = State(request.action, request.digest, request.server, detail=request.detail[:1000])
    if old is None:
        return Decision(Answer.BEGIN, fresh)
    same = old.digest == request.digest and not request.well
    if old.running:
        # Only a chain that was not made for another node, server or policy may go on. Should
        # RECREATE have been cut short, Senlin still knows the old server.
        if same and old.server == request.server and 0 <= now - old.saved < STALE:
            attempt = 1 if request.by_person else old.attempt
            return Decision(Answer.RESUME, dataclasses.replace(old, attempt=attempt))
        return Decision(Answer.BEGIN, fresh, abandoned=old.execution)
    silent = now - max(old.failed, old.asked) > recovery.quiet
    if request.by_person or silent or not same:
        return Decision(Answer.BEGIN, fresh)
    asked = dataclasses.replace(old, asked=now)
    if old.attempt >= recovery.attempts:
        return Decision(Answer.NO_MORE, asked)
    # A clock that went back must not hold a node up.
    if 0 <= now - old.failed < recovery.pause(old.attempt):
        return Decision(Answer.NOT_YET, asked)
    return Decision(Answer.BEGIN, dataclasses.replace(fresh, attempt=old.attempt + 1))
