"""Compute hosts: those that Nova knows, and those to which a server can be moved."""

from typing import Any

from mistral_actions import inputs
from mistral_actions.errors import BadInput, Refused
from mistral_actions.services.nova import Nova
from mistral_actions.services.records import Record


def known_hosts(nova: Nova, *names: str) -> dict[str, Record]:
    """Return the compute services by the names of their hosts.

    :raises BadInput: there is none on one of these hosts.
    """
    known = {service["host"]: service for service in nova.compute_services()}
    for name in names:
        if name not in known:
            near = inputs.nearest(name, known) or "."
            raise BadInput(
                f"Nova has no compute service on a host {name!r}{near}"
                " `openstack compute service list` shows the names.",
                "UNKNOWN_HOST",
            )
    return known


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


def silence(nova: Nova, service: dict[str, Any]) -> tuple[float, str]:
    """Return the seconds since the last heartbeat of a host that Nova shows up, and a sentence."""
    seconds = (nova.now - inputs.time(service["updated_at"])).total_seconds()
    now = f"Nova shows {service['host']} up; its last heartbeat was {int(seconds)} s ago"
    return seconds, now
