"""Actions about a nova-compute that has failed while its host and its servers go on."""

from typing import Any

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction, RecoveryStep
from mistral_actions.errors import report
from mistral_actions.inputs import Option
from mistral_actions.recovery_plan import ProcessPlan
from mistral_actions.servers.hosts import Hosts
from mistral_actions.services.nova import Nova

NOVA_COMPUTE = "nova-compute"


def _process(value: Any) -> str:
    process = inputs.text(value)
    return NOVA_COMPUTE if process.lower() == NOVA_COMPUTE else process


# Inputs of `recovery.process.recover` that an operator may set once, in the Mistral environment
# `recovery`. `disable_timeout` is Masakari's wait_period_after_service_update.
OPTIONS = {
    "disable_timeout": Option(inputs.whole_number(1, 86400), 180),
    "disable_reason": Option(inputs.text, "Recovery: nova-compute failed."),
}
PROCESS = {"process": Option(_process, NOVA_COMPUTE)}  # said each time, never a setting


class PlanProcessRecovery(RecoveryAction):
    """Look at the service of a failed process and decide what is to be done; writes nothing.

    :param host: the host, by any of its names.
    :param process: the process that failed; null: nova-compute.
    :param dry_run: only report what would happen.
    :param options: the other inputs of the workflow, null where nothing was given.
    :param settings: the Mistral environment `recovery`.
    :returns: the plan: host, service, options and a report. `go_on` is false if there is nothing
        (more) to do.
    Errors: BAD_INPUT, UNKNOWN_HOST, FORBIDDEN. Nova: lists services.
    """

    def __init__(
        self,
        host: Any,
        process: Any = None,
        dry_run: Any = None,
        options: Any = None,
        settings: Any = None,
    ) -> None:
        self.host = host
        self.process = process
        self.dry_run = dry_run
        self.options = options or {}
        self.settings = settings or {}

    def act(self, nova: Nova) -> ProcessPlan:
        """Return the plan."""
        host = inputs.required(self.host, "host", inputs.host_name)
        process = inputs.merge(PROCESS, {"process": self.process}, {})["process"]
        dry_run = inputs.merge(inputs.DRY_RUN, {"dry_run": self.dry_run}, {})["dry_run"]
        options = inputs.merge(OPTIONS, self.options, self.settings)
        if process == NOVA_COMPUTE:  # the host of another one need not be known to Nova
            service = Hosts(nova).named(host)
            host = service["host"]
        details = {"host": host, "process": process, "dry_run": dry_run, "servers": []}
        text = f"{NOVA_COMPUTE} on {host} has failed and is to be disabled."
        told = report("FAILED", "NOT_ENDED", text, details)
        plan: ProcessPlan = {"host": host, "options": options, "go_on": False, "report": told}
        if process != NOVA_COMPUTE:
            text = (
                f"{process} on {host} is left alone: of the processes only nova-compute is"
                " recovered. Nothing was changed."
            )
            return {**plan, "report": report("SKIPPED", "NOT_NOVA_COMPUTE", text, details)}
        if service["status"] == "disabled":
            why = service.get("disabled_reason") or "none was given"
            text = f"{NOVA_COMPUTE} on {host} is disabled already, reason: {why}"
            return {**plan, "report": report("SKIPPED", "ALREADY_DISABLED", text, details)}
        if dry_run:
            text = f"Would disable {NOVA_COMPUTE} on {host}, which Nova shows {service['state']}."
            told = report("SUCCEEDED", "DRY_RUN", text, details)
        return {**plan, "service": service["id"], "go_on": not dry_run, "report": told}


class CheckHostDisabled(RecoveryStep[ProcessPlan]):
    """See whether Nova shows the compute service disabled; polled.

    :param plan: the plan of the recovery.
    :returns: `finished`, and the report.
    Nova: looks up the service.
    """

    def act(self, nova: Nova) -> dict[str, Any]:
        """Return `finished`, true when it is disabled."""
        host, details = self.plan["host"], self.plan["report"]["details"]
        status = nova.compute_service(host)["status"]
        now = f"Nova shows {NOVA_COMPUTE} on {host} {status}"
        if status != "disabled":
            late = f"{NOVA_COMPUTE} on {host} was not disabled in time: {now}."
            told = report("FAILED", "TIMED_OUT", late, details)
            return {"finished": False, "message": now, "report": told}
        text = (
            f"{NOVA_COMPUTE} on {host} is disabled: nothing new is placed there, and its servers"
            " were left as they are. When it works again: `openstack compute service set --enable"
            f" {host} {NOVA_COMPUTE}`."
        )
        told = report("SUCCEEDED", "RECOVERED", text, details)
        return {"finished": True, "message": now, "report": told}
