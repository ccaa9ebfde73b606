"""Fixtures of the tests of `recovery.node`."""

import pytest

from tests.unit.mistral_actions.fake_nodes import FakeNodes


@pytest.fixture
def nova():
    return FakeNodes()
