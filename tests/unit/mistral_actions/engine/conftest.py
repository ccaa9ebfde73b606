"""The functions of the engine without the engine."""

import pytest

from mistral_actions.engine import callers


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch):
    """Mistral itself is loaded by the tests that are about it only."""
    monkeypatch.setattr(callers, "_internals", lambda: None)
