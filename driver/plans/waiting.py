"""Wait for an action plan while Mistral carries it out: two cheap questions a second."""

from collections.abc import Callable
from typing import TypeVar

from driver.client import Mistral
from driver.errors import DriverError, RefusedError, StillRunningError, UnreachableError
from driver.plans import look
from driver.progress import TOLERANCE, Progress, Reporter
from mistral_actions.plan_states import graph_of

T = TypeVar("T")

_SHOWN = 3  # names of the actions that run


class Steps:
    """How far the tasks of a plan are: one request for each question.

    :param plan: its uuid.
    :param verb: ``run`` or ``rollback``.
    """

    def __init__(self, mistral: Mistral, plan: str, verb: str) -> None:
        self._mistral = mistral
        self._plan = plan
        self._verb = verb
        self._execution = plan if verb == "run" else ""
        self._names: frozenset[str] | None = None

    def progress(self, state: str) -> Progress:
        """Return how many actions have ended and which ones run.

        :param state: Mistral's state of the execution that is waited for.
        """
        try:
            return Progress(state, self._step())
        except RefusedError:
            # An extra: whoever may not see the tasks still learns how it ends.
            return Progress(state)

    def _step(self) -> str:
        if self._names is None:
            workflow = look.definition(self._mistral, self._plan, self._verb)
            self._names = frozenset(graph_of(workflow).nodes if workflow else ())
        if not self._names:
            return ""
        if not self._execution:
            run = look.rollback_run(self._mistral, self._plan)
            if run is None:
                return ""
            self._execution = run.id
        tasks = self._mistral.tasks(self._execution, "id,name,state")
        states = {task["name"]: task["state"] for task in tasks if task["name"] in self._names}
        failed = sum(state == "ERROR" for state in states.values())
        ended = failed + sum(state in ("SUCCESS", "CANCELLED") for state in states.values())
        running = sorted(name for name, state in states.items() if state == "RUNNING")
        text = f"{ended} of {len(self._names)} actions have ended"
        text += f", {failed} failed" if failed else ""
        more = " ..." if len(running) > _SHOWN else ""
        return f"{text}; {', '.join(running[:_SHOWN])}{more}" if running else text


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
    :raises UnreachableError: no usable answer for :data:`driver.progress.TOLERANCE` seconds.
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
                if not _may_pass(error):
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


def _may_pass(error: DriverError) -> bool:
    """Whether the error may be one of a Mistral that is being restarted."""
    is_theirs = isinstance(error, RefusedError) and error.status >= 500
    return isinstance(error, UnreachableError) or is_theirs
