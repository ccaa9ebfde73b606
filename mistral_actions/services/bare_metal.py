"""The calls of the Ironic API that the pack needs."""

from typing import Any

from mistral_actions.services.records import Record
from mistral_actions.services.service import Service
from mistral_actions.services.session import client_of


class BareMetal(Service):
    """Ironic with the rights of one caller.

    :param adapter: a keystoneauth adapter for the service type `baremetal`, version 1.
    """

    _microversion = "1.58"  # the newest of Train

    def node(self, node_id: str) -> Record:
        """Return a node. `GET /nodes/{id}`."""
        shown = self._get(f"looking up node {node_id}", f"/nodes/{node_id}")
        return Record(shown, "node")

    def set_power(self, node_id: str, target: str) -> None:
        """Ask for a power state. `PUT /nodes/{id}/states/power`; asking twice is harmless.

        :param target: `power on` or `power off`.
        """
        path = f"/nodes/{node_id}/states/power"
        self._call(f"asking node {node_id} to {target}", "PUT", path, json={"target": target})


def bare_metal_of(context: Any) -> BareMetal:
    """Return Ironic with the rights of whoever started the workflow."""
    return client_of(context, BareMetal, "baremetal", "1")
