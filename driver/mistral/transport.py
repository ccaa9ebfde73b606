"""Requests to Mistral: tried again while there is no usable answer, never after a 4xx."""

import re
import time
from collections.abc import Callable, Mapping
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

PATIENCE, TIMEOUT = 15.0, 30.0
#: How python-mistralclient sends a definition.
DEFINITION = {"content-type": "text/plain"}

_PASSING = frozenset({502, 503, 504})
_UNREACHABLE = (ksa.RetriableConnectionFailure, ksa.UnknownConnectionError)
# Mistral checks a definition before it answers: about 0.2 s per task.
_DEFINITION_TIMEOUT = 180.0
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0


class Transport:
    """What python-mistralclient takes for its session: whatever it gets from here is usable.

    keystoneauth retries as well, but counts tries: with a Mistral that hangs, each would take its
    whole timeout. Here one limit holds for all tries together.

    :param adapter: a keystoneauth adapter for the workflow service.
    :param patience: seconds for which a call without a usable answer is tried again.
    :param timeout: seconds for one try; a definition has three minutes.
    :param sleep: replaced by tests.
    :param clock: replaced by tests.
    """

    def __init__(
        self,
        adapter: Any,
        patience: float = PATIENCE,
        timeout: float = TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._adapter = adapter
        self._patience = patience
        self._timeout = timeout
        self._sleep = sleep
        self._clock = clock

    @classmethod
    def from_session(
        cls,
        session: Any,
        *,
        auth: Any = None,
        endpoint: str | None = None,
        region: str | None = None,
        interface: str | None = None,
        patience: float = PATIENCE,
        timeout: float = TIMEOUT,
    ) -> "Transport":
        """Use a keystoneauth session.

        :param auth: another plugin than the session's own.
        :param endpoint: URL, with /v2; None: from the catalogue, where the service type may be
            ``workflowv2`` or ``workflow``.
        :param region: of the endpoint in the catalogue; None: the first.
        :param interface: public, internal or admin.
        """
        adapter = ksa_adapter.Adapter(
            session,
            auth=auth,
            service_type="workflowv2",
            endpoint_override=endpoint,
            region_name=region,
            interface=interface,
        )
        return cls(adapter, patience, timeout)

    @property
    def project_id(self) -> str | None:
        """The project that the caller acts for, None without authentication."""
        return self._adapter.get_project_id() or None

    def with_patience(self, seconds: float) -> "Transport":
        """Return the same transport with another patience."""
        return Transport(self._adapter, seconds, self._timeout, self._sleep, self._clock)

    def get(self, url: str, **options: Any) -> Any:
        """Make a GET request; see :meth:`request`."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Any:
        """Make a POST request; see :meth:`request`."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> Any:
        """Make a PUT request; see :meth:`request`."""
        return self.request("PUT", url, **options)

    def request(self, method: str, url: str, headers: Mapping[str, str], **options: Any) -> Any:
        """Make a request, again while there is no usable answer and patience lasts.

        :param url: below the endpoint, with a slash.
        :param options: for the adapter.
        :returns: an answer below 400 whose body is a JSON object.
        :raises DriverError: one of the tree.
        """
        timeout = _DEFINITION_TIMEOUT if DEFINITION.items() <= headers.items() else self._timeout
        options = {"headers": headers, "timeout": timeout, **options}
        give_up_at = self._clock() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._try(method, url, options)
            except UnreachableError:
                if self._clock() + pause > give_up_at:
                    raise
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try(self, method: str, url: str, options: dict[str, Any]) -> Any:
        what = f"{method} {url.partition('?')[0]}"
        try:
            response = self._adapter.request(url, method, raise_exc=False, **options)
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
        _check_document(what, response)
        return response


def _plain(error: Exception) -> str:
    """Return an error's text without the Python objects that keystoneauth leaves in it."""
    text = str(error)
    head = re.split(r": (?:HTTPS?ConnectionPool|\()", text, maxsplit=1)[0]
    cause = re.search(r"\[Errno -?\d+\] ([\w ,]+)", text)
    return mask_secrets(f"{head}: {cause[1]}" if cause and cause[1] not in head else head)


def _check_document(what: str, response: Any) -> None:
    """Refuse an answer that is no JSON object: it came from no Mistral."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise RefusedError(
            f"the answer to {what} is not Mistral's: check the workflow endpoint in the catalogue",
            response.status_code,
        )


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
