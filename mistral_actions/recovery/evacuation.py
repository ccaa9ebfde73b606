"""The action that evacuates the servers of a failed host."""

from typing import Any

from mistral_actions.base import RecoveryStep
from mistral_actions.recovery.evacuation_pass import EvacuationPass
from mistral_actions.recovery_plan import EvacuationPlan
from mistral_actions.services.nova import Nova


class EvacuateServers(RecoveryStep[EvacuationPlan]):
    """Bring the evacuation of a host's servers one step further; polled until finished.

    Any process can run it at any time: what is done, running and failed is read from Nova, what
    is missing is started up to the concurrency limit, and a server is never evacuated twice.

    :param plan: the plan of the recovery.
    :param destination: host to evacuate to; null lets the scheduler pick one per server.
    :param tried_before: id of the newest migration record of an earlier attempt, whose failures
        do not count in this one; null: the plan's.
    :param begin: false while the recovery is paused (`run_state`): nothing new is started, what
        has been is looked after.
    :param alone: false while another pass is at work: then this one does nothing at all.
    :returns: `finished` and the number of servers done, running, pending, failed and skipped;
        when finished, the `report` with a line per server.
    Errors: SERVERS_NOT_MOVED (with the report), HOST_UP, FORBIDDEN, NOVA_UNAVAILABLE.
    Nova: lists evacuations and locked servers; per server lock, evacuate, unlock, and only
    where it is needed reset state, stop or start.
    """

    _for_members = True

    def __init__(
        self,
        plan: EvacuationPlan,
        destination: Any = None,
        tried_before: Any = None,
        begin: bool = True,
        alone: bool = True,
    ) -> None:
        super().__init__(plan)
        self.destination = destination
        self.tried_before = tried_before
        self.begin = begin
        self.alone = alone

    def act(self, nova: Nova) -> dict[str, Any]:
        """Do one pass."""
        before = self.plan["tried_before"] if self.tried_before is None else self.tried_before
        return EvacuationPass(nova, self.plan, self.destination, before, self.begin).run()
