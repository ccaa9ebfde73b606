"""What the workflows `recovery.node` have in common, and the preparation of a node.

A node is a server that somebody else manages, most often a node of a Senlin cluster. What is
done with it here is one step of a chain, between a REBUILD and a REBOOT of theirs.
"""

import itertools
from typing import Any

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction
from mistral_actions.errors import BadInput, Conflict, Failed, Forbidden, NotFound, Refused, report
from mistral_actions.inputs import Option
from mistral_actions.nodes.plans import PreparationPlan
from mistral_actions.recovery_plan import Options, ServerOnHost
from mistral_actions.servers import lines, others
from mistral_actions.servers.state import busy, is_deleted, is_our_lock
from mistral_actions.services.nova import Nova

# Inputs that all have. Of one run: none of them can be set once for all.
COMMON = {
    **inputs.DRY_RUN,
    "reason": Option(inputs.text, "failed"),
    "cluster_id": Option(inputs.text, None),
}


def find(nova: Nova, node_id: Any) -> dict[str, Any]:
    """Return the server.

    :raises BadInput: UNKNOWN_SERVER: there is none, or the caller may not see it.
    :raises Refused: DELETED.
    """
    given = inputs.required(node_id, "node_id", inputs.identifier)
    try:
        server = nova.server(given)
    except NotFound:
        raise BadInput(
            f"Nova has no server {given}, or not in a project of the caller. `openstack server"
            " list` shows those that it has. Nothing was changed.",
            "UNKNOWN_SERVER",
        ) from None
    if is_deleted(server):
        text = f"{server['name']} is deleted, or about to be. Nothing was changed."
        raise Refused(text, "DELETED")
    return server


def refuse_locked(server: dict[str, Any]) -> None:
    """Refuse a server that somebody has locked, or a recovery of its host.

    :raises Refused: LOCKED or RECOVERY_RUNNING.
    """
    if not server["locked"]:
        return
    name, why = server["name"], server.get("locked_reason") or "none was given"
    if is_our_lock(server):
        text = f"{name} is being recovered already: {why}. Nothing was changed."
        raise Refused(text, "RECOVERY_RUNNING")
    raise Refused(
        f"{name} is locked, reason: {why}. Nova lets nobody but an administrator change it:"
        f" `openstack server unlock {server['id']}` first. Nothing was changed.",
        "LOCKED",
    )


def refuse_a_second(running: Any, server: dict[str, Any]) -> None:
    """Refuse what another recovery goes before.

    :param running: lists of `older_recoveries`, of this server and of its host.
    :raises Refused: RECOVERY_RUNNING.
    """
    names = (server["id"], server.get("OS-EXT-SRV-ATTR:host") or server["id"])
    others.refuse_a_second(
        f"{server['name']}, or its host,", itertools.chain.from_iterable(running or []), *names
    )


def member_missing(error: Forbidden, what: str) -> Forbidden:
    """Return the refusal of Nova with a sentence that says whose rights are meant.

    :param what: what needs them.
    """
    return Forbidden(
        f"{error.message} {what} needs the role member in the project of the server; a Senlin"
        " policy has the rights of the cluster's owner. Nothing was changed."
    )


def about(server: dict[str, Any]) -> ServerOnHost:
    """Return what a plan keeps of a server; its host is shown to administrators only."""
    return {
        "id": server["id"],
        "name": server["name"],
        "host": server.get("OS-EXT-SRV-ATTR:host"),
        "was": server["OS-EXT-STS:vm_state"],
    }


def details(server: ServerOnHost, options: Options, line: Any, **more: Any) -> dict[str, Any]:
    """Return the `details` of a report.

    :param line: state, reason (and sentence) and present host of the server, for its line.
    """
    state, why, *to = line
    return {
        "server": server["id"],
        "host": server["host"],
        "cluster_id": options["cluster_id"],
        "dry_run": options["dry_run"],
        **more,
        "servers": [lines.server_line(server["host"], server, state, why, *to)],
    }


def wait(now: str, found: Any = None) -> dict[str, Any]:
    """Return that it must be looked at again, with the report if this was the last look.

    :param found: the details of the report, if there are some already.
    """
    told = report("FAILED", "TIMED_OUT", f"Given up, it took too long: {now}.", found or {})
    return {"finished": False, "message": now, "report": told}


class PlanNodePreparation(RecoveryAction):
    """See whether a server can be made ready for a rebuild or a reboot; writes nothing; polled.

    :param node_id: id of the server. :param reason: why it is recovered, for people.
    :param cluster_id: the Senlin cluster that it is in, for the report.
    :param dry_run: only report what would happen.
    :returns: the plan, with a report; `go_on` is false if there is nothing (more) to do.
    Errors: BAD_INPUT, UNKNOWN_SERVER, DELETED, LOCKED, RECOVERY_RUNNING, BUILDING.
    Nova: looks up the server.
    """

    _for_members = True

    def __init__(
        self, node_id: Any, reason: Any = None, cluster_id: Any = None, dry_run: Any = None
    ) -> None:
        self.node_id = node_id
        self.reason = reason
        self.cluster_id = cluster_id
        self.dry_run = dry_run

    def act(self, nova: Nova) -> PreparationPlan | dict[str, Any]:
        """Return the plan, once Nova does nothing with the server."""
        given = {"reason": self.reason, "cluster_id": self.cluster_id, "dry_run": self.dry_run}
        options = inputs.merge(COMMON, given, {})
        server = find(nova, self.node_id)
        name = server["name"]
        refuse_locked(server)
        if server["OS-EXT-STS:vm_state"] == "building":
            text = f"{name} is still being built: there is nothing to recover. Nothing was changed."
            raise Refused(text, "BUILDING")
        if now := busy(server):
            return wait(now)
        own = about(server)
        text, code = f"{name} is to be made ready.", "NOT_ENDED"
        if options["dry_run"]:
            text = f"Would write into the metadata of {name}: recovery_reason={options['reason']}."
            code = "DRY_RUN"
        found = details(own, options, ("PENDING", "SELECTED"), recorded=False)
        state = "SUCCEEDED" if options["dry_run"] else "FAILED"
        return {
            "server": own,
            "options": options,
            "go_on": not options["dry_run"],
            "report": report(state, code, text, found),
        }


class RecordRecovery(RecoveryAction):
    """Write into a server's metadata why and by what it is recovered; polled.

    :param plan: the plan of the preparation. :param execution: id of the execution.
    :returns: `finished`, and then the report.
    Errors: FORBIDDEN, LOCKED, RECOVERY_RUNNING, GONE.
    Nova: `POST /servers/{id}/metadata`; looks up the server if Nova refuses.
    """

    _for_members = True

    def __init__(self, plan: PreparationPlan, execution: str) -> None:
        self.plan = plan
        self.execution = execution

    def act(self, nova: Nova) -> dict[str, Any]:
        """Write it; doing so twice is harmless."""
        own, reason = self.plan["server"], self.plan["options"]["reason"]
        doing = f"writing down in the metadata of {own['name']} why it is recovered"
        metadata = {"recovery_reason": reason, "recovery_execution": self.execution}
        try:
            nova.update_metadata(own["id"], doing, metadata)
        except Forbidden as error:
            raise member_missing(error, "This") from None
        except NotFound:
            raise Failed(f"{own['name']} was deleted meanwhile.", "GONE") from None
        except Conflict:
            return self._not_recorded(nova)
        text = f"{own['name']} is ready; its metadata say why: {reason}."
        return self._ready(text, recorded=True)

    def _not_recorded(self, nova: Nova) -> dict[str, Any]:
        """Nova takes metadata in some states only; in error, it does not, and takes a rebuild."""
        server = find(nova, self.plan["server"]["id"])
        refuse_locked(server)
        if now := busy(server):
            return wait(now, self.plan["report"]["details"])
        state = server["OS-EXT-STS:vm_state"]
        text = f"{server['name']} is ready. It is {state}: Nova takes no metadata of it then."
        return self._ready(text, recorded=False)

    def _ready(self, text: str, recorded: bool) -> dict[str, Any]:
        own, options = self.plan["server"], self.plan["options"]
        found = details(own, options, ("PREPARED", "PREPARED", own["host"]), recorded=recorded)
        return {"finished": True, "report": report("SUCCEEDED", "PREPARED", text, found)}
