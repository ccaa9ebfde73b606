"""A task for the recovery methods: an ordinary Mistral action, with an option of its own."""

from typing import Any

from mistral_lib import actions
from oslo_config import cfg

GROUP = "night_watch"
OPTIONS = [
    cfg.IntOpt(
        "tolerated_servers",
        default=0,
        min=0,
        help="With up to this many servers of a host not brought up, the night watch sleeps on.",
    ),
]

# Mistral has read mistral.conf when it imports its actions: registering is enough.
cfg.CONF.register_opts(OPTIONS, group=GROUP)

# What a line of the report says of a server that needs nobody: brought up, or left out on purpose.
_DONE = {"MOVED", "RECOVERED", "SKIPPED"}


def list_options() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by their section, for oslo-config-generator."""
    return [(GROUP, OPTIONS)]


class ConfirmServers(actions.Action):
    """Confirm that the servers of a recovery are up; fail if more are not than is tolerated.

    :param servers: the servers that the recovery selected (`id` and `name` of each).
    :param report: what the recovery says so far; `details.servers` has a line for each server.
    :returns: `servers`: how many there were, `missing`: the names of those that are not up, and
        how many `tolerated` in mistral.conf, [night_watch] tolerated_servers.
    """

    # The names of the arguments are the contract: a recovery hands over what it has under these
    # names. What Mistral needs on the executor is kept as attributes; nothing is done here yet.
    def __init__(self, servers: list[dict[str, Any]], report: dict[str, Any]) -> None:
        self.servers = servers
        self.report = report

    def run(self, context: Any) -> Any:
        """Return the counts, or an error; an error is returned and never raised."""
        lines = (self.report.get("details") or {}).get("servers") or []
        done = {line["id"] for line in lines if line["state"] in _DONE}
        missing = [server["name"] for server in self.servers if server["id"] not in done]
        tolerated = cfg.CONF[GROUP].tolerated_servers
        counts = {"servers": len(self.servers), "missing": missing, "tolerated": tolerated}
        if len(missing) <= tolerated:
            return counts
        names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        # With these four keys an error reaches the operator as it is: reason and one sentence.
        return actions.Result(
            error={
                "state": "FAILED",
                "reason": "SERVERS_MISSING",
                "message": f"{len(missing)} of {len(self.servers)} servers are not up, and"
                f" {tolerated} are tolerated: {names}.",
                "details": counts,
            }
        )
