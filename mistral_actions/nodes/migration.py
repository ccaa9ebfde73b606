"""The actions that plan the move of one server to another host, and see that it has arrived."""

from typing import Any

from mistral_actions import inputs, steps
from mistral_actions.base import RecoveryAction, RecoveryStep
from mistral_actions.errors import Failed, Forbidden, NotFound, report
from mistral_actions.inputs import Option
from mistral_actions.nodes import preparation
from mistral_actions.nodes.next_try import NextTry
from mistral_actions.nodes.plans import MigrationPlan
from mistral_actions.servers import lines, settings
from mistral_actions.servers.hosts import Hosts
from mistral_actions.servers.state import busy, host_of
from mistral_actions.services.nova import Nova

OPTIONS = {
    **inputs.DRY_RUN,
    "cluster_id": preparation.COMMON["cluster_id"],
    "host": Option(inputs.host_names, []),
    "timeout": Option(steps.ACTION_TIMEOUT["action_timeout"].parse, None),
}
# What the operator has set for all recoveries holds here, too.
SETTINGS = {
    "timeout": steps.ACTION_TIMEOUT["action_timeout"],
    "evacuation_timeout": settings.EVACUATION_TIMEOUT,
    "heartbeat_timeout": settings.HEARTBEAT_TIMEOUT,
    "ha_metadata_key": settings.HA_METADATA_KEY,
}


class PlanNodeMigration(RecoveryAction):
    """Decide where a server goes next, and how; writes nothing; polled.

    :param node_id: id of the server. :param host: hosts to try, in this order, comma separated;
        null: the scheduler picks one. :param dry_run: only report what would happen.
    :param timeout: seconds until a try must have ended. :param cluster_id: for the report.
    :param settings: the Mistral environment `recovery`.
    :param running: other recoveries of the server and its host (lists of `older_recoveries`).
    :param before: the plan before this one, whose try has failed. :param failed: its report.
    :returns: the plan: `next` (evacuate, migrate, confirm, or null: nothing is to be done), `host`
        (null: the scheduler picks), what was `tried`, and a report.
    Errors: BAD_INPUT, FORBIDDEN, UNKNOWN_SERVER, DELETED, RECOVERY_RUNNING, LOCKED, WRONG_STATE,
    NO_TARGET, NOT_MOVED, and that of the last try.
    Nova: lists services, hypervisors, the servers of a host that is down and its evacuations;
    looks up the server, its migrations and what was done with it.
    """

    _for_members = True

    def __init__(
        self,
        node_id: Any,
        host: Any = None,
        dry_run: Any = None,
        timeout: Any = None,
        cluster_id: Any = None,
        settings: Any = None,
        running: Any = None,
        before: Any = None,
        failed: Any = None,
    ) -> None:
        self.node_id = node_id
        self.host = host
        self.dry_run = dry_run
        self.timeout = timeout
        self.cluster_id = cluster_id
        self.settings = settings or {}
        self.running = running
        self.before = before
        self.failed = failed

    def act(self, nova: Nova) -> MigrationPlan | dict[str, Any]:
        """Return the plan."""
        given = {name: getattr(self, name) for name in OPTIONS}
        options = inputs.merge(OPTIONS, given, {})
        set_once = {k: v for k, v in self.settings.items() if k != "timeout"}
        set_once["timeout"] = self.settings.get("action_timeout")
        options["settings"] = inputs.merge(SETTINGS, {}, set_once)
        if options["host"] and not nova.may_choose_hosts:
            raise Forbidden(
                "Only administrators choose where a server goes, and this is the server of a"
                " member: leave the input 'host' out. Nothing was changed."
            )
        hosts = _hosts(nova)
        server = preparation.find(nova, self.node_id)
        return NextTry(nova, options, hosts, server, self.before, self.failed).plan(
            None if self.before else self.running
        )


def _hosts(nova: Nova) -> Hosts:
    """Return the hosts: the first that Nova refuses to who is no administrator.

    :raises Forbidden: in a sentence that says whose rights are meant.
    """
    try:
        return Hosts(nova)
    except Forbidden as error:
        raise Forbidden(
            f"{error.message} Moving a server needs the rights of a Nova administrator (to list"
            " compute services, evacuate and migrate); a Senlin policy has the rights of the"
            " cluster's owner, who must then have that role. Nothing was changed."
        ) from None


class CheckNodeMoved(RecoveryStep[MigrationPlan]):
    """See whether a server has arrived on another host; polled.

    :param plan: the plan of its migration.
    :returns: `finished`, and then the report.
    Errors: NOT_MOVED, GONE. Nova: looks up the server.
    """

    _for_members = True

    def act(self, nova: Nova) -> dict[str, Any]:
        """Return the report when Nova does nothing more with the server."""
        before = self.plan["server"]
        try:
            server = nova.server(before["id"])
        except NotFound:
            lost = lines.server_line(before["host"], before, "FAILED", "GONE")
            found = {**self.plan["report"]["details"], "servers": [lost]}
            raise Failed(f"{before['name']} was deleted meanwhile.", "GONE", found) from None
        if now := busy(server):
            return preparation.wait(now, self.plan["report"]["details"])
        here, state = host_of(server), server["OS-EXT-STS:vm_state"]
        good = here != before["host"] and (state != "error" or before["was"] == "error")
        code = "EVACUATED" if self.plan["kind"] == "evacuate" else "MIGRATED"
        text = f"{before['name']} was moved from {before['host']} to {here} and is {state}."
        if not good:
            code, text = "NOT_MOVED", f"{before['name']} was not moved: it is {state} on {here}."
        state = "MOVED" if good else "FAILED"
        details = {
            **self.plan["report"]["details"],
            "to": here,
            "tried": self.plan["tried"],
            "servers": [lines.server_line(before["host"], before, state, code, here)],
        }
        if not good:
            raise Failed(text, code, details)
        return {"finished": True, "report": report("SUCCEEDED", code, text, details)}
