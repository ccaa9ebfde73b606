"""The calls of the Nova API that the pack needs, each with one pinned microversion."""

import contextlib
import datetime
import re
from collections.abc import Iterable
from typing import Any

from mistral_actions import errors
from mistral_actions.services.records import SILENT_CELL, Record
from mistral_actions.services.service import Service

# The newest of Train. It has all that is used here (2.53 services by id, 2.56 cold migration to a
# host, 2.59 paged migrations, 2.65 abort of queued live migrations, 2.73 reason of a lock), and
# it is below 2.95, from which on an evacuated server ends SHUTOFF whatever it was before.
MICROVERSION = "2.79"
LOOK_SECONDS = 5  # how old a look at a server may be when something is done because of it
# sent again, they would undo what happened in between
_ONCE = {"evacuate", "os-stop", "os-start", "os-migrateLive", "migrate", "resize", "rebuild"}


def silent_hosts(services: Iterable[Record]) -> str:
    """Return the end of a sentence about cells that do not answer: which hosts are in them.

    :param services: all compute services. :returns: empty if all cells answer.
    """
    hosts = [service["host"] for service in services if service.in_part]
    more = f" and {len(hosts) - 5} more" if len(hosts) > 5 else ""
    return f", that of host {', '.join(hosts[:5])}{more}" if hosts else ""


class Nova(Service):
    """Nova with the rights of one caller.

    A list lacks all that lies in a cell whose database does not answer at that moment, and has
    status 200 all the same. All that belongs to one host lies in one cell. So a list of what
    belongs to a host is whole or empty, and one that is empty is asked for twice.

    :param adapter: a keystoneauth adapter for the service type `compute`.
    """

    _microversion = MICROVERSION

    @property
    def may_choose_hosts(self) -> bool:
        """Whether this caller may say where a server goes, as far as we decide that."""
        return bool(getattr(self._adapter, "may_choose_hosts", True))

    def compute_services(self) -> list[Record]:
        """Return all nova-compute services. `GET /os-services?binary=nova-compute`.

        Those of a cell that does not answer have a host, and the status UNKNOWN.
        """
        query = {"binary": "nova-compute"}
        return self._all("listing compute services", "/os-services", "services", query)

    def conductors(self) -> list[Record]:
        """Return all nova-conductor services. `GET /os-services?binary=nova-conductor`."""
        query = {"binary": "nova-conductor"}
        return self._all("listing conductors", "/os-services", "services", query)

    def compute_service(self, host: str) -> Record:
        """Return the nova-compute service of a host. `GET /os-services?binary=&host=`.

        :raises NotFound: Nova knows no such host, and has been asked twice.
        """
        doing = f"looking up the compute service of {host}"
        query = {"binary": "nova-compute", "host": host}
        for _ in range(2):
            for service in self._all(doing, "/os-services", "services", query):
                return service
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

    def servers_on(self, host: str) -> list[Record]:
        """Return all servers on a host. `GET /servers/detail?all_tenants=1&host=`.

        If there is none: `GET /os-services`, and the list once more.

        :raises Unavailable: the cell of the host does not answer.
        """
        query = {"all_tenants": 1, "host": host}
        doing = f"listing the servers on {host}"
        return self._of_host(host, doing, "/servers/detail", "servers", query)

    def locked_servers(self, since: str | None = None) -> list[Record]:
        """Return the locked servers of the cloud. `GET /servers/detail?locked=true`.

        :param since: only those that changed since this time (ISO 8601, Nova's clock).
        """
        query: dict[str, Any] = {"all_tenants": 1, "locked": "true"}
        if since:
            query["changes-since"] = since
        return self._all("listing locked servers", "/servers/detail", "servers", query)

    def changed_servers(self, since: str) -> list[Record]:
        """Return the servers of the cloud that changed. `GET /servers/detail?changes-since=`.

        :param since: a time (ISO 8601, Nova's clock). Those deleted since then are among them.
        """
        query = {"all_tenants": 1, "changes-since": since}
        return self._all("listing changed servers", "/servers/detail", "servers", query)

    def server(self, server_id: str) -> Record:
        """Return one server. `GET /servers/{id}`.

        :raises Unavailable: Nova shows next to nothing of it. `GET /os-services` then, to name the
            hosts of the cell that does not answer.
        """
        server = self._one(f"looking up server {server_id}", f"/servers/{server_id}", "server")
        if server.in_part:
            text = f"Failed looking at server {server_id}: its status is UNKNOWN: {SILENT_CELL}"
            raise errors.Unavailable(f"{text}{self._silent_hosts()}.")
        return server

    def _silent_hosts(self) -> str:
        """Return the end of a sentence about silent cells; empty, too, if that is not to be had."""
        with contextlib.suppress(errors.NovaError):
            return silent_hosts(self.compute_services())
        return ""

    def servers_named(self, name: str) -> list[Record]:
        """Return the servers of this name: of all projects, or of the caller's if those are hidden.

        `GET /servers/detail?name=`, with `all_tenants=1` first. If there is one at most:
        `GET /os-services`, and the list once more, because it may be in any cell.

        :raises Unavailable: a cell does not answer, as far as the caller may know.
        """
        found = self._named(name)
        if len(found) > 1:
            return found
        if silent := self._silent_hosts():
            text = f"Failed looking for server {name!r} in all cells: {SILENT_CELL}{silent}."
            raise errors.Unavailable(text)
        again = {server["id"]: server for server in [*found, *self._named(name)]}
        return list(again.values())

    def _named(self, name: str) -> list[Record]:
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

    def image(self, image_id: str) -> Record:
        """Return an image as Nova sees it. `GET /images/{id}`, at 2.35: the last that has it."""
        doing = f"looking up image {image_id}"
        return self._one(doing, f"/images/{image_id}", "image", microversion="2.35")

    def server_actions(self, server_id: str) -> list[Record]:
        """Return what was last done with a server (`stop`, `start`, ...), newest first.

        `GET /servers/{id}/os-instance-actions?limit=50`. Nova writes it down before it answers who
        asked for it. It is in the cell of the server: one that does not answer is a 500.
        """
        doing = f"looking up what was done with server {server_id}"
        path, query = f"/servers/{server_id}/os-instance-actions", {"limit": 50}
        found = self._get(doing, path, params=query)["instanceActions"]
        return [Record(one, "action") for one in found]

    def evacuations(self, host: str) -> list[Record]:
        """Return the migration records of evacuations from a host, oldest first.

        `GET /os-migrations?migration_type=evacuation&source_compute=`; if there is none:
        `GET /os-services`, and the list once more. Never with `changes-since`: it hides a record
        that nobody has updated yet, one just accepted.

        :raises Unavailable: the cell of the host does not answer.
        """
        query = {"migration_type": "evacuation", "source_compute": host}
        doing = f"listing the evacuations from {host}"
        found = self._of_host(host, doing, "/os-migrations", "migrations", query)
        return sorted(found, key=lambda record: int(record["id"]))

    def changed_evacuations(self, seconds: int) -> list[Record]:
        """Return the migration records of evacuations that somebody has updated lately.

        `GET /os-migrations?migration_type=evacuation&changes-since=`. :param seconds: how lately.
        """
        since = self.now - datetime.timedelta(seconds=seconds)
        query = {"migration_type": "evacuation", "changes-since": since.isoformat()}
        return self._all("listing late evacuations", "/os-migrations", "migrations", query)

    def _of_host(
        self, host: str, doing: str, path: str, key: str, query: dict[str, Any]
    ) -> list[Record]:
        """Return a list of what belongs to a host; an empty one is no proof, see the class."""
        if found := self._all(doing, path, key, query):
            return found
        service = self.compute_service(host)
        if service.in_part:
            raise errors.Unavailable(f"Failed {doing}: {SILENT_CELL}, that of host {host}.")
        return self._all(doing, path, key, query)

    def migrations(self, server_id: str) -> list[Record]:
        """Return the migration records of a server, of all types, oldest first.

        `GET /os-migrations?instance_uuid=`. None: perhaps its cell does not answer.
        """
        query = {"instance_uuid": server_id}
        doing = f"listing the migrations of server {server_id}"
        found = self._all(doing, "/os-migrations", "migrations", query)
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
            found = self._one(doing, path, "instanceAction", microversion="2.84")
        except (errors.Rejected, errors.NotFound):
            return ""
        for event in found.get("events") or ():
            if event.get("result") == "Error" and event.get("details"):
                return str(event["details"]).strip()[:300]
        return ""

    def events(self, server_id: str, request_id: str) -> list[dict[str, Any]]:
        """Return what Nova's services did for a request, each with `host` and `finish_time`.

        `GET /servers/{id}/os-instance-actions/{request id}`.
        """
        path = f"/servers/{server_id}/os-instance-actions/{request_id}"
        doing = f"looking up what was done for {request_id}"
        return list(self._one(doing, path, "instanceAction").get("events") or ())

    def hypervisors(self) -> list[Record]:
        """Return all hypervisors, each with its `service`. `GET /os-hypervisors/detail`."""
        return self._all("listing hypervisors", "/os-hypervisors/detail", "hypervisors", {})

    def flavors(self) -> list[Record]:
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

    def aggregates(self) -> list[Record]:
        """Return all host aggregates. `GET /os-aggregates`."""
        return self._all("listing host aggregates", "/os-aggregates", "aggregates", {})

    def add_to_aggregate(self, aggregate: dict[str, Any], host: str) -> None:
        """Add a host to an aggregate. `POST /os-aggregates/{id}/action`; 409 means it is in."""
        with contextlib.suppress(errors.Conflict):
            self._call(
                f"adding {host} to aggregate {aggregate['name']}",
                "POST",
                f"/os-aggregates/{aggregate['id']}/action",
                json={"add_host": {"host": host}},
            )
