"""A recovery chain as a policy describes it, and what its steps may meet."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REBOOT, REBUILD, RECREATE, WORKFLOW = "REBOOT", "REBUILD", "RECREATE", "WORKFLOW"
NAMES = (REBOOT, REBUILD, RECREATE, WORKFLOW)
STOP, CONTINUE = "stop", "continue"
WAIT, FAIL = "wait", "fail"

POLLING, POLL_URL, HYPERVISOR = (
    "NODE_STATUS_POLLING",
    "NODE_STATUS_POLL_URL",
    "HYPERVISOR_STATUS_POLLING",
)
LONGEST_BACKOFF = 3600


@dataclass(frozen=True)
class ChainStep:
    """One action of a chain.

    :param name: one of :data:`NAMES`.
    :param workflow: what WORKFLOW starts, in a namespace of Mistral (empty: the default one).
    :param inputs: what the policy gives the workflow.
    :param timeout: seconds from the start of the step, for WORKFLOW.
    :param on_error: ``stop`` or ``continue``: what a WORKFLOW that failed means for the chain.
    :param on_paused: ``wait`` or ``fail``: what a paused execution means.
    :param params: what Senlin's own action is given, for the other names.
    """

    name: str
    workflow: str = ""
    namespace: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    timeout: int = 3600
    on_error: str = STOP
    on_paused: str = WAIT
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The step as it is named in sentences."""
        return f"{self.name} {self.workflow}" if self.workflow else self.name


@dataclass(frozen=True)
class RecoveryChain:
    """All that a policy says about recovering a node.

    :param attempts: how often the health manager may have a node recovered before it is left.
    :param backoff: seconds from a failed attempt to the next; doubled after each.
    :param detection: the types of its detection modes.
    :param all_failed: whether all of them must find a node broken.
    :param period: seconds from one look of the health manager to the next, at most.
    """

    steps: tuple[ChainStep, ...]
    strict: bool = False
    attempts: int = 5
    backoff: int = 60
    detection: tuple[str, ...] = (POLLING,)
    all_failed: bool = False
    period: int = 360

    def only(self, step: ChainStep) -> "RecoveryChain":
        """Return the recovery that a person asked for instead."""
        return dataclasses.replace(self, steps=(step,))

    def pause(self, attempt: int) -> int:
        """Return the seconds that must pass after a failed attempt, counted from 1."""
        return min(self.backoff << min(attempt - 1, 30), LONGEST_BACKOFF)

    @property
    def quiet(self) -> int:
        """Seconds without a request after which a node must have been well in between."""
        return max(LONGEST_BACKOFF, 3 * self.period)

    def asks_again(self, server_active: bool) -> bool:
        """Return whether the health manager will ask for a node that is in ERROR.

        It polls no URL of such a node but takes it for well, and the status poll looks at the
        server in Nova, not at the node.
        """
        answers = {POLLING: not server_active, HYPERVISOR: True, POLL_URL: False}
        broken = [answers.get(kind, False) for kind in self.detection]
        return all(broken) if self.all_failed else any(broken)

    def digest(self, *scope: str) -> str:
        """Return a short text that differs if the steps, or what they are for, differ."""
        steps = [vars(step) for step in self.steps]
        text = json.dumps([scope, steps], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class StepFailed(Exception):
    """A step did not do what it is for; the text is a clause that says why."""


class Transient(Exception):
    """A service gave no usable answer; asking again later may help."""


class ChainStopped(Exception):
    """The chain must not go on, whatever its steps say.

    :param reason: a clause that says why.
    :param write: whether the node may still be written to.
    :param cancel: whether its running execution is to be cancelled.
    """

    def __init__(self, reason: str, write: bool, cancel: bool) -> None:
        super().__init__(reason)
        self.write, self.cancel = write, cancel


@dataclass(frozen=True)
class ExecutionSeen:
    """An execution as Mistral shows it.

    :param note: what the keeper has done about it.
    """

    state: str
    info: str = ""
    note: str = ""
