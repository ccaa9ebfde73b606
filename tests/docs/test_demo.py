"""`tools/demo`, run as a reader runs it, but with free ports and a state of its own."""

import os
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lab import Lab
from lab.ports import choose
from tests.docs.documents import ROOT, readme_block

DEMO = str(ROOT / "tools/demo")
TOKEN = re.compile(r"gAAAA[\w-]{20,}")


def demo(state: Path, ports: dict[str, int]) -> subprocess.CompletedProcess[str]:
    """Run the demo in the environment that it makes or finds itself."""
    options = [word for name, port in ports.items() for word in ("--port", f"{name}={port}")]
    environment = {name: value for name, value in os.environ.items() if name[:3] != "OS_"}
    return subprocess.run(
        [DEMO, "--state", str(state), *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "state"


@pytest.fixture(scope="module")
def shown(state: Path) -> str:
    """What a demo prints that has ended well."""
    done = demo(state, choose({}))
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def line_like(shown: str) -> Callable[[str], bool]:
    return lambda pattern: re.search(f"^{pattern}", shown, re.MULTILINE) is not None


def test_the_first_act_moves_every_server_and_keeps_what_it_was(line_like) -> None:
    assert line_like(r"\$ openstack recovery host compute1 --wait$")
    assert line_like(r"SUCCEEDED \(RECOVERED\): 4 servers evacuated from compute1")
    for name in ("web1", "db1", "shop1", "batch1"):
        assert line_like(rf"\| {name} +\| \S+ +\| compute1 \| compute[234] \| MOVED \| EVACUATED")
    assert line_like(r"\| batch1 +\| SHUTOFF \| compute[234] \|$")
    assert line_like(r"\$ openstack server list --locked .*\n(?:.*\n){3}\| db1 ")


def test_the_second_act_ends_on_the_second_reserved_host(line_like) -> None:
    assert line_like(r"SUCCEEDED \(RECOVERED\): 2 servers evacuated from compute2: 2 to compute6")
    for name in ("app1", "app2"):
        assert line_like(rf"\| {name} +\| ACTIVE +\| compute6 \|$")
    refused = "host_rh_failure > evacuate_instances_task > evacuate_to_reserved_host"
    assert line_like(rf"\| +\| {refused} +ERROR")


def test_no_password_and_no_token_of_the_lab_is_shown(shown: str, state: Path) -> None:
    clouds = yaml.safe_load((state / "clouds.yaml").read_text())["clouds"]
    passwords = [cloud["auth"]["password"] for cloud in clouds.values()]

    assert passwords
    assert not [password for password in passwords if password in shown]
    assert not TOKEN.search(shown)


def test_the_lab_has_ended_with_the_demo(shown: str, state: Path) -> None:
    assert shown
    assert not any(process["running"] for process in Lab.attach(state).status())


def test_the_readme_shows_what_the_demo_shows(shown: str) -> None:
    def bare(line: str) -> str:  # without the ids, which differ from run to run
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", line)

    printed = {bare(line) for line in shown.splitlines()}
    excerpt = [bare(line) for line in readme_block("text").text.splitlines()]

    assert excerpt
    assert [line for line in excerpt if line not in printed] == []


def test_a_port_that_is_taken_is_named_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]

        done = demo(tmp_path / "state", choose({"mistral": taken}))

    assert done.returncode == 1
    assert f"port {taken} (mistral) is taken" in done.stdout
    assert not (tmp_path / "state").exists()
