"""Mistral, as a chain sees it: answers, refusals and what may pass."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from driver.errors import DriverError, NotFoundError, RefusedError
from driver.mistral.client import MistralClient
from driver.mistral.records import Execution
from driver.recoveries.keeper import Standstill
from driver.senlin.inputs import Declared, declared
from driver.senlin.model import ChainStep, ExecutionSeen, StepFailed, Transient

# Creating a policy waits for it, and Senlin's API waits for that for a minute.
_TIMEOUT = 20.0


class ChainWorkflows:
    """The workflows and executions of the cluster's owner.

    :param mistral: as the owner reaches it.
    :param clock: replaced by tests.
    """

    def __init__(self, mistral: MistralClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._mistral = mistral
        self._clock = clock
        self._execution = ""
        self._note = ""

    @classmethod
    def from_connection(cls, connection: Any) -> "ChainWorkflows":
        """Use the cloud of an openstacksdk connection; chains themselves ask again."""
        return cls(MistralClient.from_connection(connection, patience=0, timeout=_TIMEOUT))

    def declared(self, step: ChainStep) -> Declared:
        """Return what the workflow of a step takes.

        :raises Transient: Mistral gave no usable answer.
        :raises StepFailed: there is no such workflow, or Mistral refuses to show it.
        """
        where = f" in namespace {step.namespace}" if step.namespace else ""
        with _told():
            try:
                return declared(self._mistral.workflow(step.workflow, step.namespace))
            except NotFoundError:
                raise StepFailed(
                    f"workflow {step.workflow} does not exist in Mistral{where}, or not for the "
                    "project of the cluster"
                ) from None

    def start(
        self, step: ChainStep, execution: str, inputs: Mapping[str, Any], description: str
    ) -> ExecutionSeen:
        """Start a workflow; if an execution of this id is there, return that one.

        :raises Transient: Mistral gave no usable answer.
        :raises StepFailed: Mistral will not do it.
        """
        with _told():
            return _seen(
                self._mistral.start(step.workflow, inputs, execution, description, step.namespace)
            )

    def look(self, execution: str) -> ExecutionSeen | None:
        """Return an execution, None if it is not there.

        :raises Transient: Mistral gave no usable answer.
        """
        with _told():
            try:
                return self._moving(_seen(self._mistral.execution(execution)), execution)
            except NotFoundError:
                return None
            except RefusedError as error:
                # Asking harms nothing: a refusal may pass as well.
                raise Transient(str(error)) from None

    def _moving(self, seen: ExecutionSeen, execution: str) -> ExecutionSeen:
        """Let Mistral look again at an execution that does not move, and say so if it had to."""
        if execution != self._execution:
            self._execution, self._note = execution, ""
            self._standstill = Standstill(self._mistral, execution, self._clock)
        if seen.state != "RUNNING":
            return seen
        # its state is all that a chain looks at: the keeper knows better what moves
        self._note = self._standstill.seen(seen.state) or self._note
        return dataclasses.replace(seen, note=self._note)

    def cancel(self, execution: str) -> bool:
        """Cancel an execution if it has not ended; return whether it will not go on."""
        try:
            if not self._mistral.execution(execution).ended:
                self._mistral.cancel(execution)
        except NotFoundError:
            return True
        except DriverError:
            return False
        return True


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tell a chain whether what went wrong may pass."""
    try:
        yield
    except DriverError as error:
        raise (Transient if error.may_pass else StepFailed)(str(error)) from None


def _seen(execution: Execution) -> ExecutionSeen:
    return ExecutionSeen(execution.state, " ".join(execution.state_info.split()).rstrip("."))
