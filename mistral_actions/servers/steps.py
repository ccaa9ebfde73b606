"""Steps that ask Nova once to do something with a server, and look until it has ended."""

import time
from typing import Any, TypeVar

from mistral_actions.errors import Conflict, NotFound
from mistral_actions.servers.records import asked_since
from mistral_actions.servers.state import busy
from mistral_actions.services.nova import LOOK_SECONDS, Nova
from mistral_actions.steps import PolledStep, Todo


class ServerTodo(Todo):
    """What is to be asked of a server.

    `request` is the body of the server's action, `asked` the name by which Nova records it, and
    `newest_action` the newest of these records at the time of the check.
    """

    request: dict[str, Any]
    asked: str
    newest_action: str | None


class SwitchTodo(ServerTodo):
    """A stop or a start; `wanted` is the vm_state in which it ends."""

    wanted: str


Asked = TypeVar("Asked", bound=ServerTodo)


class ServerStep(PolledStep[Asked]):
    """What the steps of all actions about a server do."""

    def _look(self, nova: Nova) -> dict[str, Any]:
        """Return the server.

        :raises Failed: GONE.
        """
        try:
            return nova.server(self._id)
        except NotFound:
            raise self._failed("GONE", f"{self._name} was deleted meanwhile.") from None

    def _asked(self, nova: Nova, action: str) -> str | None:
        """Return the request that asked for this since the check, by whomever; None: nobody did."""
        return asked_since(nova, self._id, self.todo["newest_action"], action)

    def _ask(self, nova: Nova, looked: float) -> dict[str, Any]:
        """Ask for it, unless the look at the server is too old: it may have changed."""
        kind = self.todo["report"]["details"]["type"]
        if time.monotonic() - looked <= LOOK_SECONDS:
            try:
                nova.act(self._id, f"asking Nova to {kind} {self._name}", self.todo["request"])
            except Conflict as error:
                if not busy(self._look(nova)) and not self._asked(nova, self.todo["asked"]):
                    raise self._failed("REFUSED", error.message) from None
        return self._not_yet(f"Nova was asked to {kind} {self._name}")

    def _did_not_work(self, nova: Nova, server: dict[str, Any]) -> Exception:
        """Return what is raised when it has ended without success."""
        kind = self.todo["report"]["details"]["type"]
        request = self._asked(nova, self.todo["asked"])
        fault = (server.get("fault") or {}).get("message")
        why = fault or (nova.fault_of(self._id, request) if request else "")
        now = f"It is {server['OS-EXT-STS:vm_state']}"
        where = server.get("OS-EXT-SRV-ATTR:host")
        return self._failed(
            f"{kind.upper()}_FAILED",
            f"Nova could not {kind} {self._name}: {why or 'it does not say why'}. {now}"
            + (f" on {where}." if where else "."),
        )


class SwitchServer(ServerStep[SwitchTodo]):
    """Stop or start a server, once, and look until it is; polled.

    :param todo: what the check has found.
    :param alone: false while another run of this step is at work: then this one does nothing.
    Errors: STOP_FAILED, START_FAILED, REFUSED, GONE, FORBIDDEN. Nova: looks up the server, and
    what was done with it; os-stop or os-start.
    """

    def act(self, nova: Nova) -> dict[str, Any]:
        """Return `finished`, and then the report."""
        looked = time.monotonic()
        server = self._look(nova)
        # in this order: what others do after the look is among the actions
        idle = not busy(server) and not self._there(server)
        if idle and not self._asked(nova, self.todo["asked"]):
            return self._ask(nova, looked)
        if idle:
            server = self._look(nova)  # it was asked after the first look, or has ended
        if now := busy(server):
            return self._not_yet(now)
        if self._there(server):
            return self._succeeded(f"{self._name} is {self.todo['wanted']}.")
        raise self._did_not_work(nova, server)

    def _there(self, server: dict[str, Any]) -> bool:
        return bool(server["OS-EXT-STS:vm_state"] == self.todo["wanted"])
