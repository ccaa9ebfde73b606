"""The files in examples/senlin do what they say, found by the health manager of a real Senlin."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.senlin import SenlinLab
from tests.senlin.conftest import ROOT, START, STOP, surroundings
from tests.senlin.support import Node, User, break_server, wait_for

EXAMPLES = ROOT / "examples" / "senlin"


def example(name: str) -> dict[str, Any]:
    """Return an example, with a detection as quick as the lab allows."""
    spec = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    assert spec["properties"]["detection"]["interval"] == 60
    spec["properties"]["detection"]["interval"] = 5
    return dict(spec)


def cluster_with(user: User, name: str) -> Node:
    node = user.node_of(user.begin_cluster())
    policy = user.create_policy(example(name))
    status, why = user.end_of(user.begin_attach(node.cluster, policy))
    assert status == "SUCCEEDED", why
    return node


def wait_until_recovered(node: Node) -> None:
    wait_for(f"node {node.id} is recovered", lambda: "Recovery succeeded" in node.reason)
    assert node.status == "ACTIVE"


def take_new_servers(admin: User, *hosts: str) -> None:
    """Let Nova put new servers only on these hosts; on all if none is given."""
    services = admin.compute("GET", "/os-services?binary=nova-compute")["services"]
    for one in services:
        status = "enabled" if not hosts or one["host"] in hosts else "disabled"
        if one["status"] != status:
            admin.compute("PUT", f"/os-services/{one['id']}", {"status": status})


@pytest.fixture(scope="module")
def rebuilt(demo: User, admin: User) -> dict[str, Node]:
    """Nodes of the two examples that rebuild, broken at once."""
    nodes = {name: cluster_with(demo, name) for name in ("workflow_only", "around_rebuild")}
    for node in nodes.values():
        break_server(admin, node)
    return nodes


@pytest.mark.parametrize(("name", "workflows"), [
    ("workflow_only", ["recovery.node.rebuild_with_notice"]),
    ("around_rebuild", ["recovery.node.prepare", "recovery.node.prepare"]),
])
def test_a_broken_server_is_found_and_rebuilt_once(
    demo: User, rebuilt: dict[str, Node], name: str, workflows: list[str]
) -> None:
    node = rebuilt[name]

    wait_until_recovered(node)

    assert demo.server(node)["status"] == "ACTIVE"
    assert demo.rebuilds(node) == 1
    states = [(one.workflow, one.state) for one in demo.executions(node)]
    assert states == [(workflow, "SUCCESS") for workflow in workflows]


def test_the_server_of_a_dead_host_is_evacuated_to_the_first_host_that_takes_it(
    lab: SenlinLab, admin: User
) -> None:
    take_new_servers(admin, "compute1")
    try:
        node = cluster_with(admin, "any_target")
    finally:
        take_new_servers(admin)
    assert admin.server(node)["OS-EXT-SRV-ATTR:host"] == "compute1"
    lab.lab.set_faults({"compute3": {"spawn": {"fail": "No space left on device"}}})

    lab.lab.kill_host("compute1")

    wait_until_recovered(node)
    server = admin.server(node)
    assert (server["status"], server["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "compute4")
    (execution,) = admin.executions(node)
    assert (execution.workflow, execution.state) == ("recovery.node.migrate", "SUCCESS")
    lab.lab.start_host("compute1")


def test_each_command_of_the_walk_through_works(lab: SenlinLab, tmp_path: Path) -> None:
    text = (EXAMPLES / "README.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (start, env), stop = blocks[0].splitlines(), blocks[-1].strip()
    # the lab of the tests was started like this, and will be stopped so
    assert (start, stop) == (START, STOP)
    state = f" --state {lab.lab.state}"
    script = "\n".join([env.replace("lab env", f"lab env{state}"), *blocks[1:-1]])
    script = script.replace(" .lab/around", f" {tmp_path}/around")

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env=surroundings(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)

    assert done.returncode == 0, done.stdout
    assert re.search(r"status +\| ACTIVE", done.stdout), done.stdout
    assert re.search(r"\| recovery\.node\.prepare +\|.*\| SUCCESS", done.stdout), done.stdout
    assert re.search(r"\| rebuild +\|", done.stdout), done.stdout
    assert "rebuilt by Senlin" in done.stdout
