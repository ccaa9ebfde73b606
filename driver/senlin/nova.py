"""Nova as Senlin's own actions need it, and what an engine that died had asked of it."""

import re
import time
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging
from senlin.common import exception as senlin_errors
from senlin.drivers import base as drivers
from senlin.drivers import sdk
from senlin.drivers.os import nova_v2
from senlin.profiles import base as profiles

from driver.senlin.model import REBOOT, REBUILD, RECREATE, ChainStep, StepFailed

LOG = logging.getLogger(__name__)

_ACTIVE = "ACTIVE"
_FAILURES = ("ERROR",)
_BUSY = ("REBUILD", "REBOOT", "HARD_REBOOT")
_NOVA_NAMES = {REBUILD: "rebuild", REBOOT: "reboot"}


class NovaClient(nova_v2.NovaClient):  # type: ignore[misc]
    """Senlin's Nova, with a rebuild that openstacksdk 1.x takes, and more patience with ERROR."""

    @sdk.translate_exception  # type: ignore[untyped-decorator]
    def server_rebuild(
        self,
        server: Any,
        image: str,
        name: str | None = None,
        admin_password: str | None = None,
        **attrs: Any,
    ) -> Any:
        """Rebuild a server: Senlin 16 passes the name where openstacksdk 1.x takes the image."""
        named = {"name": name, "admin_password": admin_password}
        attrs.update({key: value for key, value in named.items() if value})
        return self.conn.compute.rebuild_server(server, image=image, **attrs)

    def wait_for_server(
        self,
        server: str,
        status: str = _ACTIVE,
        failures: Sequence[str] | None = None,
        interval: float = 2,
        timeout: float | None = None,
    ) -> None:
        """Wait until a server has a status.

        While Nova reboots a server that is in ERROR it is shown in ERROR, which Senlin 16 takes
        for the end.

        :param failures: statuses that end it, as soon as Nova does nothing with the server.
        :param interval: seconds between two looks.
        :param timeout: seconds; None: as Senlin is configured.
        :raises InternalError: the server has one of the failures, is gone, or it took too long.
        """
        limit = cfg.CONF.default_nova_timeout if timeout is None else timeout
        deadline = time.monotonic() + limit
        while (found := self.server_get(server)).status != status:
            if found.status in (failures or _FAILURES) and not found.task_state:
                raise senlin_errors.InternalError(message=f"server {server} went to {found.status}")
            if time.monotonic() > deadline:
                raise senlin_errors.InternalError(
                    message=f"server {server} was {found.status} and not {status} after {limit} s"
                )
            time.sleep(interval)


class Servers:
    """The server of one node.

    :param context: of the request.
    :param node: the node, as Senlin's engine has it.
    :param options: what Senlin's recover action is told besides the operation.
    """

    def __init__(self, context: Any, node: Any, options: dict[str, Any]) -> None:
        self._context, self._node, self._options = context, node, options
        self._loaded: Any = None

    @property
    def profile(self) -> Any:
        """The node's profile, with a Nova that works."""
        if self._loaded is None:
            node = self._node
            loaded = profiles.Profile.load(
                self._context, profile_id=node.profile_id, project_safe=False
            )
            if drivers.SenlinDriver().compute is nova_v2.NovaClient:
                loaded._computeclient = NovaClient(
                    loaded._build_conn_params(node.user, node.project)
                )
            self._loaded = loaded
        return self._loaded

    def active(self) -> bool:
        """Return whether the server is ACTIVE.

        :raises StepFailed: Nova does not say.
        """
        try:
            return bool(self.profile.do_check(self._node))
        except senlin_errors.EServerNotFound:
            return False
        except senlin_errors.SenlinException as error:
            raise StepFailed(f"Nova does not show the server: {error}") from None

    def newest_action(self) -> str:
        """Return the newest action of the server; empty if there is none or Nova does not say."""
        actions = self._actions()
        return str(actions[0].get("request_id") or "") if actions else ""

    def operate(self, step: ChainStep, resumed: bool, newest_action: str) -> str:
        """Reboot, rebuild or recreate the server and wait; return its id.

        :raises StepFailed: it did not succeed.
        """
        node = self._node
        if not node.physical_id and step.name != RECREATE:
            raise StepFailed("the node has no server in Nova: only RECREATE can give it one")
        try:
            done = self._finished(step, newest_action) if resumed else ""
            if done:
                return done
            params = dict(step.params)
            server, well = self.profile.do_recover(
                node, operation=step.name, operation_params=params, **self._options
            )
        except senlin_errors.EResourceOperation as error:
            # A server that was created but did not become ACTIVE: it belongs to the node.
            node.physical_id = getattr(error, "resource_id", None) or node.physical_id
            raise StepFailed(_plain(error)) from None
        except senlin_errors.SenlinException as error:
            raise StepFailed(_plain(error)) from None
        if not well:
            raise StepFailed("Senlin could not do it for this server")
        return str(server or node.physical_id)

    def _finished(self, step: ChainStep, newest_action: str) -> str:
        """Wait for what an engine that died had asked of Nova; empty if it must be asked."""
        server = self._left_behind() if step.name == RECREATE else self._asked(step, newest_action)
        if server:
            LOG.info("%s of server %s was asked of Nova already: waiting", step.name, server)
            self.profile.compute(self._node).wait_for_server(server, _ACTIVE)
        return server

    def _asked(self, step: ChainStep, newest_action: str) -> str:
        server = str(self._node.physical_id)
        if self.profile.compute(self._node).server_get(server).status in _BUSY:
            return server
        # Without one nobody can tell which action is new; the three do no harm twice.
        for action in self._actions() if newest_action else []:
            if action.get("request_id") == newest_action:
                break
            if action.get("action") == _NOVA_NAMES[step.name]:
                return server
        return ""

    def _left_behind(self) -> str:
        """Return the server that a RECREATE created for this node without Senlin knowing it."""
        node = self._node
        # none is no proof: Nova leaves out what lies in a cell that does not answer at the moment
        found = self._made_for_node() or self._made_for_node()
        if len(found) != 1:
            return ""
        if found[0].status not in (_ACTIVE, "BUILD"):
            node.physical_id = found[0].id  # RECREATE deletes the server that the node has
            return ""
        return str(found[0].id)

    def _made_for_node(self) -> list[Any]:
        """Return the servers made for the node, but for the one that it has."""
        node, profile = self._node, self.profile
        name = profile.properties["name"] or node.name
        return [
            server
            for server in profile.compute(node).conn.compute.servers(name=f"^{re.escape(name)}$")
            if (server.metadata or {}).get("cluster_node_id") == node.id
            and server.id != node.physical_id
        ]

    def _actions(self) -> list[dict[str, Any]]:
        """Return the server's actions, newest first; none if Nova does not say."""
        if not self._node.physical_id:
            return []
        try:
            compute = self.profile.compute(self._node).conn.compute
            answer = compute.get(f"/servers/{self._node.physical_id}/os-instance-actions")
            return list(answer.json()["instanceActions"]) if answer.ok else []
        except Exception:
            LOG.exception("Nova does not tell the actions of server %s", self._node.physical_id)
            return []


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
