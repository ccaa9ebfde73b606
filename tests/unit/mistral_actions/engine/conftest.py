"""The functions of the engine without the engine."""

import pytest

from mistral_actions.engine import callers
from tests.unit.mistral_actions.fake_executions import FakeExecution


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch):
    """Mistral itself is loaded by the tests that are about it only."""
    monkeypatch.setattr(callers, "_internals", lambda: None)


@pytest.fixture
def mistral(monkeypatch):
    """Mistral's database with one execution, which runs."""
    found = FakeExecution()
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: found)
    return found
