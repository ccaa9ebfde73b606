"""The plan of the recovery of one server whose guest has failed, in its place."""

from typing import Any

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction
from mistral_actions.errors import (
    BadInput,
    NotFound,
    Refused,
    Report,
    report,
)
from mistral_actions.inputs import Option
from mistral_actions.recovery_plan import InstancePlan, ServerOnHost
from mistral_actions.servers import lines, settings
from mistral_actions.servers.others import refuse_a_second
from mistral_actions.servers.records import newest_action
from mistral_actions.servers.state import has_key, is_our_lock, lacks_key
from mistral_actions.services.nova import Nova
from mistral_actions.services.records import Record

# Inputs of `recovery.instance.recover` that an operator may set once, in the Mistral environment
# `recovery`. The last two are Masakari's wait_period_after_power_off and _on.
OPTIONS = {
    "ha_metadata_key": settings.HA_METADATA_KEY,
    "process_all_instances": Option(inputs.boolean, False),
    "stop_timeout": Option(inputs.whole_number(1, 86400), 180),
    "start_timeout": Option(inputs.whole_number(1, 86400), 60),
}

# What is not brought up by stop and start, or must not be: vm_state -> reason code, sentence.
LEFT_ALONE = {
    "paused": ("PAUSED", "it is paused, and a restart would lose what it has in memory"),
    "rescued": ("RESCUED", "it is in rescue mode: somebody is repairing it"),
    "suspended": ("SUSPENDED", "it is suspended, and a restart would lose what it has in memory"),
    "shelved": ("SHELVED", "it is shelved: nothing of it runs"),
    "shelved_offloaded": ("SHELVED", "it is shelved: nothing of it runs"),
    "building": ("BUILDING", "it is still being built"),
    "soft-delete": ("DELETED", "it is deleted"),
    "deleted": ("DELETED", "it is deleted"),
}


class PlanInstanceRecovery(RecoveryAction):
    """Look at a failed server and decide what its recovery does; writes nothing.

    :param server: name or id of the server. :param dry_run: only report what would happen.
    :param options: the other inputs of the workflow, null where nothing was given.
    :param settings: the Mistral environment `recovery`.
    :param running: other recoveries of servers that have not ended (`older_recoveries`).
    :returns: the plan: the server, what it was, options, the newest record of what was done
        with it, and a report. `go_on` is false if there is nothing (more) to do.
    Errors: BAD_INPUT, UNKNOWN_SERVER, AMBIGUOUS_SERVER, HOST_DOWN, RECOVERY_RUNNING, FORBIDDEN.
    Nova: looks up the server and what was done with it.
    """

    _for_members = True

    def __init__(
        self,
        server: Any,
        dry_run: Any = None,
        options: Any = None,
        settings: Any = None,
        running: Any = None,
    ) -> None:
        self.server = server
        self.dry_run = dry_run
        self.options = options or {}
        self.settings = settings or {}
        self.running = running or []

    def act(self, nova: Nova) -> InstancePlan:
        """Return the plan."""
        given = inputs.names(self.server, "server", _name_or_id)
        dry_run = inputs.merge(inputs.DRY_RUN, {"dry_run": self.dry_run}, {})["dry_run"]
        options = inputs.merge(OPTIONS, self.options, self.settings)
        server = _find(nova, given)
        why = _why_not(server, options)
        if why is None:
            self._refuse(nova, server, dry_run)
        found: ServerOnHost = {
            "id": server["id"],
            "name": server["name"],
            "host": server.get("OS-EXT-SRV-ATTR:host"),  # shown to administrators only
            "was": server["OS-EXT-STS:vm_state"],
        }
        return {
            "server": found,
            "options": options,
            "newest_action": newest_action(nova, server["id"]),
            "go_on": why is None and not dry_run,
            "report": _plan_report(found, why, dry_run),
        }

    def _refuse(self, nova: Nova, server: dict[str, Any], dry_run: bool) -> None:
        name, host = server["name"], server.get("OS-EXT-SRV-ATTR:host")
        if _host_is_down(nova, server):
            raise Refused(
                f"{name} is on {host}, which is down: nobody there could stop or start it. If"
                f" the host has failed: `openstack recovery host {host}`. If only its"
                " nova-compute has, start that first. Nothing was changed.",
                "HOST_DOWN",
            )
        if dry_run:
            return
        refuse_a_second(name, self.running, server["id"], str(inputs.shortest(name)))
        if is_our_lock(server):
            raise Refused(
                f"{name} is locked with the reason {server['locked_reason']!r}: that recovery"
                " runs, or was stopped before its end; then start it again. Nothing was changed.",
                "RECOVERY_RUNNING",
            )


def _name_or_id(value: Any) -> str:
    try:
        return inputs.text(value)
    except ValueError:
        raise ValueError("the name or the id of a server") from None


def _find(nova: Nova, given: list[str]) -> Record:
    """Return the server.

    :param given: what may be meant, the likeliest first.
    :raises BadInput: UNKNOWN_SERVER or AMBIGUOUS_SERVER.
    """
    called = ((name, _called(nova, name)) for name in given)
    name, found = next((one for one in called if one[1]), (given[0], []))
    if not found:
        nothing = inputs.bare(name) is None
        but = ". Some clients write this where nothing was given" if nothing else ""
        raise BadInput(
            f"Nova has no server {name!r}{but}. `openstack server list --all-projects` shows names"
            " and ids.",
            "UNKNOWN_SERVER",
        )
    if len(found) > 1:
        some = "; ".join(
            f"{server['id']} (project {server['tenant_id']}, {server['OS-EXT-STS:vm_state']},"
            f" on {server.get('OS-EXT-SRV-ATTR:host') or 'no host'})"
            for server in found[:5]
        )
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise BadInput(
            f"{len(found)} servers are called {name!r}, give the id of one: {some}{more}.",
            "AMBIGUOUS_SERVER",
        )
    return found[0]


def _called(nova: Nova, given: str) -> list[Record]:
    if inputs.UUID.fullmatch(given):
        try:
            return [nova.server(given.lower())]
        except NotFound:
            pass  # a name may look like an id
    return nova.servers_named(given)


def _host_is_down(nova: Nova, server: dict[str, Any]) -> bool:
    status = server.get("host_status")
    if status == "MAINTENANCE":  # disabled: Nova does not say whether it is up
        return bool(nova.compute_service(server["OS-EXT-SRV-ATTR:host"])["state"] == "down")
    return status in ("DOWN", "UNKNOWN")


def _why_not(server: dict[str, Any], options: dict[str, Any]) -> tuple[str, str] | None:
    if server["OS-EXT-STS:task_state"] == "deleting":
        return "DELETED", "it is being deleted"
    if why := LEFT_ALONE.get(server["OS-EXT-STS:vm_state"]):
        return why
    key = options["ha_metadata_key"]
    if not (options["process_all_instances"] or has_key(server, key)):
        return "NOT_HA", f"{lacks_key(server, key)}, and process_all_instances is not set"
    return None


def _plan_report(server: ServerOnHost, why: tuple[str, str] | None, dry_run: bool) -> Report:
    name, host = server["name"], server["host"]
    one = lines.server_line(host, server, "SKIPPED" if why else "PENDING", why or "SELECTED")
    details = {"server": server["id"], "host": host, "dry_run": dry_run, "servers": [one]}
    if why:
        text = f"{name} is left alone: {why[1]}. Nothing was changed."
        return report("SKIPPED", why[0], text, details)
    if dry_run:
        steps = "start" if server["was"] == "stopped" else "stop and start"
        if server["was"] == "resized":
            steps = "reset to active (a resize can then not be reverted), stop and start"
        return report("SUCCEEDED", "DRY_RUN", f"Would {steps} {name} on {host}.", details)
    return report("FAILED", "NOT_ENDED", f"{name} has failed and is to be restarted.", details)
