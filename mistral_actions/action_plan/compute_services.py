"""Actions of a plan about compute hosts: enable and disable their nova-compute."""

from typing import Any

from mistral_actions import inputs
from mistral_actions.action_plan.steps import Check, Step
from mistral_actions.errors import Refused
from mistral_actions.services.nova import Nova

# Watcher has had all of these words for the same
STATUS = {
    **dict.fromkeys(("enabled", "online", "up"), "enabled"),
    **dict.fromkeys(("disabled", "offline", "down"), "disabled"),
}


def service_of(nova: Nova, name: str) -> dict[str, Any] | None:
    """Return the compute service of a host; None if there is none.

    :param name: of the host, or the name or id of its hypervisor: plans name any of them.
    """
    services = {service["host"]: service for service in nova.compute_services()}
    if name in services:
        return services[name]
    for hypervisor in nova.hypervisors():
        if name in (hypervisor["hypervisor_hostname"], str(hypervisor["id"])):
            return services.get(hypervisor["service"]["host"])
    return None


def destination(nova: Nova, name: str) -> str:
    """Return the host that a plan names as a destination.

    :raises Refused: UNKNOWN_HOST, HOST_DISABLED or HOST_DOWN.
    """
    service = service_of(nova, name)
    if service is None:
        raise Refused(
            f"Nova has no compute service on the destination {name!r}. `openstack compute service"
            " list` shows the names. Nothing was changed.",
            "UNKNOWN_HOST",
        )
    if service["status"] != "enabled":
        why = service.get("disabled_reason") or "none was given"
        text = f"The destination {name} is disabled, reason: {why}. Nothing was changed."
        raise Refused(text, "HOST_DISABLED")
    if service["state"] != "up":
        raise Refused(f"The destination {name} is down. Nothing was changed.", "HOST_DOWN")
    return str(service["host"])


class CheckServiceState(Check):
    """See whether a compute service is to be enabled or disabled; writes nothing.

    Parameters: `resource_name` (the host) or `resource_id` (its hypervisor), `state` (enabled or
    online, disabled or offline), `disabled_reason`. Undo: its former state.
    Nova: lists services, and hypervisors if it is none of their hosts.
    """

    _type = "change_nova_service_state"

    def act(self, nova: Nova) -> dict[str, Any]:
        """Return what is to be done."""
        by = "resource_name" if inputs.bare(self._given("resource_name")) else "resource_id"
        name = self._parameter(by, inputs.host_name)
        status = STATUS[self._parameter("state", inputs.choice(*STATUS))]
        default = f"Action {self.action} of an action plan."
        reason = self._optional("disabled_reason", inputs.text) or default
        service = service_of(nova, name)
        if service is None:
            return self._ended("SKIPPED", "GONE", f"Nova has no compute service on {name!r}.")
        host, was = service["host"], service["status"]
        self._resource = {"id": service["id"], "name": host}
        if was == status:
            return self._ended("SKIPPED", "NOTHING_TO_DO", f"nova-compute on {host} is {was}.")
        undo = {"resource_name": host, "state": was}
        if service.get("disabled_reason"):
            undo["disabled_reason"] = service["disabled_reason"]
        return self._todo(undo, status=status, reason=reason)


class SetServiceState(Step):
    """Enable or disable a compute service; doing so twice is harmless.

    :param todo: what the check has found.
    Errors: FORBIDDEN, NOT_FOUND. Nova: looks up the service; `PUT /os-services/{id}`.
    """

    def act(self, nova: Nova) -> dict[str, Any]:
        """Return the report."""
        status = self.todo["status"]
        if nova.compute_service(self._name)["status"] != status:
            doing = f"setting nova-compute on {self._name} {status}"
            if status == "disabled":
                nova.disable_service(self._id, doing, self.todo["reason"])
            else:
                nova.update_service(self._id, doing, status=status)
        return self._succeeded(f"nova-compute on {self._name} is {status}.")
