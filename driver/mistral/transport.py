"""Requests to Mistral: tried again while there is no usable answer, never after a 4xx."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from keystoneauth1 import adapter as ksa_adapter
from keystoneauth1 import exceptions as ksa

from driver.errors import (
    AuthenticationError,
    ConflictError,
    DriverError,
    NotFoundError,
    RefusedError,
    ServiceMissingError,
    UnreachableError,
    mask_secrets,
)
from driver.mistral.records import Record

_PASSING = frozenset({502, 503, 504})
_UNREACHABLE = (ksa.RetriableConnectionFailure, ksa.UnknownConnectionError)
_REQUEST_TIMEOUT = 30.0
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0


class Transport:
    """JSON requests through a keystoneauth adapter.

    :param adapter: a keystoneauth adapter (or an SDK proxy) for the workflow service.
    :param patience: seconds for which a call without a usable answer is tried again.
    :param sleep: replaced by tests.
    :param clock: replaced by tests.
    """

    def __init__(
        self,
        adapter: Any,
        patience: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._adapter = adapter
        self._patience = patience
        self._sleep = sleep
        self._clock = clock

    @classmethod
    def from_connection(cls, connection: Any, patience: float) -> "Transport":
        """Use the cloud of an openstacksdk connection.

        The connection's own ``workflow`` proxy is not used: it asks for version documents
        first, and what it does when there is no answer differs between SDK versions. The
        catalog may say ``workflowv2`` or ``workflow``.

        :param patience: seconds for which a call without a usable answer is tried again.
        """
        config = connection.config
        adapter = ksa_adapter.Adapter(
            connection.session,
            service_type="workflowv2",
            interface=config.get_interface("workflow"),
            region_name=config.get_region_name("workflow"),
            endpoint_override=config.get_endpoint("workflow"),
        )
        return cls(adapter, patience)

    @property
    def project_id(self) -> str | None:
        """The project that the caller acts for, None without authentication."""
        return self._adapter.get_project_id() or None

    def with_patience(self, seconds: float) -> "Transport":
        """Return the same transport with another patience."""
        return Transport(self._adapter, seconds, self._sleep, self._clock)

    def call(self, method: str, path: str, **options: Any) -> Record:
        """Make a request, again while there is no usable answer and patience lasts.

        :param path: below the endpoint, with a slash.
        :param options: for the adapter: ``params``, ``json``, ``data``, ``headers``, ``timeout``
            (seconds for one try).
        :raises DriverError: one of the tree.
        """
        options = {"timeout": _REQUEST_TIMEOUT, **options}
        give_up_at = self._clock() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._try(method, path, options)
            except UnreachableError:
                if self._clock() + pause > give_up_at:
                    raise
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def pages(self, key: str, **params: str) -> Iterator[Record]:
        """Yield the records of a collection, page by page.

        The marker is made here: the ``next`` links name Mistral's own idea of its address.
        """
        seen: set[str] = set()
        while True:
            answer = self.call("GET", f"/{key}", params=params)
            fresh = [record for record in answer.get(key, []) if record["id"] not in seen]
            yield from fresh
            # A server that does not know our marker would send its first page for ever.
            if not fresh or not answer.get("next"):
                return
            seen.update(record["id"] for record in fresh)
            params = {**params, "marker": fresh[-1]["id"]}

    def _try(self, method: str, path: str, options: Record) -> Record:
        what = f"{method} {path}"
        try:
            response = self._adapter.request(path, method, raise_exc=False, **options)
        except ksa.EndpointNotFound as error:
            raise ServiceMissingError(
                "this cloud's catalogue has no Mistral (service type workflowv2) for the region "
                "and interface in use: register it, or set workflow_endpoint_override in "
                "clouds.yaml"
            ) from error
        except _UNREACHABLE as error:
            raise UnreachableError(f"Mistral does not answer: {_plain(error)}") from error
        except ksa.HttpError as error:  # from identity: our own answers do not raise
            problem = f"no token for {what}: identity answered {_plain(error)}"
            kind = UnreachableError if error.http_status in _PASSING else AuthenticationError
            raise kind(problem) from error
        except ksa.ConnectionError as error:  # a certificate: trying again does not help
            raise DriverError(f"no connection to Mistral for {what}: {_plain(error)}") from error
        except ksa.ClientException as error:
            raise AuthenticationError(f"no token for {what}: {_plain(error)}") from error
        if response.status_code >= 400:
            raise _refusal(what, response)
        return _document(what, response)


def _plain(error: Exception) -> str:
    """Return an error's text without the Python objects that keystoneauth leaves in it."""
    text = str(error)
    head = re.split(r": (?:HTTPS?ConnectionPool|\()", text, maxsplit=1)[0]
    cause = re.search(r"\[Errno -?\d+\] ([\w ,]+)", text)
    return mask_secrets(f"{head}: {cause[1]}" if cause and cause[1] not in head else head)


def _document(what: str, response: Any) -> Record:
    """Return the JSON object in an answer; something else came from no Mistral."""
    if response.status_code == 204:
        return {}
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise RefusedError(
            f"the answer to {what} is not Mistral's: check the workflow endpoint in the catalogue",
            response.status_code,
        )
    return answer


def _refusal(what: str, response: Any) -> DriverError:
    """Build the error for an answer of 400 or more."""
    status = response.status_code
    try:
        reason = str(response.json()["faultstring"])
    except (ValueError, TypeError, KeyError):
        reason = (response.text or "").strip()[:200] or "no reason given"
    sent = (getattr(response.request, "headers", None) or {}).get("X-Auth-Token")
    if sent:
        reason = reason.replace(sent, "***")
    reason = mask_secrets(reason)
    if status in _PASSING:
        return UnreachableError(f"Mistral is not available: {what}: {status} {reason}")
    if status in (401, 403):
        return RefusedError(
            f"Mistral refused {what}: {status} {reason}; the account lacks the right", status
        )
    kind = {404: NotFoundError, 409: ConflictError}.get(status, RefusedError)
    return kind(f"Mistral refused {what}: {status} {reason}", status)
