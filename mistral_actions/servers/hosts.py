"""Compute hosts: what a name means, and which of them a server can be moved to."""

import functools
from collections.abc import Sequence

from mistral_actions import inputs
from mistral_actions.errors import Refused, Unavailable
from mistral_actions.services.nova import Nova, silent_hosts
from mistral_actions.services.records import SILENT_CELL, Record


class Hosts:
    """The compute hosts that Nova knows, by all their names.

    A host is what a compute service calls it; else what is the name of its hypervisor, or the id.
    Short names and other capitals are hints in a refusal, never taken for the name: two hosts may
    differ in nothing else.

    Nova: lists services; hypervisors if a name is none of a service; both again before it is said
    that there is no host of that name.
    """

    def __init__(self, nova: Nova) -> None:
        self._nova = nova
        self._services = self._look()
        self._asked_again = False

    def named(self, name: str) -> Record:
        """Return the compute service of the host that has this name.

        :raises Refused: UNKNOWN_HOST: there is none, or more than one.
        :raises Unavailable: it may be a host of which Nova shows too little at this moment.
        """
        return self.all_named([name])[0]

    def all_named(self, names: Sequence[str]) -> list[Record]:
        """Return the compute services of some hosts, in their order; errors as in `named`."""
        found = [self._of(name) for name in names]
        if not all(found) and not self._asked_again:  # a list may lack what lies in one cell
            self._services, self._asked_again = self._look(), True
            vars(self).pop("_hypervisors")
            found = [self._of(name) for name in names]
        if not all(found):
            raise self._unknown([name for name in names if not self._of(name)])
        for name, hosts in zip(names, found, strict=True):
            if len(hosts) > 1:
                several = " and ".join(sorted(hosts))
                text = f"{name!r} is the hypervisor of several hosts, {several}: name one of these."
                raise Refused(f"{text} Nothing was changed.", "UNKNOWN_HOST")
        return [self._services[hosts[0]] for hosts in found]

    def destination(self, name: str) -> str:
        """Return the host that a server can be moved to; errors as in `named`.

        :raises Refused: HOST_DISABLED or HOST_DOWN, too.
        """
        service = self.named(name)
        is_up = service["state"] == "up"  # first: of what Nova shows too little, nothing is said
        if service["status"] != "enabled":
            why = service.get("disabled_reason") or "none was given"
            text = f"The destination {name} is disabled, reason: {why}. Nothing was changed."
            raise Refused(text, "HOST_DISABLED")
        if not is_up:
            raise Refused(f"The destination {name} is down. Nothing was changed.", "HOST_DOWN")
        return str(service["host"])

    def _of(self, name: str) -> list[str]:
        """Return the hosts that have a name: none, one, or several by that of a hypervisor."""
        if name in self._services:
            return [name]
        for key in ("hypervisor_hostname", "id"):
            hosts = {one["service"]["host"] for one in self._hypervisors if str(one[key]) == name}
            if hosts := hosts & self._services.keys():
                return sorted(hosts)
        return []

    def _look(self) -> dict[str, Record]:
        return {service["host"]: service for service in self._nova.compute_services()}

    @functools.cached_property
    def _hypervisors(self) -> list[Record]:
        return self._nova.hypervisors()

    def _unknown(self, names: Sequence[str]) -> Refused | Unavailable:
        if silent := silent_hosts(self._services.values()):
            text = f"Failed looking for host {names[0]!r} in all cells: {SILENT_CELL}{silent}."
            return Unavailable(text)  # hypervisors are not listed of such a cell
        told = ", nor on ".join(f"{name!r}{self._hint(name)}" for name in names)
        return Refused(
            f"Nova has no compute service on a host {told}. `openstack compute service list` shows"
            " the names. Nothing was changed.",
            "UNKNOWN_HOST",
        )

    def _hint(self, name: str) -> str:
        others = [one["hypervisor_hostname"] for one in self._hypervisors]
        meant = inputs.nearest(name, self._services) or inputs.nearest(name, others)
        return f" ({meant.removeprefix('; ')})" if meant else ""


def silence(nova: Nova, service: Record) -> tuple[float, str]:
    """Return the seconds since the last heartbeat of a host that Nova shows up, and a sentence."""
    seconds = (nova.now - inputs.time(service["updated_at"])).total_seconds()
    now = f"Nova shows {service['host']} up; its last heartbeat was {int(seconds)} s ago"
    return seconds, now
