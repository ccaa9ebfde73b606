"""The calls of the Nova API that the pack needs, each with one pinned microversion."""

import contextlib
import re
from typing import Any

from mistral_actions import errors
from mistral_actions.services.service import Service

# The newest of Train. It has all that is used here (2.53 services by id, 2.56 cold migration to a
# host, 2.59 paged migrations, 2.65 abort of queued live migrations, 2.73 reason of a lock), and
# it is below 2.95, from which on an evacuated server ends SHUTOFF whatever it was before.
MICROVERSION = "2.79"
LOOK_SECONDS = 5  # how old a look at a server may be when something is done because of it
# sent again, they would undo what happened in between
_ONCE = {"evacuate", "os-stop", "os-start", "os-migrateLive", "migrate", "resize", "rebuild"}


class Nova(Service):
    """Nova with the rights of one caller.

    :param adapter: a keystoneauth adapter for the service type `compute`.
    """

    _microversion = MICROVERSION

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
        """Return the servers of this name: of all projects, or of the caller's if those are hidden.

        `GET /servers/detail?name=`, with `all_tenants=1` first.
        """
        doing = f"looking for server {name!r}"
        query: dict[str, Any] = {"name": f"^{re.escape(name)}$"}  # Nova takes an expression
        try:
            found = self._all(doing, "/servers/detail", "servers", {"all_tenants": 1, **query})
        except errors.Forbidden:
            found = self._all(doing, "/servers/detail", "servers", query)
        return [server for server in found if server["name"] == name]

    def update_metadata(self, server_id: str, doing: str, metadata: dict[str, str]) -> None:
        """Set some keys of a server's metadata. `POST /servers/{id}/metadata`."""
        body = {"metadata": metadata}
        self._call(doing, "POST", f"/servers/{server_id}/metadata", json=body)

    def image(self, image_id: str) -> dict[str, Any]:
        """Return an image as Nova sees it. `GET /images/{id}`, at 2.35: the last that has it."""
        doing = f"looking up image {image_id}"
        return dict(self._call(doing, "GET", f"/images/{image_id}", microversion="2.35")["image"])

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

    def migrations(self, server_id: str) -> list[dict[str, Any]]:
        """Return the migration records of a server, of all types, oldest first.

        `GET /os-migrations?instance_uuid=`.
        """
        found = self._all(
            f"listing the migrations of server {server_id}",
            "/os-migrations",
            "migrations",
            {"instance_uuid": server_id},
        )
        return sorted(found, key=lambda record: int(record["id"]))

    def abort_migration(self, server_id: str, migration_id: int) -> None:
        """Abort a live migration that is queued, preparing or running.

        `DELETE /servers/{id}/migrations/{id}`.

        :raises Rejected: it is in another state (400).
        """
        doing = f"aborting live migration {migration_id} of server {server_id}"
        self._call(doing, "DELETE", f"/servers/{server_id}/migrations/{migration_id}")

    def fault_of(self, server_id: str, request_id: str) -> str:
        """Return why something that was done with a server failed; empty if Nova does not say.

        `GET /servers/{id}/os-instance-actions/{request id}`, at 2.84: Nova keeps the reason there
        even if the server is as it was, and an older Nova shows it nowhere.
        """
        path = f"/servers/{server_id}/os-instance-actions/{request_id}"
        doing = f"looking up why {request_id} failed"
        try:
            found = self._call(doing, "GET", path, microversion="2.84")["instanceAction"]
        except (errors.Rejected, errors.NotFound):
            return ""
        for event in found.get("events") or ():
            if event.get("result") == "Error" and event.get("details"):
                return str(event["details"]).strip()[:300]
        return ""

    def hypervisors(self) -> list[dict[str, Any]]:
        """Return all hypervisors, each with its `service`. `GET /os-hypervisors/detail`."""
        return self._all("listing hypervisors", "/os-hypervisors/detail", "hypervisors", {})

    def flavors(self) -> list[dict[str, Any]]:
        """Return all flavors, public or not. `GET /flavors/detail?is_public=None`."""
        return self._all("listing flavors", "/flavors/detail", "flavors", {"is_public": "None"})

    def act(self, server_id: str, doing: str, action: dict[str, Any]) -> None:
        """Ask a server to do something. `POST /servers/{id}/action`.

        :param action: the body: `evacuate`, `os-stop`, `os-start`, `lock`, `unlock`,
            `os-resetState`, ... Some are not idempotent and never repeated here. A second
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
