"""Actions about a compute host: look, plan, isolate, put a reserved host to work."""

from typing import Any

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction, RecoveryStep
from mistral_actions.errors import (
    BadInput,
    Failed,
    Refused,
    Report,
    StillRunning,
    Unavailable,
    report,
)
from mistral_actions.inputs import Option
from mistral_actions.recovery.stuck import mark_stuck
from mistral_actions.recovery_plan import HostPlan, Options, Selection
from mistral_actions.servers import lines, selection, settings
from mistral_actions.servers.hosts import Hosts, silence
from mistral_actions.servers.others import recovered_already, refuse_a_second
from mistral_actions.services.nova import Nova
from mistral_actions.services.records import Record

METHODS = ("auto", "reserved_host", "auto_priority", "rh_priority")

# Inputs of `recovery.host.recover` that an operator may set once, in the Mistral environment
# `recovery`. Names and defaults are Masakari's where it has the option (facts: its
# masakari.conf); `evacuation_timeout` is its wait_period_after_evacuation.
OPTIONS = {
    "method": Option(inputs.choice(*METHODS), "auto"),
    "reserved_hosts": Option(inputs.host_names, []),
    "ha_metadata_key": settings.HA_METADATA_KEY,
    "evacuate_all": Option(inputs.boolean, True),
    "ignore_error_servers": Option(inputs.boolean, False),
    "leave_out": Option(selection.rules, []),
    "concurrency": Option(inputs.whole_number(1, 1000), 10),
    "evacuation_timeout": settings.EVACUATION_TIMEOUT,
    "host_down_timeout": Option(inputs.whole_number(1, 86400), 180),
    "heartbeat_timeout": settings.HEARTBEAT_TIMEOUT,
    "lock_servers": Option(inputs.boolean, True),
    "add_reserved_host_to_aggregates": Option(inputs.boolean, False),
    "disable_reason": Option(inputs.text, "Recovery: the host failed."),
}


class PlanHostRecovery(RecoveryAction):
    """Look at a failed host and decide what its recovery does; writes nothing.

    :param host: the failed host, as its compute service calls it.
    :param dry_run: only report what would happen.
    :param options: the other inputs of the workflow, null where nothing was given.
    :param settings: the Mistral environment `recovery`.
    :param records: what Mistral knows of other recoveries (`recovery_records`).
    :returns: the plan: host, options, servers with their state before the recovery, and a
        report. `go_on` is false if there is nothing (more) to do.
    Errors: BAD_INPUT, UNKNOWN_HOST, RECOVERY_RUNNING, NO_RESERVED_HOST, STILL_EVACUATING,
    FORBIDDEN.
    Nova: lists services, the servers of the host, its evacuations and locked servers; with
    `reset_stuck` among the options, see `recovery.stuck`.
    """

    def __init__(
        self,
        host: Any,
        dry_run: Any = None,
        options: Any = None,
        settings: Any = None,
        records: Any = None,
    ) -> None:
        self.host = host
        self.dry_run = dry_run
        self.options = options or {}
        self.settings = settings or {}
        self.records = records or {"running": None, "in_flight": False, "plans": []}

    def act(self, nova: Nova) -> HostPlan:
        """Return the plan."""
        host = inputs.required(self.host, "host", inputs.host_name)
        dry_run = inputs.merge(inputs.DRY_RUN, {"dry_run": self.dry_run}, {})["dry_run"]
        options = inputs.merge(OPTIONS, self.options, self.settings)
        service, options["reserved_hosts"] = _known_hosts(nova, host, options)
        if self.records["running"] and not dry_run:
            raise recovered_already(host, self.records["running"])
        if self.records["in_flight"] and not dry_run:
            raise StillRunning(f"A step of an earlier recovery of {host} is still running.")
        found = selection.select(nova, host, options, self.records["plans"])
        if inputs.merge(inputs.RESET_STUCK, self.options, {})["reset_stuck"]:
            mark_stuck(nova, host, found, options["evacuation_timeout"])
        go_on = bool(found["servers"]) and not dry_run
        return {
            "host": host,
            "method": options["method"],
            "reserved_hosts": options["reserved_hosts"],
            "options": options,
            "service": service["id"],
            "heartbeat": service.get("updated_at"),  # null: it has never sent one
            "go_on": go_on,
            **found,
            "report": _plan_report(host, dry_run, options, service, found),
        }


def _known_hosts(nova: Nova, host: str, options: Options) -> tuple[Record, list[str]]:
    """Return the service of the failed host, and the reserved hosts as their services call them.

    :raises BadInput: they cannot be used for this recovery.
    :raises Refused: UNKNOWN_HOST. The failed host has one name only: by this input Mistral tells
        whether two recoveries are of the same host.
    """
    failed, *others = Hosts(nova).all_named([host, *options["reserved_hosts"]])
    if failed["host"] != host:
        raise Refused(
            f"{host!r} is the hypervisor of host {failed['host']!r}: give that name, by which"
            " recoveries of one host know of each other. Nothing was changed.",
            "UNKNOWN_HOST",
        )
    reserved = list(dict.fromkeys(other["host"] for other in others))
    if host in reserved:
        raise BadInput(
            f"Input 'reserved_hosts' names {host}, which is the failed host itself:"
            " name hosts that are up and kept free for this."
        )
    if options["method"] == "reserved_host" and not reserved:
        raise BadInput(
            "Method reserved_host needs at least one name in 'reserved_hosts'.", "NO_RESERVED_HOST"
        )
    return failed, reserved


def _plan_report(
    host: str,
    dry_run: bool,
    options: Options,
    service: dict[str, Any],
    found: Selection,
) -> Report:
    servers, left_out = found["servers"], found["left_out"]
    selected = [
        lines.server_line(host, server, "PENDING", "STUCK" if server.get("stuck") else "SELECTED")
        for server in servers
    ]
    details = {
        "host": host,
        "method": options["method"],
        "dry_run": dry_run,
        "servers": selected + left_out,
    }
    besides = f" {lines.count(len(left_out))} left out." if left_out else ""
    if not servers:
        text = f"No server on {host} needs to be recovered; nothing was changed.{besides}"
        return report("SKIPPED", "NOTHING_TO_RECOVER", text, details)
    if dry_run:
        to = {"auto": "the hosts that the scheduler picks"}.get(
            options["method"],
            f"method {options['method']}, reserved hosts"
            f" {', '.join(options['reserved_hosts']) or 'none'}",
        )
        text = f"Would evacuate {lines.count(len(servers))} from {host} ({to}).{besides}"
        if stuck := [server["name"] for server in servers if server.get("stuck")]:
            text += (
                f" Of these, Nova has forgotten {', '.join(stuck)}: would reset the state first."
            )
        if service["state"] == "up":
            text += f" But {host} is up now: while it answers, a recovery is refused."
        return report("SUCCEEDED", "DRY_RUN", text, details)
    text = f"{host} has failed. To be evacuated: {lines.count(len(servers))}.{besides}"
    return report("FAILED", "NOT_ENDED", text, details)


class CheckHostFailed(RecoveryAction):
    """See whether the host has really stopped answering; polled, writes nothing.

    A host that Nova shows down or forced down has failed. One that Nova still shows up has
    failed when no heartbeat came for `heartbeat_timeout`; a heartbeat newer than the one the
    plan saw proves that it lives, and the recovery is refused.

    :param plan: the plan of the recovery.
    :param others: recoveries that may go before this one (`older_recoveries`). Asked again
        here, because two that start at the same moment do not see each other when they plan.
    Errors: HOST_UP, RECOVERY_RUNNING. Nova: looks up the service.
    """

    def __init__(self, plan: HostPlan, others: Any = None) -> None:
        self.plan = plan
        self.others = others or []

    def act(self, nova: Nova) -> dict[str, Any]:
        """Return `finished`, true when the host can be taken for dead."""
        host = self.plan["host"]
        refuse_a_second(host, self.others, host)
        if any(other["of"] == host for other in self.others):
            return {"finished": False, "message": f"another recovery of {host} has just begun"}
        service = nova.compute_service(host)
        if service["state"] == "down" or service["forced_down"]:
            return {"finished": True}
        if service["updated_at"] != self.plan["heartbeat"]:
            raise Refused(
                f"{host} is up: its nova-compute sent a heartbeat at {service['updated_at']}."
                " Nothing was changed. If the host is to be emptied although it lives, use live"
                " migration; if it is fenced, `openstack compute service set --down` first.",
                "HOST_UP",
            )
        seconds, now = silence(nova, service)
        limit = self.plan["options"]["heartbeat_timeout"]
        return {"finished": seconds > limit, "message": now}


class IsolateHost(RecoveryStep[HostPlan]):
    """Take a failed host out of service: forced down, then disabled; polled.

    In this order, because disabling a dead host that Nova believes to be up waits for its answer.

    :param plan: the plan of the recovery.
    :returns: `finished`, true when Nova shows the host down and it is disabled.
    Errors: FORBIDDEN. Nova: `PUT /os-services/{id}` forced_down, then status and
    disabled_reason; looks up the service.
    """

    def act(self, nova: Nova) -> dict[str, Any]:
        """Isolate it; doing so twice is harmless."""
        host = self.plan["host"]
        nova.update_service(self.plan["service"], f"forcing {host} down", forced_down=True)
        if nova.compute_service(host)["state"] != "down":
            return {"finished": False, "message": f"Nova shows {host} up"}
        DisableHost(self.plan).act(nova)
        return {"finished": True, "message": f"{host} is down and disabled"}


class DisableHost(RecoveryStep[HostPlan]):
    """Disable the compute service, so that nothing is scheduled there when it returns.

    :param plan: the plan of the recovery.
    Errors: FORBIDDEN. Nova: `PUT /os-services/{id}` status and disabled_reason.
    """

    def act(self, nova: Nova) -> dict[str, Any]:
        """Disable it; doing so twice is harmless."""
        host, reason = self.plan["host"], self.plan["options"]["disable_reason"]
        try:
            nova.disable_service(self.plan["service"], f"disabling {host}", reason)
        except Unavailable:  # Nova writes it down, then waits for the answer of a dead service
            if nova.compute_service(host)["status"] != "disabled":
                raise
        return {"host": host, "status": "disabled"}


class PrepareServers(RecoveryStep[HostPlan]):
    """Name the servers that will be evacuated, for whoever comes after in a recovery method.

    :param plan: the plan of the recovery, which has selected them.
    :returns: `servers`: id, name and former state of each, in the order of their evacuation.
    Nova: nothing.
    """

    def act_for(self, context: Any) -> dict[str, Any]:
        """Return them."""
        return {"servers": self.plan["servers"]}


class PrepareReservedHost(RecoveryStep[HostPlan]):
    """Put a reserved host to work: enable it and, if wanted, add it to the host's aggregates.

    :param plan: the plan of the recovery.
    :param reserved_hosts: a list of names, of which the first one takes over.
    :returns: `reserved_host`: its name, as the compute service has it.
    Errors: NO_RESERVED_HOST, UNKNOWN_HOST, RESERVED_HOST_DOWN, FORBIDDEN.
    Nova: lists services, enables this one, adds it to aggregates (already there is fine).
    """

    def __init__(self, plan: HostPlan, reserved_hosts: Any = None) -> None:
        super().__init__(plan)
        self.reserved_hosts = reserved_hosts

    def act(self, nova: Nova) -> dict[str, Any]:
        """Prepare it; doing so twice is harmless."""
        if not self.reserved_hosts:
            raise Failed("No reserved host was given.", "NO_RESERVED_HOST")
        try:
            service = Hosts(nova).named(self.reserved_hosts[0])
        except Refused as error:  # by now the failed host is isolated
            text = error.message.removesuffix(" Nothing was changed.")
            raise Failed(text, error.code) from None
        host = service["host"]
        if service["state"] != "up":
            raise Failed(f"Reserved host {host} is down itself.", "RESERVED_HOST_DOWN")
        if service["status"] != "enabled":
            doing = f"enabling reserved host {host}"
            nova.update_service(service["id"], doing, status="enabled")
        if self.plan["options"]["add_reserved_host_to_aggregates"]:
            for aggregate in nova.aggregates():
                if self.plan["host"] in aggregate["hosts"]:
                    nova.add_to_aggregate(aggregate, host)
        return {"reserved_host": host}
