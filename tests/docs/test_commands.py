"""Every command in the README and in docs/ does what a reader expects of it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lab import Lab
from tests.docs.documents import DOCUMENTS, ROOT, Block, blocks
from tests.functional.support import HOSTS, Cloud, wait_for
from tests.programs import BIN, REAL, search_path

# test_mistral_cli.py runs them, and looks at what each block has done; test_rehearsals_guide.py
# compares what they print.
LOOKED_AT = {"mistral-cli.md", "rehearsals.md"}
WITH_COMMANDS = [
    document
    for document in DOCUMENTS
    if document.name not in LOOKED_AT and any(block.kind == "console" for block in blocks(document))
]

# What cannot be run as it stands, and what is tested instead.
ELSEWHERE = {
    "tools/demo": "test_demo.py runs it",
    "tools/test": "runs this test: it cannot be run by it",
    "pytest tests/unit": "tools/test runs them all",
    "pytest tests/workbooks -k auto_priority": "the same",
    "pytest tests/functional/test_pause.py": "the same",
    "pip wheel --no-deps --wheel-dir dist .": "test_install.py runs it, without the network",
    "pip install --dry-run dist/mistral_recovery-0.1.0-py3-none-any.whl":
        "test_install.py runs it",
    "pip install dist/mistral_recovery-0.1.0-py3-none-any.whl":
        "test_install.py runs it, in an environment of its own",
    "pip install --no-deps --target /opt/mistral-recovery"
    " dist/mistral_recovery-0.1.0-py3-none-any.whl":
        "test_install.py does so, in a directory of its own",
    "pip install 'dist/mistral_recovery-0.1.0-py3-none-any.whl[cli]'":
        "test_install.py: the extra is there, and the commands load",
    **dict.fromkeys(
        (
            "openstack user create --password-prompt recovery",
            "openstack role add --user recovery --project service admin",
            "openstack role create recovery",
            "openstack role add --user ann --project operations recovery",
            "openssl rand -hex 32",
        ),
        "lab/accounts.py and lab/mistral_files.py make the same; test_distributed.py uses it",
    ),
    "systemctl restart mistral-api mistral-engine mistral-executor":
        "the lab starts Mistral with the actions of the pack",
    **dict.fromkeys(
        (
            "openstack optimize actionplan show <uuid> -f json > plan.json",
            "openstack optimize action list --action-plan <uuid> --detail --limit 0 -f json"
            " >> plan.json",
            "openstack recovery plan run plan.json --wait",
        ),
        "there is no Watcher in the lab; what its client prints is read in tests/unit",
    ),
    "pip install 'mistral-recovery[api]'": "test_install.py: the extra is there",
    "pip install 'mistral-recovery[rehearse]'": "test_install.py: the extra is there",
    **dict.fromkeys(
        (
            "openstack recovery methods compile recovery-methods.yaml -o recovery.methods.yaml"
            " --cases cases",
            "openstack recovery rehearse cases --workbook recovery.methods.yaml",
        ),
        "tests/workbooks/test_rehearse_command.py writes the cases and carries them out",
    ),
    "python -m tests.chaos.gate --rounds 1000 --seed 1":
        "tests/functional/test_gate.py plays twenty rounds of it",
    "python -m tests.chaos --rounds 15 --most 7 --seed 100":
        "tests/functional/test_distributed.py plays a round of it",
    "waitress-serve --listen=127.0.0.1:9323 driver.api.wsgi:application":
        "tests/functional/test_api.py, on a free port",
    **dict.fromkeys(
        (
            line
            for line in (ROOT / "docs/api.md").read_text().splitlines()
            if line.startswith("curl ")
        ),
        "tests/functional/test_api.py runs all of them",
    ),
}
# Refused by the command itself: no execution in Mistral fails.
NO_EXECUTION = ("openstack recovery methods", "openstack recovery plan run")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud as the reader has it: Mistral knows the actions, and no workbook yet."""
    # The lab has no authentication, so nobody is an administrator: let everybody publish.
    policy = tmp_path / "policy.yaml"
    policy.write_text('"workbooks:publicize": ""\n')
    options = {"oslo_policy": {"policy_file": str(policy)}}
    with Lab(tmp_path / "lab", hosts=HOSTS, mistral_options=options) as lab:
        yield Cloud(lab)


def run(cloud: Cloud, script: str, programs: Path = BIN) -> subprocess.CompletedProcess[str]:
    """Run commands as a user in the checkout would; the first that fails is the last."""
    environment = {name: value for name, value in os.environ.items() if name[:3] != "OS_"}
    environment["PATH"] = search_path(programs)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=environment | cloud.lab.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def prepare(cloud: Cloud, marks: dict[str, str]) -> None:
    """Bring the cloud into the state that a block begins with."""
    assert marks.keys() <= {"servers", "dead", "slow", "start", "exit"}
    if host := marks.get("servers") or marks.get("dead"):
        cloud.lab.boot(f"runs-on-{host}", host)
        cloud.lab.boot(f"stopped-on-{host}", host, power="stopped", locked=True)
    if host := marks.get("dead"):
        cloud.kill(host)
    if seconds := marks.get("slow"):
        cloud.lab.set_faults({"*": {"spawn": {"delay": int(seconds)}}})
    if host := marks.get("start"):
        cloud.lab.start_host(host)


def executions(cloud: Cloud) -> list[dict]:
    found = requests.get(f"{cloud.lab.mistral_url}/executions", timeout=60).json()["executions"]
    return [execution for execution in found if not execution.get("task_execution_id")]


def say(document: Path, block: Block, done: subprocess.CompletedProcess[str]) -> str:
    where = f"{document.name}:{block.line}: exit status {done.returncode}"
    return f"{where}\n{block.text}\n{done.stdout}"


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=lambda path: path.name)
def test_every_command_of_a_document_ends_as_the_document_says(
    cloud: Cloud, document: Path
) -> None:
    readme = document.name == "README.md"
    if not readme:  # which says how to install the workbooks
        assert run(cloud, "openstack recovery sync").returncode == 0
    refused = 0

    for block in blocks(document):
        if block.kind != "console":
            continue
        assert block.commands, f"{document.name}:{block.line}: no command"
        expected = int(block.marks.get("exit", 0))
        assert len(block.commands) == 1 or not expected, "which one is to fail?"
        refused += expected != 0 and not block.commands[0].startswith(NO_EXECUTION)
        prepare(cloud, block.marks)
        done = run(cloud, "\n".join(block.commands), REAL if readme else BIN)
        assert done.returncode == expected, say(document, block, done)

    # a recovery that was started and not waited for ends well too
    wait_for("all have ended", lambda: all(e["state"] != "RUNNING" for e in executions(cloud)))
    failed = [
        execution
        for execution in executions(cloud)
        if execution["state"] == "ERROR"
        and not execution["state_info"].startswith("The plan was cancelled")
    ]
    assert len(failed) == refused, [execution["state_info"] for execution in failed]


def test_every_command_that_cannot_be_run_as_it_stands_is_tested_otherwise() -> None:
    found = {
        command
        for document in DOCUMENTS
        for block in blocks(document)
        if block.kind == "sh"
        for command in block.commands
    }

    assert found == ELSEWHERE.keys()


def test_a_block_is_of_a_kind_that_says_whether_it_holds_commands() -> None:
    kinds = {block.kind for document in DOCUMENTS for block in blocks(document)}

    assert kinds <= {"console", "sh", "ini", "text", "yaml", "mermaid"}
