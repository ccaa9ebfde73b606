"""`finally` of a recovery method runs once, however the recovery ended, on real services."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.services import Request, WebServer
from tests.functional.support import Cloud, wait_for
from tests.programs import BIN

OPENSTACK = BIN / "openstack"
METHODS = """
host_auto_failure:
  pre:
    - disable_compute_service_task
  main:
    - evacuate_instances_task
  finally:
    - tell
tasks:
  tell:
    action: std.http
    input:
      method: PUT
      url: !yaql "'URL/' + $.report.reason"
      json:
        host: !yaql "$.plan.host"
        isolated: !yaql "$.results.disable_compute_service_task.message"
    retry: 3
"""


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _methods(cloud: Cloud, web: WebServer, tmp_path: Path) -> Iterator[None]:
    apply(cloud, tmp_path, METHODS.replace("URL", web.url))
    web.requests.clear()
    yield
    cloud.lab.set_faults({})


def apply(cloud: Cloud, directory: Path, text: str) -> None:
    file = directory / "recovery-methods.yaml"
    file.write_text(text)
    command = [OPENSTACK, "recovery", "methods", "apply", file]
    subprocess.run(command, env=cloud.lab.env, check=True)


def told(cloud: Cloud, web: WebServer) -> Request:
    """Wait until every execution has ended; return the one request that `finally` made."""
    wait_for("somebody was told", lambda: web.requests)
    wait_for("nothing runs any more", lambda: not cloud.running())
    (request,) = web.requests
    return request


def test_after_a_success_it_knows_the_report_and_the_results(cloud: Cloud, web: WebServer) -> None:
    cloud.lab.boot("moves", "compute1")
    cloud.kill("compute1")

    ended = cloud.recover("compute1")

    request = told(cloud, web)
    assert (ended.reason, request.path) == ("RECOVERED", "/RECOVERED"), ended.state_info
    assert request.body == {"host": "compute1", "isolated": "compute1 is down and disabled"}


def test_after_a_failure_it_knows_why(cloud: Cloud, web: WebServer) -> None:
    cloud.lab.boot("stays", "compute2")
    cloud.lab.set_faults({"*": {"spawn": {"fail": "disk full"}}})
    cloud.kill("compute2")

    ended = cloud.recover("compute2")

    assert ended.state == "ERROR"
    assert told(cloud, web).path == "/SERVERS_NOT_MOVED"


def test_after_a_cancel_it_runs_all_the_same(cloud: Cloud, web: WebServer) -> None:
    cloud.lab.boot_many(3, "compute3", "cancelled")
    cloud.lab.set_faults({"*": {"spawn": {"delay": 3}}})
    cloud.kill("compute3")
    execution = cloud.start(host="compute3", concurrency=1)
    wait_for("one is under way", lambda: cloud.evacuations("compute3"))

    cloud.cancel(execution)

    request = told(cloud, web)
    assert request.path == "/CANCELLED"
    assert request.body == {"host": "compute3", "isolated": "compute3 is down and disabled"}


def test_after_a_cancel_in_horizon_it_runs_and_post_does_not(
    cloud: Cloud, web: WebServer, tmp_path: Path
) -> None:
    """Horizon ends the execution on which Cancel is pressed, and not those below it."""
    text = METHODS.replace("URL", web.url).replace("  finally:", "  post:\n    - later\n  finally:")
    later = f"{{action: std.http, input: {{method: PUT, url: {web.url}/later}}}}"
    apply(cloud, tmp_path, f"{text}  later: {later}\n")
    cloud.lab.boot_many(3, "compute5", "given-up")
    cloud.lab.set_faults({"*": {"spawn": {"delay": 3}}})
    cloud.kill("compute5")
    execution = cloud.start(host="compute5", concurrency=1)
    wait_for("one is under way", lambda: cloud.evacuations("compute5"))

    cloud.set_state(execution, "ERROR")

    ended = cloud.end_of(execution)
    assert (ended.reason, ended.state_info) == ("CANCELLED", "")
    assert told(cloud, web).path == "/CANCELLED"
    found = [one for one in cloud.evacuations("compute5").values() if one]
    assert len(found) < 3


def test_when_mistral_is_killed_in_the_middle_it_runs_once(cloud: Cloud, web: WebServer) -> None:
    servers = cloud.lab.boot_many(3, "compute4", "survivor")
    cloud.lab.set_faults({"*": {"spawn": {"delay": 2}}})
    cloud.kill("compute4")
    execution = cloud.start(host="compute4", concurrency=1)
    wait_for("one has moved", lambda: ["done"] in cloud.evacuations("compute4").values())

    cloud.lab.kill_mistral()
    cloud.lab.start_mistral()

    assert cloud.end_of(execution).reason == "RECOVERED"
    assert told(cloud, web).path == "/RECOVERED"
    found = cloud.evacuations("compute4")
    assert all(found[server["id"]] == ["done"] for server in servers)
