"""The buttons of an execution: a recovery is paused, resumed and given up."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.functional.support import Cloud, wait_for
from tests.functional.test_pause import SLOW, paused_evacuation
from tests.horizon.browser import LIMIT, Person


@pytest.fixture(autouse=True)
def faults(cloud: Cloud) -> Iterator[None]:
    """None is left behind, however a test ends: all share one lab."""
    yield
    cloud.lab.set_faults({})


def test_pause_stops_a_recovery_and_resume_brings_it_to_its_end(
    admin: Person, cloud: Cloud
) -> None:
    servers, started = _started_slowly(admin, cloud, "compute5")
    admin.press(started, "Pause Execution")
    admin.go("/mistral/executions/")
    expect(admin.row(started)).to_contain_text("Paused", timeout=LIMIT * 1000)
    cloud.lab.set_faults({})
    assert paused_evacuation(cloud, "compute5")["pending"] >= 2
    admin.press(started, "Resume Execution")
    assert admin.end(started) == ("Success", "")
    assert [server["name"] for server in servers if cloud.where(server)[1] == "compute5"] == []


def test_cancel_gives_up_the_recovery_and_what_it_has_started(
    admin: Person, cloud: Cloud
) -> None:
    servers, started = _started_slowly(admin, cloud, "compute6")
    admin.press(started, "Cancel Execution")
    ended = cloud.end_of(started)
    assert (ended.state, ended.reason) == ("ERROR", "CANCELLED")
    query = f"root_execution_id={started}&fields=id"
    (below,) = cloud.mistral.get(f"/executions?{query}").json()["executions"]
    told = cloud.end_of(below["id"])
    assert (told.state, told.reason) == ("ERROR", "CANCELLED")
    # and of whoever had come to the host
    assert told.servers.keys() >= {server["name"] for server in servers}
    (above, hover), (state, said) = admin.ends([started, below["id"]])
    assert (above, hover, state, said) == ("Error", "", "Error", told.report["message"])
    assert said.startswith("Cancelled before its end")
    assert [bool(cloud.migrations(server)) for server in servers].count(True) < 3


def _started_slowly(admin: Person, cloud: Cloud, host: str) -> tuple[list[dict], str]:
    """Start a recovery that gets nowhere until the faults are lifted.

    :returns: its servers when the first one moves, and its id.
    """
    servers = cloud.lab.boot_many(3, host, f"on-{host}")
    cloud.kill(host)
    cloud.lab.set_faults({"*": {"spawn": {"delay": SLOW}}})
    patient = {"concurrency": "1", "evacuation_timeout": str(SLOW)}
    started = admin.execute("recovery.host.recover", host=host, **patient)
    # any server of the host: one of another test may have come there, and be the first
    wait_for("a server moves", lambda: cloud.evacuations(host))
    return servers, started
