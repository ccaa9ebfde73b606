"""Which servers of a failed host are evacuated, in which order, and what each one was before.

What a server was cannot be read back from Nova once a first evacuation failed, because that
puts it into ERROR; so the selection is made once and recorded in the execution, and a later
recovery learns from the records of the earlier ones.
"""

import datetime
import fnmatch
from typing import Any

from mistral_actions import inputs
from mistral_actions.recovery_plan import HostPlan, Options, Selection, ServerBefore
from mistral_actions.servers.lines import server_line
from mistral_actions.servers.state import has_key, is_our_lock, lacks_key, never_ran
from mistral_actions.services.nova import Nova
from mistral_actions.services.records import Record

NOT_THERE = {"deleted", "soft-delete", "shelved_offloaded"}  # these have nothing on the host
KEPT = {"active", "stopped"}  # what an evacuation keeps at our microversion
OFF = {"stopped", "suspended", "shelved"}  # powered off before: stays off
SHUTDOWN = 4  # power_state
FAILED = {"error", "failed", "cancelled"}  # states of a migration record
_ENDED = FAILED | {"done", "completed", "confirmed", "reverted"}


def rules(value: Any) -> list[str]:
    """Parse rules of servers to leave out: `name=amphora-*, project=ID, metadata.KEY=VALUE`."""
    found = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    wrong = [rule for rule in found if not _is_rule(rule)] if isinstance(found, list) else [value]
    if not wrong:
        return list(found)
    which = f"; {str(wrong[0])[:80]!r} is none (a ? stands for any character, a comma too)"
    raise ValueError(
        "rules like name=amphora-*, project=ID or metadata.KEY=VALUE, comma separated"
        + (which if wrong[0] != value else "")
    )


def _is_rule(rule: Any) -> bool:
    return isinstance(rule, str) and bool(rule.partition("=")[2] and _field(rule))


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
        value = server["metadata"].get(field.removeprefix("metadata."))
    # only * and ? stand for other characters: a server may be called web[1]
    return value is not None and fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def select(nova: Nova, host: str, options: Options, plans: list[HostPlan]) -> Selection:
    """Look at Nova and choose.

    :param plans: what earlier recoveries of this host had found, newest first.
    """
    seen = sorted(nova.servers_on(host), key=lambda server: (server["created"], server["id"]))
    records = nova.evacuations(host)  # after the servers, so that none is seen without its record
    since = nova.now.isoformat()
    servers, left_out = [], []
    for server in seen:
        one = _describe(server, options, records, plans)
        if why := _why_not(server, one, options):
            left_out.append(server_line(host, one, "SKIPPED", why))
        else:
            servers.append(one)
    servers.sort(key=lambda one: not one["ha"])  # stable: HA first
    servers += _left_unfinished(nova, host, records, plans)
    return {
        "servers": servers,
        "left_out": left_out,
        "tried_before": max((int(record["id"]) for record in records), default=0),
        "adopted": [
            record["id"]
            for record in records
            if _under_way(record, seen, nova.now, options["evacuation_timeout"])
        ],
        "since": since,
    }


def _describe(
    server: dict[str, Any],
    options: Options,
    records: list[Record],
    plans: list[HostPlan],
) -> ServerBefore:
    state = server["OS-EXT-STS:vm_state"]
    mine = [record for record in records if record["instance_uuid"] == server["id"]]
    return {
        "id": server["id"],
        "name": server["name"],
        "was": _former_state(server, mine, plans),
        "ha": has_key(server, options["ha_metadata_key"]),
        "locked": bool(server["locked"]) and not is_our_lock(server),
        # Nova takes it only through ERROR, from where all servers land ACTIVE: to be restored
        "dirty": state not in KEPT or server["OS-EXT-STS:task_state"] is not None,
    }


def _former_state(server: dict[str, Any], records: list[Record], plans: list[HostPlan]) -> str:
    """Return active, stopped or error: what the server shall be after its evacuation."""
    state = server["OS-EXT-STS:vm_state"]
    if state == "error":
        done = max((int(r["id"]) for r in records if r["status"] == "done"), default=0)
        failed = [int(r["id"]) for r in records if r["status"] in FAILED and int(r["id"]) > done]
        # A failed evacuation or our own reset put it into error. What was it before?
        for plan in plans:
            before = plan["tried_before"]
            for known in plan["servers"]:
                ours = known["dirty"] and plan["go_on"] and done <= before
                if known["id"] == server["id"] and (ours or (failed and before < failed[-1])):
                    return str(known["was"])
        if not failed:
            return "error"
        return "stopped" if server["OS-EXT-STS:power_state"] == SHUTDOWN else "active"
    return "stopped" if state in OFF else "active"


def _why_not(server: dict[str, Any], one: ServerBefore, options: Options) -> tuple[str, str] | None:
    if server["OS-EXT-STS:vm_state"] in NOT_THERE or server["OS-EXT-STS:task_state"] == "deleting":
        return "DELETED", "it is deleted, or being deleted"
    if never_ran(server):
        why = "it was still being built, and has never run: delete it and boot it anew"
        return "NEVER_RAN", why
    for rule in options["leave_out"]:
        if _matches(rule, server):
            return "LEFT_OUT", f"rule {rule}"
    if one["was"] == "error" and options["ignore_error_servers"]:
        return "IN_ERROR", "it was in error before, and ignore_error_servers is set"
    if not one["ha"] and not options["evacuate_all"]:
        return "NOT_HA", lacks_key(server, options["ha_metadata_key"])
    return None


def _left_unfinished(
    nova: Nova, host: str, records: list[Record], plans: list[HostPlan]
) -> list[ServerBefore]:
    """Return servers that an earlier recovery moved and had no time to restore and unlock."""
    moved = {record["instance_uuid"] for record in records if record["status"] == "done"}
    if not plans or not moved:
        return []
    marked = _marked(nova, host, moved) or _marked(nova, host, moved)  # none is no proof, see Nova
    found: dict[str, ServerBefore] = {}
    for plan in reversed(plans):  # the newest that knows a server wins
        found.update({one["id"]: one for one in plan["servers"] if one["id"] in marked})
    return [{**one, "moved": True} for one in found.values()]


def _marked(nova: Nova, host: str, moved: set[str]) -> set[str]:
    """Return those of these servers that are elsewhere and have the lock of this host's recovery.

    :raises Unavailable: the cell of the host, which is theirs, does not answer.
    """
    found = {
        server["id"]
        for server in nova.locked_servers()
        if is_our_lock(server, host)
        and server["id"] in moved
        and server["OS-EXT-SRV-ATTR:host"] != host
    }
    if not found:
        nova.compute_service(host)["state"]
    return found


def _under_way(
    record: dict[str, Any], seen: list[Record], now: datetime.datetime, patience: int
) -> bool:
    """Say whether an evacuation still runs: the record of one whose conductor died stays open."""
    if record["status"] in _ENDED:
        return False
    tasks = {server["id"]: server["OS-EXT-STS:task_state"] or "" for server in seen}
    age = (now - inputs.time(record["created_at"])).total_seconds()
    return tasks.get(record["instance_uuid"], "").startswith("rebuild") or age <= patience
