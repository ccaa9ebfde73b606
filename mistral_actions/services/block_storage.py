"""The calls of the Cinder API that the pack needs."""

from typing import Any

from mistral_actions.services.records import Record
from mistral_actions.services.service import Service
from mistral_actions.services.session import client_of


class BlockStorage(Service):
    """Cinder with the rights of one caller.

    :param adapter: a keystoneauth adapter for the service type `block-storage`, version 3.
    """

    _microversion = "3.59"  # the newest of Train

    def volume(self, volume_id: str) -> Record:
        """Return a volume. `GET /volumes/{id}`."""
        return self._one(f"looking up volume {volume_id}", f"/volumes/{volume_id}", "volume")

    def pools(self) -> list[str]:
        """Return the names of all pools. `GET /scheduler-stats/get_pools`."""
        pools = self._all("listing storage pools", "/scheduler-stats/get_pools", "pools", {})
        return [str(pool["name"]) for pool in pools]

    def types(self) -> list[Record]:
        """Return all volume types, public or not. `GET /types?is_public=None`."""
        return self._all("listing volume types", "/types", "volume_types", {"is_public": "None"})

    def act(self, volume_id: str, doing: str, action: dict[str, Any]) -> None:
        """Ask a volume to do something. `POST /volumes/{id}/action`; sent once."""
        self._call(doing, "POST", f"/volumes/{volume_id}/action", tries=0, json=action)


def block_storage_of(context: Any) -> BlockStorage:
    """Return Cinder with the rights of whoever started the workflow."""
    return client_of(context, BlockStorage, "block-storage", "3")
