"""Carries a chain out, whoever dies meanwhile: each effect is recorded before it happens.

Nothing here imports Senlin: all that touches the world is done by a :class:`ChainAdapter`.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from driver.senlin import messages
from driver.senlin.model import (
    CONTINUE,
    FAIL,
    WORKFLOW,
    ChainStep,
    ChainStopped,
    ExecutionSeen,
    StepFailed,
    Transient,
)
from driver.senlin.state import State

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 10.0
_LAST_LOOKS = 3


class ChainAdapter(Protocol):
    """What a chain needs of Senlin, Nova, Mistral and the clock."""

    node: str

    def now(self) -> float:
        """Return the seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def record(self, state: State, text: str) -> None:
        """Keep the state with the node, and let its status say a text."""

    def check(self) -> None:
        """Raise ChainStopped if the action was cancelled or the node is gone or another's."""

    def start(self, step: ChainStep, state: State) -> ExecutionSeen:
        """Start the execution of a step, once: the same id gives the same execution.

        :raises Transient: Mistral gave no usable answer.
        :raises StepFailed: Mistral will not do it.
        """

    def look(self, execution: str) -> ExecutionSeen | None:
        """Return an execution, None if it is not there.

        :raises Transient: Mistral gave no usable answer.
        """

    def cancel(self, execution: str) -> bool:
        """Cancel an execution if it runs; return whether that is sure. Never raises."""

    def newest_action(self) -> str:
        """Return the newest action of the server, as far as Nova tells."""

    def operate(self, step: ChainStep, resumed: bool, newest_action: str) -> str:
        """Reboot, rebuild or recreate the server and wait; return the server's id.

        :param resumed: the step was begun by an engine that died.
        :param newest_action: the newest action of the server before it was begun.
        :raises StepFailed: it did not succeed.
        """

    def server_active(self) -> bool:
        """Return whether the server is ACTIVE in Nova.

        :raises StepFailed: Nova does not say.
        """


@dataclass(frozen=True)
class ChainOutcome:
    """How a chain ended.

    :param state: the last state.
    :param failure: a sentence that says at which step and why; empty if it succeeded.
    :param write: false if the node is not this action's any more: write nothing.
    """

    state: State
    failure: str = ""
    write: bool = True


class _Chain:
    """One run of a chain by one engine."""

    def __init__(self, steps: Sequence[ChainStep], state: State, adapter: ChainAdapter) -> None:
        self._steps, self._adapter = steps, adapter
        self.state = state
        self._server = state.server

    def run(self) -> ChainOutcome:
        try:
            while self.state.step < len(self._steps):
                self._adapter.check()
                step = self._steps[self.state.step]
                note = self._do(step)
                self.state = self.state.next(note, self._server)
                self._record("is next")
            self._last_look()
        except StepFailed as error:
            return ChainOutcome(self.state, f"{self._place}: {error}")
        except ChainStopped as stop:
            left = self._give_up() if stop.cancel else ""
            return ChainOutcome(self.state, f"{self._place}: stopped, {stop}{left}", stop.write)
        return ChainOutcome(self.state)

    @property
    def _place(self) -> str:
        return messages.place(self._steps, self.state.step)

    def _record(self, doing: str) -> None:
        self._adapter.record(self.state, messages.progress(self._place, doing, self.state.attempt))

    def _do(self, step: ChainStep) -> str:
        number = self.state.step + 1
        if step.name != WORKFLOW:
            self._operation(step)
            return f"{number} {step.title}"
        try:
            self._workflow(step)
        except StepFailed as error:
            if step.on_error != CONTINUE:
                raise
            return f"{number} {step.title} failed ({error}) and was passed over, as on_error says"
        return f"{number} {step.title}"

    def _operation(self, step: ChainStep) -> None:
        resumed = self.state.started
        if not resumed:
            newest = self._adapter.newest_action()
            self.state = self.state.begun(self._adapter.node, self._adapter.now(), False, newest)
            self._record("in progress")
        self._server = self._adapter.operate(step, resumed, self.state.newest_action)

    def _workflow(self, step: ChainStep) -> None:
        if not self.state.started:
            self.state = self.state.begun(self._adapter.node, self._adapter.now(), True)
            self._record("in progress")
        pause, trouble, said = _FIRST_PAUSE, "", ""
        while True:
            self._adapter.check()
            try:
                seen = self._ask(step)
                trouble = ""
            except Transient as error:
                seen, trouble = None, str(error)
            if seen is not None and self._ended(step, seen):
                return
            if self._adapter.now() > self.state.began + step.timeout:
                state = f"was {seen.state}" if seen else f"could not be followed ({trouble})"
                raise StepFailed(
                    f"execution {self.state.execution} {state} when the step's timeout of "
                    f"{step.timeout} s was over{self._give_up()}"
                )
            doing = trouble or messages.following(self.state.execution, seen)
            if doing != said:
                said = doing
                self._record(doing)
            self._adapter.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE)

    def _ask(self, step: ChainStep) -> ExecutionSeen:
        if not self.state.sent:
            seen = self._adapter.start(step, self.state)
            self.state = dataclasses.replace(self.state, sent=True)
            self._record(messages.following(self.state.execution, seen))
            return seen
        found = self._adapter.look(self.state.execution)
        if found is None:
            raise StepFailed(f"execution {self.state.execution} was deleted in Mistral")
        return found

    def _ended(self, step: ChainStep, seen: ExecutionSeen) -> bool:
        """Return whether the step is done; raise if it failed."""
        info = f": {seen.info}" if seen.info else ""
        if seen.state in ("ERROR", "CANCELLED"):
            raise StepFailed(f"execution {self.state.execution} ended {seen.state}{info}")
        if seen.state == "PAUSED" and step.on_paused == FAIL:
            raise StepFailed(
                f"execution {self.state.execution} was PAUSED, which on_paused takes for a "
                f"failure{self._give_up()}{info}"
            )
        return seen.state == "SUCCESS"

    def _give_up(self) -> str:
        """Cancel the execution of the present step; return the words for it."""
        if not self.state.execution:
            return ""
        sure = self._adapter.cancel(self.state.execution)
        how = "was cancelled" if sure else "could not be cancelled and may still run"
        return f"; execution {self.state.execution} {how}"

    def _last_look(self) -> None:
        """See that the server is ACTIVE; it may just be coming up, or Nova be busy."""
        for left in reversed(range(_LAST_LOOKS)):
            self._adapter.check()
            try:
                if self._adapter.server_active():
                    return
            except StepFailed:
                if not left:
                    raise
            if left:
                self._adapter.sleep(_LONGEST_PAUSE)
        raise StepFailed("all steps are done, but the server is not ACTIVE in Nova")


def run(steps: Sequence[ChainStep], state: State, adapter: ChainAdapter) -> ChainOutcome:
    """Carry a chain out from where it is.

    :param steps: at least one.
    :param state: a new one, or that of an engine that died.
    """
    return _Chain(steps, state, adapter).run()
