"""Checks of the actions of a plan about servers: what is to be done, skipped or refused.

The steps that do it are in `servers.moves` (migrate, resize, evacuate) and `servers.steps` (stop,
start).
"""

from collections.abc import Mapping
from typing import Any

from mistral_actions import inputs
from mistral_actions.action_plan.checks import ActionCheck, named
from mistral_actions.errors import BadInput, NotFound, Refused
from mistral_actions.servers.hosts import Hosts
from mistral_actions.servers.moves import Move, MoveTodo, migration, move_todo
from mistral_actions.servers.records import newest_action
from mistral_actions.servers.state import host_of, is_deleted, is_our_lock
from mistral_actions.servers.steps import ServerTodo, SwitchTodo
from mistral_actions.services.nova import Nova

Why = tuple[str, str]  # a reason code and its sentence


class ServerCheck(ActionCheck):
    """What the checks of all actions about a server do."""

    _states: tuple[str, ...] = ()  # vm_states in which Nova can do it

    def act(self, nova: Nova) -> Mapping[str, Any]:
        """Return what is to be done."""
        server_id = self._parameter("resource_id", inputs.identifier)
        try:
            server = nova.server(server_id)
        except NotFound:
            return self._ended("SKIPPED", "GONE", f"Nova has no server {server_id} (any more).")
        name, state = server["name"], server["OS-EXT-STS:vm_state"]
        task = server["OS-EXT-STS:task_state"]
        self._resource = {"id": server_id, "name": name}
        if is_deleted(server):
            return self._ended("SKIPPED", "GONE", f"{name} is deleted, or about to be.")
        if why := self._nothing_to_do(nova, server):
            return self._ended("SKIPPED", *why)
        if task:
            return self._busy(f"Nova shows {name} {state}, {task}")
        self._refuse(nova, server)
        return self._plan(nova, server)

    def _nothing_to_do(self, nova: Nova, server: dict[str, Any]) -> Why | None:
        """Return why it is to be skipped."""
        raise NotImplementedError

    def _plan(self, nova: Nova, server: dict[str, Any]) -> ServerTodo:
        """Return what is to be done."""
        raise NotImplementedError

    def _refuse(self, nova: Nova, server: dict[str, Any]) -> None:
        """Refuse what Nova could not do, or must not.

        :raises Refused: LOCKED, WRONG_STATE or HOST_DOWN.
        """
        name, host = server["name"], server.get("OS-EXT-SRV-ATTR:host")
        if server["locked"]:
            why = server.get("locked_reason") or "none was given"
            text = f"{name} is locked, reason: {why}. Nothing was changed."
            raise Refused(text, "LOCKED")
        self._refuse_state(server)
        if host and nova.compute_service(host)["state"] != "up":
            raise Refused(
                f"{name} is on {host}, which is down: nobody there could {self._type} it. If the"
                f" host has failed: `openstack recovery host {host}`. Nothing was changed.",
                "HOST_DOWN",
            )

    def _refuse_state(self, server: dict[str, Any]) -> None:
        state = server["OS-EXT-STS:vm_state"]
        if state not in self._states:
            raise Refused(
                f"{server['name']} is {state}: {self._type} needs it"
                f" {' or '.join(self._states)}. Nothing was changed.",
                "WRONG_STATE",
            )

    def _switch(
        self,
        nova: Nova,
        server: dict[str, Any],
        asked: str,
        undo: dict[str, Any] | None,
        wanted: str,
    ) -> SwitchTodo:
        return {
            **self._todo(undo),
            "request": {f"os-{asked}": None},
            "asked": asked,
            "newest_action": newest_action(nova, server["id"]),
            "wanted": wanted,
        }


class MoveCheck(ServerCheck):
    """What the checks of all actions that make a migration record do."""

    def _move(self, nova: Nova, server: dict[str, Any], move: Move, undo: Any) -> MoveTodo:
        return move_todo(nova, server, move, self._todo(undo))

    def _not_there(self, nova: Nova, server: dict[str, Any], source: str | None) -> Why | None:
        """Return that a server is not on the host that a plan names, if it names one.

        :raises Refused: UNKNOWN_HOST: Nova knows none of this name.
        """
        here = host_of(server)
        if source in (None, here):
            return None
        source = Hosts(nova).named(source)["host"]
        if source == here:
            return None
        return "MOVED", f"{server['name']} is on {here}, not on {source} (any more)."

    def _destination(self, nova: Nova, server: dict[str, Any]) -> str | None:
        """Return the host to go to; None if the scheduler picks one.

        :raises Refused: it cannot be used.
        """
        name = self._optional("destination_node", inputs.host_name)
        host = Hosts(nova).destination(name) if name else None
        if host and host == host_of(server):
            raise BadInput(f"The destination of {server['name']}, {name}, is where it is.")
        return host


class CheckMigrate(MoveCheck):
    """See whether a server is to be migrated; writes nothing; polled while Nova is busy with it.

    Parameters: `resource_id`, `migration_type` (live or cold), `source_node`, `destination_node`
    (without it the scheduler picks). Undo: back to the host where it is.
    Nova: looks up the server, what was done with it, its migrations, services, hypervisors.
    """

    _type = "migrate"

    @property
    def _states(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("active",) if self._live else ("active", "stopped")

    @property
    def _live(self) -> bool:
        kind = self._parameter("migration_type", inputs.choice("live", "cold"))
        return bool(kind == "live")

    def _nothing_to_do(self, nova: Nova, server: dict[str, Any]) -> Why | None:
        return self._not_there(nova, server, self._parameter("source_node", inputs.host_name))

    def _plan(self, nova: Nova, server: dict[str, Any]) -> ServerTodo:
        host = self._destination(nova, server)
        undo = {
            "resource_id": server["id"],
            "migration_type": "live" if self._live else "cold",
            "source_node": host,  # known at the end if the scheduler picks it
            "destination_node": host_of(server),
        }
        return self._move(nova, server, migration(self._live, host), undo)


class CheckResize(MoveCheck):
    """See whether a server is to be resized; writes nothing; polled while Nova is busy with it.

    Parameters: `resource_id`, `flavor` (name or id). Undo: back to the flavor that it has.
    Nova: lists flavors; looks up the server, what was done with it, its migrations, its host.
    """

    _type = "resize"
    _states = ("active", "stopped")

    def _nothing_to_do(self, nova: Nova, server: dict[str, Any]) -> Why | None:
        name = server["flavor"]["original_name"]
        if self._flavor(nova)["name"] != name:
            return None
        return "NOTHING_TO_DO", f"{server['name']} has the flavor {name}."

    def _flavor(self, nova: Nova) -> dict[str, Any]:
        names, flavors = self._names("flavor"), nova.flavors()
        if flavor := named(names, flavors):
            return flavor
        near = inputs.nearest(names[-1], [flavor["name"] for flavor in flavors]) or "."
        text = f"Nova has no flavor {names[0]!r}{near} Nothing was changed."
        raise Refused(text, "UNKNOWN_FLAVOR")

    def _plan(self, nova: Nova, server: dict[str, Any]) -> ServerTodo:
        undo = {"resource_id": server["id"], "flavor": server["flavor"]["original_name"]}
        request = {"resize": {"flavorRef": self._flavor(nova)["id"]}}
        return self._move(nova, server, Move(request, "resize", "resize"), undo)


class CheckEvacuate(MoveCheck):
    """See whether a server of a host that is down is to be evacuated; writes nothing; polled.

    Parameters: `resource_id`, `source_node` (optional), `destination_node` (without it the
    scheduler picks). No undo: its host is down, and what ran there is lost.
    Nova: looks up the server, what was done with it, its migrations, services, hypervisors.
    """

    _type = "evacuate"
    _states = ("active", "stopped", "error")

    def _nothing_to_do(self, nova: Nova, server: dict[str, Any]) -> Why | None:
        return self._not_there(nova, server, self._optional("source_node", inputs.host_name))

    def _refuse(self, nova: Nova, server: dict[str, Any]) -> None:
        """Refuse it; a user's lock does not hold back an evacuation.

        :raises Refused: HOST_UP, RECOVERY_RUNNING or WRONG_STATE.
        """
        name, host = server["name"], host_of(server)
        if is_our_lock(server):
            text = f"{name} is being recovered: {server['locked_reason']}. Nothing was changed."
            raise Refused(text, "RECOVERY_RUNNING")
        if nova.compute_service(host)["state"] == "up":
            text = f"{name} is on {host}, which is up: migrate it. Nothing was changed."
            raise Refused(text, "HOST_UP")
        self._refuse_state(server)

    def _plan(self, nova: Nova, server: dict[str, Any]) -> ServerTodo:
        host = self._destination(nova, server)
        request: dict[str, Any] = {"evacuate": {"host": host} if host else {}}
        return self._move(nova, server, Move(request, "evacuate", "evacuation"), None)


class CheckStop(ServerCheck):
    """See whether a server is to be stopped; writes nothing; polled while Nova is busy with it.

    Parameters: `resource_id`. Undo: start, of one that is active.
    Nova: looks up the server, what was done with it, and its host.
    """

    _type = "stop"
    _states = ("active", "error")

    def _nothing_to_do(self, nova: Nova, server: dict[str, Any]) -> Why | None:
        off = server["OS-EXT-STS:vm_state"] == "stopped" and not server["OS-EXT-STS:task_state"]
        return ("NOTHING_TO_DO", f"{server['name']} is stopped.") if off else None

    def _plan(self, nova: Nova, server: dict[str, Any]) -> ServerTodo:
        ran = server["OS-EXT-STS:vm_state"] == "active"
        undo = {"resource_id": server["id"]} if ran else None
        return self._switch(nova, server, "stop", undo, "stopped")


class CheckStart(ServerCheck):
    """See whether a server is to be started; writes nothing; polled while Nova is busy with it.

    Parameters: `resource_id`. Undo: stop.
    Nova: looks up the server, what was done with it, and its host.
    """

    _type = "start"
    _states = ("stopped",)

    def _nothing_to_do(self, nova: Nova, server: dict[str, Any]) -> Why | None:
        on = server["OS-EXT-STS:vm_state"] == "active" and not server["OS-EXT-STS:task_state"]
        return ("NOTHING_TO_DO", f"{server['name']} is active.") if on else None

    def _plan(self, nova: Nova, server: dict[str, Any]) -> ServerTodo:
        undo = {"resource_id": server["id"]}
        return self._switch(nova, server, "start", undo, "active")
