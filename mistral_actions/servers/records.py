"""What Nova has recorded of a server: what was done with it, and its migrations."""

from mistral_actions.services.nova import Nova


def newest_action(nova: Nova, server_id: str) -> str | None:
    """Return the request of what was done last with a server; None if nothing was."""
    done = nova.server_actions(server_id)
    return str(done[0]["request_id"]) if done else None


def newest_migration(nova: Nova, server_id: str) -> int:
    """Return the id of the newest migration record of a server; 0 if there is none.

    :raises Unavailable: there seems to be none, and the cell of the server does not answer.
    """
    records = nova.migrations(server_id)
    if not records:
        nova.server(server_id)
        records = nova.migrations(server_id)
    return int(records[-1]["id"]) if records else 0


def asked_since(nova: Nova, server_id: str, known: str | None, *actions: str) -> str | None:
    """Return the request that asked last for one of these actions; None: nobody did.

    :param known: the newest record that does not count, nor what is older.
    :param actions: as Nova records them: stop, start, rebuild, migrate, ...
    """
    for done in nova.server_actions(server_id):
        if done["request_id"] == known:
            return None
        if done["action"] in actions:
            return str(done["request_id"])
    return None
