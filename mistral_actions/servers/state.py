"""Questions about a server that Nova has shown: is it busy, deleted, locked by us; where is it."""

from typing import Any

from oslo_utils import strutils

from mistral_actions import inputs
from mistral_actions.errors import Forbidden

LOCK_REASON = "Recovery of host {host}"  # marks a lock of ours in Nova


def busy(server: dict[str, Any]) -> str:
    """Return what Nova shows of a server that it is busy with; empty if it is not."""
    state, task = server["OS-EXT-STS:vm_state"], server["OS-EXT-STS:task_state"]
    return f"Nova shows {server['name']} {state}, {task}" if task else ""


def never_ran(server: dict[str, Any]) -> bool:
    """Say whether a server is still being built, or its build has failed."""
    launched = server.get("OS-SRV-USG:launched_at", "hidden from the caller")
    return server["OS-EXT-STS:vm_state"] == "building" or launched is None


def is_deleted(server: dict[str, Any]) -> bool:
    """Say whether a server is deleted, or about to be."""
    deleted = server["OS-EXT-STS:vm_state"] in ("deleted", "soft-delete")
    return deleted or server["OS-EXT-STS:task_state"] == "deleting"


def host_of(server: dict[str, Any]) -> str:
    """Return the host of a server.

    :raises Forbidden: Nova does not show it to this caller.
    """
    if host := server.get("OS-EXT-SRV-ATTR:host"):
        return str(host)
    raise Forbidden(
        f"Nova does not show on which host {server['name']} is: this needs the rights of a Nova"
        " administrator, and a server that is on a host."
    )


def has_key(server: dict[str, Any], key: str) -> bool:
    """Say whether the server's metadata has the HA key, with what Masakari takes for true."""
    return bool(strutils.bool_from_string(inputs.bare(server["metadata"].get(key))))


def lacks_key(server: dict[str, Any], key: str) -> str:
    """Return why a server does not count as one with the HA key, as a clause."""
    value = server["metadata"].get(key)
    return f"it has no metadata {key}=True" + (f", but {value[:40]!r}" if value else "")


def is_our_lock(server: dict[str, Any], host: str = "") -> bool:
    """Say whether a recovery (of this host, if one is named) has locked the server."""
    reason, ours = server.get("locked_reason") or "", LOCK_REASON.format(host=host)
    return reason == ours if host else reason.startswith(ours)
