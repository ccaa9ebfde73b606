"""Follow a recovery while Mistral runs it: cheap questions, once a second, until it ends."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from driver.errors import DriverError, RefusedError, StillRunningError, UnreachableError
from driver.mistral.client import MistralClient
from driver.recoveries.keeper import Standstill
from driver.recoveries.model import Recovery

T = TypeVar("T")

#: Seconds for which a Mistral that does not answer, being restarted for instance, is waited for.
TOLERANCE = 60.0

# Polls without a new result after which the recovery may have gone on to another task.
_QUIET_POLLS = 3
# A task of the root, the sub-workflow that it stands for, a task of that, its last result.
_LONGEST_WAY = 4


@dataclass(frozen=True)
class Counts:
    """How many servers are in which state."""

    done: int
    running: int
    failed: int
    pending: int
    skipped: int
    total: int

    @classmethod
    def from_result(cls, result: Any) -> "Counts | None":
        """Read the result of one try of a bulk action; None if it is something else."""
        if not isinstance(result, dict) or not isinstance(result.get("total"), int):
            return None
        return cls(**{name: int(result.get(name) or 0) for name in cls.__dataclass_fields__})

    def __str__(self) -> str:
        text = f"{self.done} done, {self.running} running, {self.failed} failed of {self.total}"
        return f"{text} servers"


@dataclass(frozen=True)
class Progress:
    """What a recovery is doing.

    :param state: Mistral's state of the execution.
    :param step: the name of the task that runs, empty if none is known.
    :param counts: the servers, None until something has been counted.
    """

    state: str = ""
    step: str = ""
    counts: Counts | None = None

    def __str__(self) -> str:
        parts = ["" if self.state == "RUNNING" else self.state, self.step, str(self.counts or "")]
        return ": ".join(part for part in parts if part)


class Reporter(Protocol):
    """Where progress is shown."""

    def show(self, progress: Progress) -> None:
        """Show what the recovery is doing; called at each poll, changed or not."""

    def note(self, text: str) -> None:
        """Show one line that stays."""

    def close(self) -> None:
        """Leave the stream as it was found."""


class Watch:
    """Finds the newest counts of a recovery, with one request per poll.

    The counts are the result of the last try of a polled action; its task may be in a
    sub-workflow and changes as the recovery goes on. So each poll takes one step of: which
    execution runs, which task of it, what was its last result - and stays at the last one for as
    long as that brings something new.
    """

    def __init__(self, mistral: MistralClient, execution_id: str) -> None:
        self._mistral = mistral
        self._root = execution_id
        self._next: Callable[[], None] = self._find_task
        self._execution = execution_id
        self._task = ""
        self._result = ""
        self._quiet = 0
        self._step = ""
        self._counts: Counts | None = None

    @property
    def sign(self) -> tuple[str, ...]:
        """What changes when something moves."""
        return self._execution, self._step, self._task, self._result

    def poll(self, state: str = "") -> Progress:
        """Take one step and return what is known now."""
        self._next()
        return Progress(state, self._step, self._counts)

    def look(self, state: str = "") -> Progress:
        """Take all steps at once, for a single look."""
        for _ in range(_LONGEST_WAY):
            self.poll(state)
            if self._counts:
                break
        return Progress(state, self._step, self._counts)

    def _find_execution(self) -> None:
        self._execution = self._mistral.running_sub_execution(self._root) or self._root
        self._next = self._find_task

    def _find_task(self) -> None:
        task = self._mistral.active_task(self._execution)
        self._next = self._find_execution
        if task is None:
            return
        self._step = task["name"]
        if task["type"] == "ACTION":
            self._task, self._quiet, self._next = task["id"], 0, self._find_counts

    def _find_counts(self) -> None:
        newest = self._mistral.newest_result(self._task)
        if newest and newest[0] != self._result:
            self._result, self._quiet = newest[0], 0
            self._counts = Counts.from_result(newest[1]) or self._counts
            return
        self._quiet += 1
        # Only a task that counts is worth staying with; any other is a step on the way.
        if self._counts is None or self._quiet >= _QUIET_POLLS:
            self._next = self._find_execution


def wait(
    mistral: MistralClient,
    execution_id: str,
    reporter: Reporter,
    timeout: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Recovery:
    """Follow an execution until it ends, and return how it ended.

    :param timeout: seconds; None waits for as long as it takes.
    :param sleep: replaced by tests.
    :param clock: replaced by tests.
    :raises StillRunningError: the timeout is over; the recovery goes on.
    :raises UnreachableError: Mistral gave no answer for :data:`TOLERANCE` seconds.
    :raises NotFoundError: no execution with this id.
    """
    # Being patient is done here, where the person who waits can be told.
    mistral = mistral.with_patience(0)
    watch = Watch(mistral, execution_id)
    standstill = Standstill(mistral, execution_id, clock)

    def ended() -> Recovery | None:
        return _poll(mistral, execution_id, watch, standstill, reporter)

    return until(ended, goes_on(execution_id), reporter, timeout, sleep, clock)


def until(
    ended: Callable[[], T | None],
    goes_on: str,
    reporter: Reporter,
    timeout: float | None,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> T:
    """Ask once a second until there is an answer, and return it.

    :param ended: what is asked; its own requests are not tried again.
    :param goes_on: a sentence for whoever stops waiting before that.
    :param timeout: seconds; None waits for as long as it takes.
    :raises StillRunningError: the timeout is over.
    :raises UnreachableError: no usable answer for :data:`TOLERANCE` seconds.
    """
    give_up_at = None if timeout is None else clock() + timeout
    answered_at, silent = clock(), False
    try:
        while True:
            try:
                answer = ended()
                if silent:
                    reporter.note("Mistral answers again")
                answered_at, silent = clock(), False
                if answer is not None:
                    return answer
            except DriverError as error:
                if not error.may_pass:
                    raise
                if clock() - answered_at > TOLERANCE:
                    raise UnreachableError(f"{error}; {goes_on}") from error
                if not silent:
                    reporter.note(f"{error}; waiting up to {TOLERANCE:.0f} s for it")
                silent = True
            if give_up_at is not None and clock() >= give_up_at:
                raise StillRunningError(f"still running after {timeout:g} s; {goes_on}")
            sleep(1.0)
    finally:
        reporter.close()


def goes_on(execution_id: str) -> str:
    """Return the sentence for everyone who stops watching."""
    return (
        "the recovery goes on in Mistral; watch it again with "
        f"`openstack recovery show {execution_id} --wait`"
    )


def _poll(
    mistral: MistralClient,
    execution_id: str,
    watch: Watch,
    standstill: Standstill,
    reporter: Reporter,
) -> Recovery | None:
    execution = mistral.execution(execution_id)
    if execution.ended:
        return Recovery.from_execution(execution)
    try:
        reporter.show(watch.poll(execution.state))
    except RefusedError:
        # The counts are an extra: whoever may not see them still learns how it ends.
        reporter.show(Progress(execution.state))
    told = standstill.seen(watch.sign) if execution.state == "RUNNING" else ""
    if told:
        reporter.note(told)
    return None
