"""Which servers of a failed host are evacuated, in which order, and what each one was before.

What a server was cannot be read back from Nova once a first evacuation failed, because that
puts it into ERROR; so the selection is made once and recorded in the execution, and a later
recovery learns from the records of the earlier ones.
"""

import fnmatch
from typing import Any

from mistral_actions import inputs
from mistral_actions.nova import Nova

LOCK_REASON = "Recovery of host {host}"  # marks a lock of ours in Nova
NEVER = {"deleted", "soft-delete", "shelved_offloaded"}  # these have nothing on the host
EVACUABLE = {"active", "stopped", "error"}  # what Nova evacuates; others go through `error`
OFF = {"stopped", "suspended", "shelved"}  # powered off before: stays off
SHUTDOWN = 4  # power_state
FAILED = {"error", "failed", "cancelled"}  # states of a migration record
_ENDED = FAILED | {"done", "completed", "confirmed", "reverted"}


def rules(value: Any) -> list[str]:
    """Parse rules of servers to leave out: `name=amphora-*, project=ID, metadata.KEY=VALUE`."""
    found = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if isinstance(found, list) and all(
        isinstance(rule, str) and rule.partition("=")[2] and _field(rule) for rule in found
    ):
        return found
    raise ValueError("rules like name=amphora-*, project=ID or metadata.KEY=VALUE, comma separated")


def _field(rule: str) -> str | None:
    field = rule.partition("=")[0]
    return field if field in ("name", "project") or field.startswith("metadata.") else None


def _matches(rule: str, server: dict[str, Any]) -> bool:
    field, _, pattern = rule.partition("=")
    if field == "name":
        value = server["name"]
    elif field == "project":
        value = server["tenant_id"]
    else:
        value = server["metadata"].get(field.removeprefix("metadata."), "")
    return fnmatch.fnmatchcase(value, pattern)


def select(
    nova: Nova, host: str, options: dict[str, Any], plans: list[dict[str, Any]]
) -> dict[str, Any]:
    """Look at Nova and choose.

    :param plans: what earlier recoveries of this host had found, newest first.
    :returns: `servers` in the order of their evacuation, `left_out` as lines of the report,
        `tried_before`: id of the newest migration record, `adopted`: ids of those that still
        run, and `since`: Nova's time now.
    """
    records = nova.evacuations(host)
    since = nova.now.isoformat()
    servers, left_out = [], []
    for server in sorted(nova.servers_on(host), key=lambda s: (s["created"], s["id"])):
        one = _describe(server, options, records, plans)
        if why := _why_not(server, one, options):
            left_out.append(line(host, one, "SKIPPED", why))
        else:
            servers.append(one)
    servers.sort(key=lambda one: not one["ha"])  # stable: HA first
    servers += _left_unfinished(nova, host, records, plans)
    return {
        "servers": servers,
        "left_out": left_out,
        "tried_before": max((int(record["id"]) for record in records), default=0),
        "adopted": [record["id"] for record in records if record["status"] not in _ENDED],
        "since": since,
    }


def _describe(
    server: dict[str, Any],
    options: dict[str, Any],
    records: list[dict[str, Any]],
    plans: list[dict[str, Any]],
) -> dict[str, Any]:
    state = server["OS-EXT-STS:vm_state"]
    ha = inputs.bare(server["metadata"].get(options["ha_metadata_key"]))
    mine = [record for record in records if record["instance_uuid"] == server["id"]]
    return {
        "id": server["id"],
        "name": server["name"],
        "was": _former_state(server, mine, plans),
        "ha": str(ha).lower() in ("true", "yes", "1"),
        "locked": bool(server["locked"]) and not is_our_lock(server),
        # Nova evacuates only from these states and when nothing else is under way
        "reset": state not in EVACUABLE
        or (server["OS-EXT-STS:task_state"] is not None and not _running(mine)),
        "dirty": state == "error",  # it lands ACTIVE, whatever it was: to be restored
    }


def _former_state(
    server: dict[str, Any], records: list[dict[str, Any]], plans: list[dict[str, Any]]
) -> str:
    """Return active, stopped or error: what the server shall be after its evacuation."""
    state = server["OS-EXT-STS:vm_state"]
    if state == "error" and records and records[-1]["status"] in FAILED:
        # An evacuation failed, that is why it is in error. What was it before?
        for plan in plans:
            for known in plan["servers"]:
                if known["id"] == server["id"] and plan["tried_before"] < int(records[-1]["id"]):
                    return str(known["was"])
        off = server["OS-EXT-STS:power_state"] == SHUTDOWN
        return "stopped" if off else "active"
    if state == "error":
        return "error"
    return "stopped" if state in OFF else "active"


def _why_not(
    server: dict[str, Any], one: dict[str, Any], options: dict[str, Any]
) -> tuple[str, str] | None:
    if server["OS-EXT-STS:vm_state"] in NEVER or server["OS-EXT-STS:task_state"] == "deleting":
        return "DELETED", "it is deleted, or being deleted"
    for rule in options["leave_out"]:
        if _matches(rule, server):
            return "LEFT_OUT", f"rule {rule}"
    if one["was"] == "error" and options["ignore_error_servers"]:
        return "IN_ERROR", "it was in error before, and ignore_error_servers is set"
    if not one["ha"] and not options["evacuate_all"]:
        return "NOT_HA", f"it has no metadata {options['ha_metadata_key']}=True"
    return None


def _left_unfinished(
    nova: Nova, host: str, records: list[dict[str, Any]], plans: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return servers that an earlier recovery moved and had no time to restore and unlock."""
    moved = {record["instance_uuid"] for record in records if record["status"] == "done"}
    if not plans or not moved:
        return []
    marked = {
        server["id"]
        for server in nova.locked_servers()
        if is_our_lock(server) and server["id"] in moved and server["OS-EXT-SRV-ATTR:host"] != host
    }
    found = {}
    for plan in reversed(plans):  # the newest that knows a server wins
        found.update({one["id"]: one for one in plan["servers"] if one["id"] in marked})
    return [{**one, "moved": True} for one in found.values()]


def is_our_lock(server: dict[str, Any]) -> bool:
    """Say whether a recovery has locked the server, and not its user."""
    return (server.get("locked_reason") or "").startswith(LOCK_REASON.format(host=""))


def _running(records: list[dict[str, Any]]) -> bool:
    return bool(records) and records[-1]["status"] not in _ENDED


def line(
    host: str, server: dict[str, Any], state: str, why: str | tuple[str, str], to: Any = None
) -> dict[str, Any]:
    """Return a server's line in the report.

    :param state: PENDING, RUNNING, MOVED, SKIPPED or FAILED.
    :param why: the reason code, or code and sentence.
    :param to: the host it is on now.
    """
    code, message = (why, "") if isinstance(why, str) else why
    return {
        "id": server["id"],
        "name": server["name"],
        "from": host,
        "to": to,
        "was": server["was"],
        "state": state,
        "reason": code,
        "message": message,
    }
