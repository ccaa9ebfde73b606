"""Carries a chain out, whoever dies meanwhile: each effect is recorded before it happens.

Nothing here imports Senlin: all that touches the world is done by a :class:`World`.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from driver.senlin import messages
from driver.senlin.model import CONTINUE, FAIL, WORKFLOW, Step
from driver.senlin.state import State

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 10.0
_LAST_LOOKS = 3


class StepFailed(Exception):
    """A step did not do what it is for; the text is a clause that says why."""


class Passing(Exception):
    """A service gave no usable answer; asking again later may help."""


class Stopped(Exception):
    """The chain must not go on, whatever its steps say.

    :param reason: a clause that says why.
    :param write: whether the node may still be written to.
    :param cancel: whether its running execution is to be cancelled.
    """

    def __init__(self, reason: str, write: bool, cancel: bool) -> None:
        super().__init__(reason)
        self.write, self.cancel = write, cancel


@dataclass(frozen=True)
class Seen:
    """An execution as Mistral shows it."""

    state: str
    info: str = ""


class World(Protocol):
    """What a chain needs of Senlin, Nova, Mistral and the clock."""

    node: str

    def now(self) -> float:
        """Return the seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def record(self, state: State, text: str) -> None:
        """Keep the state with the node, and let its status say a text."""

    def check(self) -> None:
        """Raise Stopped if the action was cancelled or the node is gone or another's."""

    def start(self, step: Step, state: State) -> Seen:
        """Start the execution of a step, once: the same id gives the same execution.

        :raises Passing: Mistral gave no usable answer.
        :raises StepFailed: Mistral will not do it.
        """

    def look(self, execution: str) -> Seen | None:
        """Return an execution, None if it is not there.

        :raises Passing: Mistral gave no usable answer.
        """

    def cancel(self, execution: str) -> bool:
        """Cancel an execution if it runs; return whether that is sure. Never raises."""

    def mark(self) -> str:
        """Return the newest action of the server, as far as Nova tells."""

    def operate(self, step: Step, resumed: bool, mark: str) -> str:
        """Reboot, rebuild or recreate the server and wait; return the server's id.

        :param resumed: the step was begun by an engine that died.
        :param mark: the newest action of the server before it was begun.
        :raises StepFailed: it did not succeed.
        """

    def server_active(self) -> bool:
        """Return whether the server is ACTIVE in Nova.

        :raises StepFailed: Nova does not say.
        """


@dataclass(frozen=True)
class Outcome:
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

    def __init__(self, steps: Sequence[Step], state: State, world: World) -> None:
        self._steps, self._world = steps, world
        self.state = state
        self._server = state.server

    def run(self) -> Outcome:
        try:
            while self.state.step < len(self._steps):
                self._world.check()
                step = self._steps[self.state.step]
                note = self._do(step)
                self.state = self.state.next(note, self._server)
                self._record("is next")
            self._last_look()
        except StepFailed as error:
            return Outcome(self.state, f"{self._place}: {error}")
        except Stopped as stop:
            left = self._give_up() if stop.cancel else ""
            return Outcome(self.state, f"{self._place}: stopped, {stop}{left}", stop.write)
        return Outcome(self.state)

    @property
    def _place(self) -> str:
        return messages.place(self._steps, self.state.step)

    def _record(self, doing: str) -> None:
        self._world.record(self.state, messages.progress(self._place, doing, self.state.attempt))

    def _do(self, step: Step) -> str:
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

    def _operation(self, step: Step) -> None:
        resumed = self.state.started
        if not resumed:
            mark = self._world.mark()
            self.state = self.state.begun(self._world.node, self._world.now(), False, mark)
            self._record("in progress")
        self._server = self._world.operate(step, resumed, self.state.mark)

    def _workflow(self, step: Step) -> None:
        if not self.state.started:
            self.state = self.state.begun(self._world.node, self._world.now(), True)
            self._record("in progress")
        pause, trouble, said = _FIRST_PAUSE, "", ""
        while True:
            self._world.check()
            try:
                seen = self._ask(step)
                trouble = ""
            except Passing as error:
                seen, trouble = None, str(error)
            if seen is not None and self._ended(step, seen):
                return
            if self._world.now() > self.state.began + step.timeout:
                state = f"was {seen.state}" if seen else f"could not be followed ({trouble})"
                raise StepFailed(
                    f"execution {self.state.execution} {state} when the step's timeout of "
                    f"{step.timeout} s was over{self._give_up()}"
                )
            doing = trouble or messages.following(self.state.execution, seen)
            if doing != said:
                said = doing
                self._record(doing)
            self._world.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE)

    def _ask(self, step: Step) -> Seen:
        if not self.state.sent:
            seen = self._world.start(step, self.state)
            self.state = dataclasses.replace(self.state, sent=True)
            self._record(messages.following(self.state.execution, seen))
            return seen
        found = self._world.look(self.state.execution)
        if found is None:
            raise StepFailed(f"execution {self.state.execution} was deleted in Mistral")
        return found

    def _ended(self, step: Step, seen: Seen) -> bool:
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
        sure = self._world.cancel(self.state.execution)
        how = "was cancelled" if sure else "could not be cancelled and may still run"
        return f"; execution {self.state.execution} {how}"

    def _last_look(self) -> None:
        """See that the server is ACTIVE; it may just be coming up, or Nova be busy."""
        for left in reversed(range(_LAST_LOOKS)):
            self._world.check()
            try:
                if self._world.server_active():
                    return
            except StepFailed:
                if not left:
                    raise
            if left:
                self._world.sleep(_LONGEST_PAUSE)
        raise StepFailed("all steps are done, but the server is not ACTIVE in Nova")


def run(steps: Sequence[Step], state: State, world: World) -> Outcome:
    """Carry a chain out from where it is.

    :param steps: at least one.
    :param state: a new one, or that of an engine that died.
    """
    return _Chain(steps, state, world).run()
