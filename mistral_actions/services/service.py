"""What the clients of all OpenStack services have in common: one way to call, one set of errors."""

import contextlib
import datetime
import email.utils
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from keystoneauth1 import exceptions as ksa

from mistral_actions import errors
from mistral_actions.services.records import Record

TIMEOUT = 60  # seconds for one call


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what keystoneauth raises into the errors of this pack.

    :param doing: what is tried, for the sentence: "Failed <doing>: <what was found>".
    """
    try:
        yield
    except ksa.HttpError as error:
        raise _error(doing, error.http_status, error.message) from None
    except (ksa.MissingAuthPlugin, ksa.AuthorizationFailure) as error:
        raise errors.Unauthorized(f"Failed {doing}: {error}") from None
    except (ksa.EndpointNotFound, ksa.CatalogException) as error:
        raise errors.Rejected(
            f"Failed {doing}: the service catalogue has no such service ({error})."
        ) from None
    except ksa.ClientException as error:
        raise errors.Unavailable(f"Failed {doing}: {error}") from None


def _error(doing: str, status: int, said: str, caller: str = "") -> errors.NovaError:
    if status == 401:
        said = (
            "the token is not valid, or no longer. What was started in Nova goes on; start the"
            " recovery again to finish it."
        )
    if status == 403 and caller:
        said = (
            f"{said.removesuffix('.')}. It was tried with the rights of {caller}. Give that user"
            " the right, or let somebody start it who has it."
        )
    known: dict[int, type[errors.NovaError]] = {
        401: errors.Unauthorized,
        403: errors.Forbidden,
        404: errors.NotFound,
        409: errors.Conflict,
    }
    again = status >= 500 or status in (408, 413, 429)
    error = errors.Unavailable if again else known.get(status, errors.Rejected)
    return error(f"Failed {doing}: {said} (HTTP {status})")


def _said(answer: Any) -> str:
    """Return the sentence in an error.

    Nova and Cinder: `{"forbidden": {"code": 403, "message": ...}}`; Ironic:
    `{"error_message": {"faultstring": ...}}`, in older releases as a text of JSON.
    """
    try:
        (fault,) = answer.json().values()
        fault = json.loads(fault) if isinstance(fault, str) else fault
        return str(fault.get("message") or fault["faultstring"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(answer.reason or "no reason was given")


class Service:
    """An OpenStack service with the rights of one caller.

    :param adapter: a keystoneauth adapter for its service type.
    :param caller: who that is, for the sentence of a refusal; "" if nobody knows.

    Every method raises the `NovaError` that fits the answer; `Unavailable` only after several
    tries with growing delays (about four seconds in all).
    """

    _microversion = ""  # each service pins its own

    def __init__(self, adapter: Any, caller: str = "") -> None:
        self._adapter = adapter
        self._caller = caller
        self._clock: datetime.datetime | None = None

    @property
    def now(self) -> datetime.datetime:
        """The service's own clock at its last answer: never compare its times with ours."""
        return self._clock or datetime.datetime.now(datetime.UTC)

    def _all(self, doing: str, path: str, key: str, query: dict[str, Any]) -> list[Record]:
        """Return all pages of a list; each page names the next one.

        :raises Unavailable: the list has changed so much meanwhile that a page has no beginning.
        """
        what = key.removesuffix("s")
        found: list[Record] = []
        while True:
            try:
                page = self._get(doing, path, params=query)
            except errors.Rejected as error:
                raise errors.Unavailable(error.message) if found else error from None
            found += [Record(one, what) for one in page[key]]
            links = [li["href"] for li in page.get(f"{key}_links") or () if li["rel"] == "next"]
            if not links:
                return found
            query = dict(parse_qsl(urlsplit(links[0]).query))

    def _one(self, doing: str, path: str, key: str, **more: Any) -> Record:
        """Return the one thing in an answer."""
        return Record(self._get(doing, path, **more)[key], key)

    def _get(self, doing: str, path: str, **more: Any) -> Record:
        """Return the object that is the answer.

        :raises Unavailable: it is none: something between us and the service has answered.
        """
        found = self._call(doing, "GET", path, **more)
        if not isinstance(found, dict):
            raise errors.Unavailable(f"Failed {doing}: the answer is no object of JSON.")
        return Record(found, "answer")

    def _call(
        self,
        doing: str,
        method: str,
        path: str,
        tries: int = 3,
        timeout: int = TIMEOUT,
        microversion: str | None = None,
        **more: Any,
    ) -> Any:
        with translated(doing):
            answer = self._adapter.request(
                path,
                method,
                microversion=microversion or self._microversion,
                timeout=timeout,
                connect_retries=tries,
                status_code_retries=tries,
                retriable_status_codes=[429, 502, 503, 504],
                raise_exc=False,
                **more,
            )
            if date := answer.headers.get("Date"):
                self._clock = email.utils.parsedate_to_datetime(date)
            if answer.status_code >= 400:
                raise _error(doing, answer.status_code, _said(answer), self._caller)
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise errors.Unavailable(f"Failed {doing}: the answer is no JSON.") from None
