"""The calls of the Nova API that a recovery needs, each with one pinned microversion."""

import contextlib
import datetime
import email.utils
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from keystoneauth1 import exceptions as ksa

from mistral_actions import errors

# The newest of Train. It has all that is used here (2.53 services by id, 2.59 paged
# migrations, 2.73 reason of a lock), and it is below 2.95, from which on an evacuated server
# ends SHUTOFF whatever it was before.
MICROVERSION = "2.79"
TIMEOUT = 60  # seconds for one call
_ONCE = {"evacuate", "os-stop"}  # sent again, they would undo what happened in between


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


def _error(doing: str, status: int, said: str) -> errors.NovaError:
    if status == 401:
        said = (
            "the token is not valid, or no longer. What was started in Nova goes on; start the"
            " recovery again to finish it."
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
    """Return the sentence in an error of Nova: `{"forbidden": {"code": 403, "message": ...}}`."""
    try:
        (fault,) = answer.json().values()
        return str(fault["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(answer.reason or "no reason was given")


class Nova:
    """Nova with the rights of one caller.

    :param adapter: a keystoneauth adapter for the service type `compute`.

    Every method raises the `NovaError` that fits the answer; `Unavailable` only after several
    tries with growing delays (about four seconds in all).
    """

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter
        self._clock: datetime.datetime | None = None

    @property
    def now(self) -> datetime.datetime:
        """Nova's own clock at its last answer: never compare its times with ours."""
        return self._clock or datetime.datetime.now(datetime.UTC)

    def compute_services(self) -> list[dict[str, Any]]:
        """Return all nova-compute services. `GET /os-services?binary=nova-compute`."""
        found = self._call("listing compute services", "GET", "/os-services?binary=nova-compute")
        return list(found["services"])

    def compute_service(self, host: str) -> dict[str, Any]:
        """Return the nova-compute service of a host. `GET /os-services?binary=&host=`.

        :raises NotFound: Nova knows no such host.
        """
        found = self._call(
            f"looking up the compute service of {host}",
            "GET",
            "/os-services",
            params={"binary": "nova-compute", "host": host},
        )
        for service in found["services"]:
            return dict(service)
        raise errors.NotFound(f"Nova has no compute service on a host {host!r}.")

    def update_service(self, service_id: str, doing: str, **change: Any) -> None:
        """Change `status`, `disabled_reason` or `forced_down`. `PUT /os-services/{id}`."""
        self._call(doing, "PUT", f"/os-services/{service_id}", json=change)

    def disable_service(self, service_id: str, doing: str, reason: str) -> None:
        """Disable a compute service. `PUT /os-services/{id}`.

        Nova writes it down first and then, if it takes the service for up, waits for an answer
        of it, minutes if it is dead. So this gives up early.

        :raises Unavailable: no answer within 10 s; it may be disabled all the same.
        """
        change = {"status": "disabled", "disabled_reason": reason}
        self._call(doing, "PUT", f"/os-services/{service_id}", tries=0, timeout=10, json=change)

    def servers_on(self, host: str) -> list[dict[str, Any]]:
        """Return all servers on a host. `GET /servers/detail?all_tenants=1&host=`."""
        query = {"all_tenants": 1, "host": host}
        return self._all(f"listing the servers on {host}", "/servers/detail", "servers", query)

    def locked_servers(self, since: str | None = None) -> list[dict[str, Any]]:
        """Return the locked servers of the cloud. `GET /servers/detail?locked=true`.

        :param since: only those that changed since this time (ISO 8601, Nova's clock).
        """
        query: dict[str, Any] = {"all_tenants": 1, "locked": "true"}
        if since:
            query["changes-since"] = since
        return self._all("listing locked servers", "/servers/detail", "servers", query)

    def server(self, server_id: str) -> dict[str, Any]:
        """Return one server. `GET /servers/{id}`."""
        found = self._call(f"looking up server {server_id}", "GET", f"/servers/{server_id}")
        return dict(found["server"])

    def servers_named(self, name: str) -> list[dict[str, Any]]:
        """Return the servers of this name, of all projects. `GET /servers/detail?name=`."""
        query = {"all_tenants": 1, "name": f"^{re.escape(name)}$"}  # Nova takes an expression
        found = self._all(f"looking for server {name!r}", "/servers/detail", "servers", query)
        return [server for server in found if server["name"] == name]

    def server_actions(self, server_id: str) -> list[dict[str, Any]]:
        """Return what was last done with a server (`stop`, `start`, ...), newest first.

        `GET /servers/{id}/os-instance-actions?limit=50`.
        """
        found = self._call(
            f"looking up what was done with server {server_id}",
            "GET",
            f"/servers/{server_id}/os-instance-actions",
            params={"limit": 50},
        )
        return list(found["instanceActions"])

    def evacuations(self, host: str) -> list[dict[str, Any]]:
        """Return the migration records of evacuations from a host, oldest first.

        `GET /os-migrations?migration_type=evacuation&source_compute=`. Never with
        `changes-since`: it hides a record that nobody has updated yet, one just accepted.
        """
        query = {"migration_type": "evacuation", "source_compute": host}
        found = self._all(
            f"listing the evacuations from {host}", "/os-migrations", "migrations", query
        )
        return sorted(found, key=lambda record: int(record["id"]))

    def act(self, server_id: str, doing: str, action: dict[str, Any]) -> None:
        """Ask a server to do something. `POST /servers/{id}/action`.

        :param action: the body: `evacuate`, `os-stop`, `os-start`, `lock`, `unlock`,
            `os-resetState`, ... Two are not idempotent and never repeated here. A second
            `evacuate` is accepted while the first is under way, and both fail; an `os-stop`
            that comes late stops what was started since. What runs next sees in Nova's records
            whether it arrived.
        """
        tries = 0 if _ONCE & action.keys() else 3
        self._call(doing, "POST", f"/servers/{server_id}/action", tries=tries, json=action)

    def aggregates(self) -> list[dict[str, Any]]:
        """Return all host aggregates. `GET /os-aggregates`."""
        found = self._call("listing host aggregates", "GET", "/os-aggregates")
        return list(found["aggregates"])

    def add_to_aggregate(self, aggregate: dict[str, Any], host: str) -> None:
        """Add a host to an aggregate. `POST /os-aggregates/{id}/action`; 409 means it is in."""
        with contextlib.suppress(errors.Conflict):
            self._call(
                f"adding {host} to aggregate {aggregate['name']}",
                "POST",
                f"/os-aggregates/{aggregate['id']}/action",
                json={"add_host": {"host": host}},
            )

    def _all(self, doing: str, path: str, key: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Return all pages of a list; each page names the next one."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._call(doing, "GET", path, params=query)
            found += page[key]
            links = [li["href"] for li in page.get(f"{key}_links", ()) if li["rel"] == "next"]
            if not links:
                return found
            query = dict(parse_qsl(urlsplit(links[0]).query))

    def _call(
        self,
        doing: str,
        method: str,
        path: str,
        tries: int = 3,
        timeout: int = TIMEOUT,
        **more: Any,
    ) -> Any:
        with translated(doing):
            answer = self._adapter.request(
                path,
                method,
                microversion=MICROVERSION,
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
                raise _error(doing, answer.status_code, _said(answer))
        return answer.json() if answer.content else None
