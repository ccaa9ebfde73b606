"""Mistral's engine, for actions that start or stop executions."""

from typing import Any


def engine() -> Any:
    """Return the client of the engine; it has the rights of whoever started the workflow."""
    from mistral.rpc import clients  # the drivers import this package, too, without Mistral

    return clients.get_engine_client()
