"""What all actions of the pack have in common."""

import logging
import traceback
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from mistral_lib import actions

from mistral_actions.errors import BadInput, RecoveryError
from mistral_actions.services.nova import Nova
from mistral_actions.services.session import Asked, nova_of

LOG = logging.getLogger(__name__)


class RecoveryAction(actions.Action):  # type: ignore[misc] # mistral-lib has no types
    """An action that looks at Nova or starts something there, and never waits for it.

    Subclasses keep their arguments as attributes (Mistral serialises them to the executor, where
    `__init__` does not run again) and implement `act`. An action can be killed at any point and
    run again by another process: what is done is read from Nova.

    A step that two processes at once would do twice has the argument `alone`: false while another
    run of it is at work, and then it does nothing. Only Mistral's engine knows (`engine.chains`).

    One with `_for_members` is also done for members of a project, for servers of this project, with
    the rights of the pack's service user if it has one (`services.limits`).
    """

    _for_members = False
    _ticket: str | None = None  # by Mistral's engine (`engine.provider`), and no input
    _no_ticket = ""

    def act(self, nova: Nova) -> Any:
        """Do the work.

        :returns: data for the workflow, JSON-serialisable. With `finished: false` in it the
            task's `retry` runs the action again.
        :raises RecoveryError: becomes the task's error result, see `errors`.
        """
        raise NotImplementedError

    def run(self, context: Any) -> Any:
        """Run the action for Mistral; errors are returned, never raised."""
        name = type(self).__name__
        if not getattr(self, "alone", True):
            return {"finished": False, "message": "another run of this step has not ended yet"}
        try:
            self.check()
            return self.act_for(self._with_ticket(context))
        except RecoveryError as error:
            LOG.warning("%s: %s: %s", name, error.code, error.message)
            return actions.Result(error=error.as_dict())
        except Exception as error:  # noqa: BLE001 - its text could carry anything, a token too
            where = "".join(traceback.format_tb(error.__traceback__))
            LOG.error("%s failed with %s:\n%s", name, type(error).__name__, where)
            surprise = RecoveryError(
                f"{name} failed with an unexpected {type(error).__name__}: this is a defect of"
                " the pack; where it happened is in the log of the Mistral executor.",
                "INTERNAL_ERROR",
            )
            return actions.Result(error=surprise.as_dict())

    def check(self) -> None:
        """Refuse what was given, before anything is looked up.

        :raises RecoveryError: it is of no use.
        """

    def _with_ticket(self, context: Any) -> Asked:
        name = type(self).__name__
        return Asked(context, name, self._ticket, self._no_ticket, self._for_members)

    def act_for(self, context: Any) -> Any:
        """Do the work with the rights of the caller.

        :param context: what Mistral tells an action of who started the workflow.
        """
        return self.act(nova_of(context))


Plan = TypeVar("Plan", bound=Mapping[str, Any])  # one of `recovery_plan`


class RecoveryStep(RecoveryAction, Generic[Plan]):
    """A step of a recovery, which carries out what its plan says."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def check(self) -> None:
        """Refuse to run if a person has started what only a recovery can start."""
        if not isinstance(self.plan, dict):
            raise BadInput(
                f"Input 'plan' is {str(self.plan)[:80]!r}, and not the plan of a recovery. This"
                " workflow is a step of others: start recovery.host.recover,"
                " recovery.instance.recover or recovery.process.recover. Nothing was changed."
            )
