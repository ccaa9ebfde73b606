"""Mistral, as a chain sees it: answers, refusals and what may pass."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from driver.errors import DriverError, NotFoundError, RefusedError, UnreachableError, mask_secrets
from driver.mistral.records import EXECUTION_ENDED, Record
from driver.mistral.transport import Transport
from driver.senlin.chain import Passing, Seen, StepFailed
from driver.senlin.inputs import Declared, declared
from driver.senlin.model import Step

_FIELDS = "id,state,state_info"
# Creating a policy waits for it, and Senlin's API waits for that for a minute.
_TIMEOUT = 20.0


def transport(connection: Any) -> Transport:
    """Return requests to the Mistral of a cloud, each tried once: chains ask again themselves.

    :param connection: of openstacksdk.
    """
    return Transport.from_connection(connection, patience=0)


class Mistral:
    """The Mistral of the cluster's owner.

    :param requests: how it is reached.
    """

    def __init__(self, requests: Transport) -> None:
        self._requests = requests

    def declared(self, step: Step) -> Declared:
        """Return what the workflow of a step takes.

        :raises Passing: Mistral gave no usable answer.
        :raises StepFailed: there is no such workflow, or Mistral refuses to show it.
        """
        where = f" in namespace {step.namespace}" if step.namespace else ""
        path = f"/workflows/{quote(step.workflow, safe='')}"
        try:
            return declared(self._call("GET", path, params={"namespace": step.namespace}))
        except NotFoundError:
            raise StepFailed(
                f"workflow {step.workflow} does not exist in Mistral{where}, or not for the "
                "project of the cluster"
            ) from None
        except RefusedError as error:
            raise StepFailed(str(error)) from None

    def start(
        self, step: Step, execution: str, inputs: Mapping[str, Any], description: str
    ) -> Seen:
        """Start a workflow; if an execution of this id is there, return that one.

        :raises Passing: Mistral gave no usable answer.
        :raises StepFailed: Mistral will not do it.
        """
        body = {
            "id": execution,
            "workflow_name": step.workflow,
            "workflow_namespace": step.namespace,
            "input": dict(inputs),
            "description": description,
        }
        try:
            return _seen(self._call("POST", "/executions", json=body))
        except RefusedError as error:
            raise StepFailed(str(error)) from None

    def look(self, execution: str) -> Seen | None:
        """Return an execution, None if it is not there.

        :raises Passing: Mistral gave no usable answer.
        """
        path = f"/executions/{execution}"
        try:
            return _seen(self._call("GET", path, params={"fields": _FIELDS}))
        except NotFoundError:
            return None
        except RefusedError as error:
            # Asking harms nothing: a refusal may pass as well.
            raise Passing(str(error)) from None

    def cancel(self, execution: str) -> bool:
        """Cancel an execution if it has not ended; return whether it will not go on."""
        path = f"/executions/{execution}"
        try:
            if self._call("GET", path, params={"fields": _FIELDS})["state"] in EXECUTION_ENDED:
                return True
            self._call("PUT", path, json={"state": "CANCELLED"})
        except NotFoundError:
            return True
        except (Passing, RefusedError, StepFailed, KeyError):
            return False
        return True

    def _call(self, method: str, path: str, **options: Any) -> Record:
        try:
            return self._requests.call(method, path, timeout=_TIMEOUT, **options)
        except RefusedError as error:
            if error.status >= 500 and not _final(str(error)):
                raise Passing(str(error)) from None
            raise
        except UnreachableError as error:
            raise Passing(str(error)) from None
        except DriverError as error:
            raise StepFailed(str(error)) from None


def _final(text: str) -> bool:
    """Return whether a 500 is an answer: Mistral's engine says over RPC what its API passes on."""
    return "not found" in text.lower() or "Invalid input" in text


def _seen(record: Record) -> Seen:
    info = " ".join((record.get("state_info") or "").split())
    return Seen(record.get("state") or "", mask_secrets(info).rstrip("."))
