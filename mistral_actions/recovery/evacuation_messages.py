"""How the evacuation of a host ended, as a sentence."""

from collections import Counter
from collections.abc import Collection

from mistral_actions.recovery_plan import ServerLine
from mistral_actions.servers.lines import count


def success_message(host: str, lines: Collection[ServerLine]) -> str:
    """Say how many servers were moved, and where to."""
    to = Counter(line["to"] for line in lines if line["state"] == "MOVED")
    where = ", ".join(f"{n} to {target}" for target, n in sorted(to.items(), key=str))
    return f"{count(sum(to.values()))} evacuated from {host}: {where or 'none'}."


def failure_message(host: str, destination: str | None, lines: Collection[ServerLine]) -> str:
    """Say how many servers could not be moved, and of the first three, why."""
    failed = [line for line in lines if line["state"] == "FAILED"]
    goal = f" to {destination}" if destination else ""
    some = "; ".join(
        f"{line['name']} ({line['reason']}: {line['message'] or 'Nova gives no fault'})"
        for line in failed[:3]
    )
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    forgotten = ""
    if any(line["reason"] == "TIMED_OUT" for line in failed):
        forgotten = (
            f" If Nova no longer works on what is TIMED_OUT: `openstack recovery host {host}"
            " --reset-stuck` begins anew with it."
        )
    return (
        f"{len(failed)} of {len(lines)} servers could not be evacuated from {host}{goal}:"
        f" {some}{more}.{forgotten}"
    )
