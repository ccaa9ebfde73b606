"""Settings and fixtures of the unit tests of the actions."""

import socket

import hypothesis
import pytest

from mistral_actions.engine import internals
from tests.unit.mistral_actions import stub_openstack
from tests.unit.mistral_actions.fake_nova import FakeNova

# A failure prints a blob with which it comes again; time limits say nothing on a busy machine.
hypothesis.settings.register_profile("pack", deadline=None, print_blob=True, max_examples=100)
hypothesis.settings.load_profile("pack")


@pytest.fixture(autouse=True)
def _known_mistral(monkeypatch):
    """Mistral itself is looked at by tests/workbooks/test_internals.py, and not loaded here."""
    monkeypatch.setattr(internals, "problem", lambda: None)


@pytest.fixture
def nova():
    """A cloud of three hosts, of which compute1 is dead."""
    return FakeNova()


@pytest.fixture
def openstack():
    """A Keystone and a Nova that speak HTTP."""
    with stub_openstack.running() as stub:
        yield stub


@pytest.fixture
def no_waiting(monkeypatch):
    """Return the delays between tries, in seconds, that would have been waited."""
    delays = []
    monkeypatch.setattr("keystoneauth1.session.time.sleep", delays.append)
    return delays


@pytest.fixture
def free_port():
    """Return a port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
