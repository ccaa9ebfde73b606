"""What is asked of OpenStack with the rights of the service user, and what is not.

Everybody may write workflows, and give the actions of the pack inputs that no workflow of the pack
would. With the rights of the service user an action could then do more than its caller may. So this
stands between the actions and a service, whatever they were told to ask for: what is not named here
is refused.
"""

import copy
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mistral_actions.errors import Conflict, Forbidden, NotFound

_ID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NAME = r"(?!\.+(?:/|$))[A-Za-z0-9._~-]+"
# method, path
_ASKED = {
    "compute": (
        ("GET", "/os-services"),
        ("PUT", f"/os-services/{_ID}"),
        ("GET", "/servers/detail"),
        ("GET", f"/servers/{_ID}"),
        ("POST", f"/servers/{_ID}/metadata"),
        ("POST", f"/servers/{_ID}/action"),
        ("GET", f"/servers/{_ID}/os-instance-actions"),
        ("GET", f"/servers/{_ID}/os-instance-actions/{_NAME}"),
        ("DELETE", rf"/servers/{_ID}/migrations/[0-9]+"),
        ("GET", "/os-migrations"),
        ("GET", "/os-hypervisors/detail"),
        ("GET", "/flavors/detail"),
        ("GET", "/os-aggregates"),
        ("POST", r"/os-aggregates/[0-9]+/action"),
    ),
    "block-storage": (
        ("GET", f"/volumes/{_ID}"),
        ("GET", "/scheduler-stats/get_pools"),
        ("GET", "/types"),
        ("POST", f"/volumes/{_ID}/action"),
    ),
    "baremetal": (
        ("GET", f"/nodes/{_NAME}"),
        ("PUT", f"/nodes/{_NAME}/states/power"),
    ),
}
# what a body may ask of a server, a volume or an aggregate
_ACTIONS = {
    "evacuate",
    "os-stop",
    "os-start",
    "lock",
    "unlock",
    "os-resetState",
    "os-migrateLive",
    "migrate",
    "resize",
    "confirmResize",
    "os-migrate_volume",
    "os-retype",
    "add_host",
}


class Limited:
    """An adapter with the rights of the service user, for what the pack's workflows ask.

    :param adapter: of keystoneauth, as the service user.
    :param service_type: which service it asks.
    :param own: returns the same with the caller's own token. Images, and what is rebuilt from one,
        are asked for with it: only Glance knows which images somebody may use.
    """

    may_choose_hosts = True

    def __init__(self, adapter: Any, service_type: str, own: Callable[[], Any]) -> None:
        self._adapter = adapter
        self._asked = _ASKED[service_type]
        self._own = own

    def request(self, path: str, method: str, **more: Any) -> Any:
        """Ask, as an adapter of keystoneauth does.

        :raises Forbidden: it is nothing that the pack's workflows ask.
        """
        if _is_of_images(path, more.get("json")):
            return self._own().request(path, method, **more)
        known = any(method == one and re.fullmatch(asked, path) for one, asked in self._asked)
        if not known or (path.endswith("/action") and not _is_known(more.get("json"))):
            raise Forbidden(f"No workflow of the pack asks for {method} {path} in this way.")
        return self._adapter.request(path, method, **more)


def _is_of_images(path: str, body: Any) -> bool:
    return path.startswith("/images/") or (isinstance(body, dict) and body.keys() == {"rebuild"})


def _is_known(body: Any) -> bool:
    return isinstance(body, dict) and len(body) == 1 and body.keys() <= _ACTIONS


class OwnServers(Limited):
    """The same for a member of a project: for the servers of this project, and no others.

    A list shows servers of the project, and of hosts and migrations those of its servers. A
    server of another project is not found. What a lock of Nova's keeps members from is kept from
    them here, too: Nova would let the service user pass.

    :param project: its id. :param caller: who it is, for the sentence of a refusal.
    """

    may_choose_hosts = False

    def __init__(self, adapter: Any, own: Callable[[], Any], project: str, caller: object) -> None:
        super().__init__(adapter, "compute", own)
        self._project = project
        self._caller = caller

    def request(self, path: str, method: str, **more: Any) -> Any:
        """Ask, as an adapter of keystoneauth does.

        :raises NotFound: the server is none of the project.
        :raises Conflict: it is locked.
        :raises Forbidden: members may not do that.
        """
        ask = super().request
        if _is_of_images(path, more.get("json")):
            return ask(path, method, **more)
        if found := re.fullmatch(rf"/servers/({_ID})(/.*)?", path):
            return self._of_server(ask, found[1], found[2] or "", method, more)
        shown = {
            "/servers/detail": self._servers,
            "/os-services": self._services,
            "/os-migrations": self._migrations,
        }
        if method == "GET" and path in shown:
            return shown[path](ask, more)
        raise self._forbidden(f"{method} {path}")

    def _forbidden(self, what: str) -> Forbidden:
        return Forbidden(
            f"Asked for by {self._caller}: {what} is done for administrators only, and not for the"
            " members of a project."
        )

    def _of_server(self, ask: Any, server_id: str, rest: str, method: str, more: Any) -> Any:
        answer = self._own_server(ask, server_id, more)
        if answer.status_code != 200 or (method, rest) == ("GET", ""):
            return answer
        server = answer.json()["server"]
        if (method, rest) == ("GET", "/os-instance-actions"):
            return ask(f"/servers/{server_id}{rest}", "GET", **more)
        if method == "GET" and rest.startswith("/os-instance-actions/"):
            raise NotFound("Members do not see what Nova has recorded of a failure.")
        if (method, rest) not in (("POST", "/action"), ("POST", "/metadata")):
            raise self._forbidden(f"{method} {rest.strip('/')} of a server")
        if rest == "/action" and not self._may(ask, server, more):
            raise self._forbidden(f"{str(more.get('json'))[:80]} for a server")
        evacuates = rest == "/action" and more["json"].keys() == {"evacuate"}
        if server.get("locked") is not False and not evacuates:
            raise Conflict(f"Instance {server_id} is locked.")
        return ask(f"/servers/{server_id}{rest}", method, **more)

    def _may(self, ask: Any, server: dict[str, Any], more: Any) -> bool:
        """Say whether members may have this done with a server of their own."""
        body = more.get("json")
        if not _is_known(body):
            return False
        ((name, given),) = body.items()
        if name in ("os-stop", "os-start", "confirmResize", "migrate"):
            return given is None
        if name == "evacuate":
            return given in ({}, {"host": None})
        if name == "os-migrateLive":
            return bool(given == {"host": None, "block_migration": "auto"})
        if name == "os-resetState" and given == {"state": "error"}:
            # before an evacuation Nova wants it, and after one of a server that was in error
            idle = server.get("OS-EXT-STS:task_state", "unknown") is None
            plain = server.get("OS-EXT-STS:vm_state") in ("active", "stopped")
            return idle and (plain or self._host_is_down(ask, server, more))
        return False

    def _host_is_down(self, ask: Any, server: dict[str, Any], more: Any) -> bool:
        query = {"binary": "nova-compute", "host": server.get("OS-EXT-SRV-ATTR:host")}
        answer = ask("/os-services", "GET", **self._look(more), params=query)
        found = answer.json()["services"] if query["host"] and answer.status_code == 200 else []
        return bool(found) and all(one.get("state") == "down" for one in found)

    def _servers(self, ask: Any, more: Any) -> Any:
        # Nova lists those of one project if it is told so, else those of the service user's
        query = {**(more.get("params") or {}), "all_tenants": 1, "project_id": self._project}
        answer = ask("/servers/detail", "GET", **{**more, "params": query})
        return _left(answer, "servers", lambda one: one.get("tenant_id") == self._project)

    def _services(self, ask: Any, more: Any) -> Any:
        """Show those of hosts with servers of the project, and of cells that do not answer."""
        mine, failed = self._mine(ask, more)
        hosts = {one.get("OS-EXT-SRV-ATTR:host") for one in mine}
        answer = failed or ask("/os-services", "GET", **more)
        return _left(
            answer, "services", lambda one: one["host"] in hosts or one.get("status") == "UNKNOWN"
        )

    def _migrations(self, ask: Any, more: Any) -> Any:
        if server := (more.get("params") or {}).get("instance_uuid"):
            looked = self._own_server(ask, server, more)
            return ask("/os-migrations", "GET", **more) if looked.status_code == 200 else looked
        mine, failed = self._mine(ask, more)
        ids = {one["id"] for one in mine}
        answer = failed or ask("/os-migrations", "GET", **more)
        return _left(answer, "migrations", lambda one: one.get("instance_uuid") in ids)

    def _own_server(self, ask: Any, server_id: str, more: Any) -> Any:
        """Return what Nova shows of a server.

        :raises NotFound: it is none of the project.
        """
        answer = ask(f"/servers/{server_id}", "GET", **self._look(more))
        if answer.status_code == 200 and answer.json()["server"].get("tenant_id") != self._project:
            raise NotFound(f"Instance {server_id} could not be found.")
        return answer

    def _mine(self, ask: Any, more: Any) -> tuple[list[dict[str, Any]], Any]:
        """Return all servers of the project; and the answer, if it was none.

        Those in a cell that does not answer may be missing. As all servers of a host lie in one
        cell, what is shown of a host is still whole or empty, as `Nova` expects it.
        """
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {}
        while True:
            answer = self._servers(ask, {**self._look(more), "params": query})
            if answer.status_code != 200:
                return [], answer
            page = answer.json()
            found += page["servers"]
            links = [li["href"] for li in page.get("servers_links") or () if li["rel"] == "next"]
            if not links:
                return found, None
            query = dict(parse_qsl(urlsplit(links[0]).query))

    @staticmethod
    def _look(more: dict[str, Any]) -> dict[str, Any]:
        """Return how a look is asked for that comes before what was asked for."""
        rest = {key: value for key, value in more.items() if key not in ("json", "params")}
        return {**rest, "connect_retries": 3, "status_code_retries": 3}


class _Answer:
    """An answer of which something was left out."""

    def __init__(self, answer: Any, shown: Any) -> None:
        self.status_code = answer.status_code
        self.headers = answer.headers
        self.reason = answer.reason
        self.content = answer.content
        self._shown = shown

    def json(self) -> Any:
        return copy.deepcopy(self._shown)


def _left(answer: Any, key: str, keep: Callable[[dict[str, Any]], bool]) -> Any:
    """Return the answer with those of its list that may be shown."""
    if answer.status_code != 200:
        return answer
    page = answer.json()
    return _Answer(answer, {**page, key: [one for one in page[key] if keep(one)]})
