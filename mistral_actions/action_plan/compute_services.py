"""Actions of a plan about compute hosts: enable and disable their nova-compute."""

from typing import Any

from mistral_actions import inputs
from mistral_actions.action_plan.checks import ActionCheck
from mistral_actions.servers.hosts import Hosts
from mistral_actions.services.nova import Nova
from mistral_actions.steps import PolledStep, Todo

# Watcher has had all of these words for the same
STATUS = {
    **dict.fromkeys(("enabled", "online", "up"), "enabled"),
    **dict.fromkeys(("disabled", "offline", "down"), "disabled"),
}


class ServiceTodo(Todo):
    """A change of a compute service; `reason` is that of a disable."""

    status: str
    reason: str


class CheckServiceState(ActionCheck):
    """See whether a compute service is to be enabled or disabled; writes nothing.

    Parameters: `resource_name` (the host) or `resource_id` (its hypervisor), `state` (enabled or
    online, disabled or offline), `disabled_reason`. Undo: its former state.
    Nova: lists services, and hypervisors if it is none of their hosts.
    """

    _type = "change_nova_service_state"

    def act(self, nova: Nova) -> ServiceTodo | dict[str, Any]:
        """Return what is to be done."""
        by = "resource_name" if inputs.bare(self._given("resource_name")) else "resource_id"
        name = self._parameter(by, inputs.host_name)
        status = STATUS[self._parameter("state", inputs.choice(*STATUS))]
        default = f"Action {self.action} of an action plan."
        reason = self._words("disabled_reason", inputs.reason) or default
        service = Hosts(nova).named(name)
        host, was = service["host"], service["status"]
        self._resource = {"id": service["id"], "name": host}
        if was == status:
            return self._ended("SKIPPED", "NOTHING_TO_DO", f"nova-compute on {host} is {was}.")
        undo = {"resource_name": host, "state": was}
        if service.get("disabled_reason"):
            undo["disabled_reason"] = service["disabled_reason"]
        return {**self._todo(undo), "status": status, "reason": reason}


class SetServiceState(PolledStep[ServiceTodo]):
    """Enable or disable a compute service; doing so twice is harmless.

    :param todo: what the check has found.
    :param alone: false while another run of this step is at work: then this one does nothing.
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
