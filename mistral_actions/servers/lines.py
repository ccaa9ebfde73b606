"""The lines about servers in the `details` of a report."""

from typing import Any

from mistral_actions.recovery_plan import Server, ServerLine


def server_line(
    host: str | None, server: Server, state: str, why: str | tuple[str, str], to: Any = None
) -> ServerLine:
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


def count(servers: int) -> str:
    """Return `1 server` or `N servers`."""
    return f"{servers} server{'' if servers == 1 else 's'}"
