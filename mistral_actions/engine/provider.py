"""The actions of the pack for Mistral, which come to an executor with a ticket.

Mistral makes an action in its engine and sends it to an executor with all its attributes. So here
is where the engine can say for whom it is done (`services.tickets`), and no workbook has to: what
it says is in no input, and so not in the database.

This rests on Mistral's providers of actions: it takes an action from the first one that has the
name. Therefore the actions have an entry point group of their own: in `mistral.actions` they
would be in two, and come without a ticket from the other one.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from mistral_lib import actions

from mistral_actions.engine import callers, internals
from mistral_actions.errors import Failed, Unauthorized
from mistral_actions.services import credentials, tickets

GROUP = "mistral_recovery.actions"
#: an action whose description says why this Mistral is refused; `openstack recovery sync` looks
REFUSED = "recovery.refused"
LOG = logging.getLogger(__name__)


class RecoveryActions(actions.ActionProvider):  # type: ignore[misc] # mistral-lib has no types
    """All actions of the pack."""

    def __init__(self, name: str = "recovery") -> None:
        super().__init__(name)
        from stevedore import extension  # Mistral has it; the drivers import the pack, too

        found: Any = extension.ExtensionManager(GROUP, invoke_on_load=False)
        self._known = {one.name: Descriptor(one.name, one.plugin) for one in found}
        if problem := internals.problem():
            self._known[REFUSED] = Descriptor(
                REFUSED, type("Refused", (Refusal,), {"__doc__": problem})
            )

    def find(self, action_name: str, namespace: str | None = None) -> Any:
        """Return the descriptor of an action; null if the pack has none of that name."""
        return self._known.get(action_name)

    def find_all(self, *_: Any, **__: Any) -> Iterable[Any]:
        """Return the descriptors of all."""
        return self._known.values()


class Refusal(actions.Action):  # type: ignore[misc] # mistral-lib has no types
    """In place of an action: say why this Mistral is refused, and do nothing.

    :param why: the sentence.
    Errors: MISTRAL_CHANGED. Mistral: nothing.
    """

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def run(self, context: Any) -> Any:
        """Fail."""
        return actions.Result(error=Failed(self.why, internals.CODE).as_dict())


class Descriptor(actions.PythonActionDescriptor):  # type: ignore[misc] # mistral-lib has no types
    """What Mistral knows of an action, and makes it from."""

    def __init__(self, name: str, action_class: type) -> None:
        super().__init__(name, action_class, namespace="")

    def instantiate(self, params: Mapping[str, Any], wf_ctx: Mapping[str, Any]) -> Any:
        """Return the action, with a ticket if this engine has a key to sign it with.

        :param wf_ctx: what the expressions of the workflow see. Callers can write all of it: it
            only says which execution to look at, and an executor takes the ticket for no other.
        """
        if problem := internals.problem():
            return Refusal(problem)
        action = super().instantiate(params, wf_ctx)
        try:
            if key := credentials.ticket_key():
                action._ticket = _ticket(key, type(action).__name__, wf_ctx)
        except callers.UnknownCaller as error:
            action._no_ticket = str(error)
        except Unauthorized as error:
            action._no_ticket = f"the engine says: {error.message}"
        except Exception as error:  # noqa: BLE001 - the action says so; no text: the token, the key
            LOG.warning("No ticket for %s: %s", self.name, type(error).__name__)
            action._no_ticket = f"the engine made no ticket for it: {type(error).__name__}"
        return action


def _ticket(key: bytes, action: str, wf_ctx: Mapping[str, Any]) -> str | None:
    within = wf_ctx.get("__execution")
    if not isinstance(within, Mapping):
        return None
    execution = str(within.get("id"))
    root, caller = callers.whose(execution)
    return tickets.sign(key, action, execution, root, caller)
