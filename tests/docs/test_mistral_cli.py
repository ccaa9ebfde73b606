"""The guide to the plain clients is played as one session, and each block does what it says."""

import json
import os
import shlex
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lab import Lab
from tests.docs.documents import ROOT, Block, blocks
from tests.docs.test_commands import prepare, say
from tests.functional.conftest import HOSTS
from tests.functional.support import Cloud, wait_for

GUIDE = ROOT / "docs/mistral-cli.md"
CHANGE = "change_nova_service_state"
OWN_MARKS = ("begun", "full", "check")


class Session:
    """A shell whose variables live on from block to block."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.variables: dict[str, str] = {}
        self.said = ""

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        kept = self.cloud.lab.state / "variables"
        given = {name: value for name, value in os.environ.items() if name[:3] != "OS_"}
        given["PATH"] = f"{Path(sys.executable).parent}:{given['PATH']}"
        given["PYTHONWARNINGS"] = "ignore"
        done = subprocess.run(
            ["bash", "-aeuo", "pipefail", "-c", f"{script}\nenv -0 > {kept}"],
            cwd=ROOT,
            env=given | self.cloud.lab.env | self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
        )
        if done.returncode == 0:
            found = dict(line.split("=", 1) for line in kept.read_text().split("\0") if line)
            self.variables = {name: found[name] for name in found.keys() - given.keys()}
        self.said = done.stdout
        return done

    def prepare(self, marks: dict[str, str]) -> None:
        prepare(self.cloud, {key: marks[key] for key in marks if key not in OWN_MARKS})
        if host := marks.get("begun"):
            self.cloud.lab.boot_many(3, host, f"on-{host}")
            self.cloud.lab.set_faults({"*": {"spawn": {"delay": 15}}})
            self.cloud.kill(host)
            self.variables["ID"] = self.cloud.start(host=host, concurrency=1)
            wait_for("one server is evacuated", lambda: self.cloud.evacuations(host))
        if full := marks.get("full"):
            fault = {"*": {"spawn": {"fail": "disk full"}}} if full == "all" else {}
            self.cloud.lab.set_faults(fault)

    # ---- what the checks ask
    @property
    def id(self) -> str:
        return self.variables["ID"]

    @property
    def state(self) -> str:
        return str(self.cloud.execution(self.id)["state"])

    @property
    def report(self) -> dict:
        return dict(json.loads(self.cloud.execution(self.id)["output"]))

    def moved_once(self, host: str, servers: int, records: list[str] | None = None) -> None:
        """Every server of the host was evacuated once, and the recovery says so."""
        assert (self.state, self.report["reason"]) == ("SUCCESS", "RECOVERED"), self.report
        found = self.cloud.evacuations(host)
        assert list(found.values()) == [records or ["done"]] * servers
        for server in found:
            status, where = self.cloud.where({"id": server})
            assert status in ("ACTIVE", "SHUTOFF")
            assert where != host
            assert not self.cloud.server({"id": server})["locked_reason"]  # its user's has none


def installed(session: Session) -> None:
    workflows = session.run("mistral workflow-list -f value -c Name").stdout.split()
    assert set(workflows) >= set(of_the_pack())


def planned(session: Session) -> None:
    assert session.report["reason"] == "DRY_RUN"
    assert '"reason": "DRY_RUN"' in session.said
    assert session.cloud.evacuations("compute1") == {}
    assert session.cloud.service("compute1")["status"] == "enabled"


def recovered(session: Session) -> None:
    session.moved_once("compute1", 2)
    assert '"reason": "RECOVERED"' in session.said


def watched(session: Session) -> None:
    for shown in (
        session.id, "plan_recovery", "confirm_host_failed", "recovery.methods.host_auto_failure",
        "disable_compute_service_task", "evacuate_instances_task", '"finished": true',
    ):  # fmt: skip
        assert shown in session.said


def paused(session: Session) -> None:
    """What runs goes on to its end, and nothing begins, however long it takes."""
    first = session.cloud.evacuations("compute2")
    assert len(first) == 1
    wait_for(
        "it is evacuated all the same",
        lambda: list(session.cloud.evacuations("compute2").values()) == [["done"]],
    )
    clock = session.cloud.start("recovery.action.sleep", plan=None, action=None,
                                parameters={"duration": 5})
    assert session.cloud.end_of(clock).state == "SUCCESS"
    assert session.cloud.evacuations("compute2").keys() == first.keys()
    assert session.state == "PAUSED"
    session.cloud.lab.set_faults({})


def resumed(session: Session) -> None:
    session.moved_once("compute2", 3)


def cancelled(session: Session) -> None:
    session.cloud.lab.set_faults({})
    assert session.said.splitlines()[0] == "CANCELLED"
    session.moved_once("compute3", 3)


def failed(session: Session) -> None:
    assert session.state == "ERROR"
    assert "injected: disk full" in session.said
    assert "host_auto_failure" in session.said
    assert list(session.cloud.evacuations("compute4").values()) == [["failed"]] * 2


def rerun(session: Session) -> None:
    session.moved_once("compute4", 2, ["failed", "done"])


def waits(session: Session) -> None:
    assert session.state == "PAUSED"
    assert "DRY_RUN" in session.said
    assert session.cloud.evacuations("compute5") == {}


def approved(session: Session) -> None:
    session.moved_once("compute5", 2)


def rejected(session: Session) -> None:
    assert session.state == "CANCELLED"
    assert session.cloud.evacuations("compute6") == {}
    assert session.cloud.service("compute6")["status"] == "enabled"
    assert session.cloud.running() == []


CHECKS: dict[str, Callable[[Session], None]] = {
    check.__name__: check
    for check in (
        installed, planned, recovered, watched, paused, resumed, cancelled, failed, rerun, waits,
        approved, rejected,
    )
}  # fmt: skip


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A reader with the plain clients, before a cloud whose Mistral knows the actions."""
    with Lab(tmp_path / "lab", hosts=HOSTS) as lab:
        yield Session(Cloud(lab))


def test_every_block_of_the_guide_does_what_it_says(session: Session) -> None:
    found = [block for block in blocks(GUIDE) if block.kind == "console"]
    assert {block.marks.get("check") for block in found} == CHECKS.keys()

    for block in found:
        session.prepare(block.marks)
        done = session.run("\n".join(block.commands))
        assert done.returncode == 0, say(GUIDE, block, done)
        CHECKS[block.marks["check"]](session)


def test_the_guide_calls_the_plain_clients_only() -> None:
    commands = [
        command for block in blocks(GUIDE) for command in Block("console", block.text, 0).commands
    ]

    assert commands
    assert [command for command in commands if "openstack recovery" in command] == []


# ---- the table of all workflows
def of_the_pack() -> list[str]:
    books = [yaml.safe_load(path.read_text()) for path in (ROOT / "workbooks").glob("*.yaml")]
    return [f"{book['name']}.{name}" for book in books for name in book["workflows"]]


def rows() -> dict[str, tuple[str, str]]:
    """Return by workflow who starts it, and the command; empty if it is started by others."""
    part = GUIDE.read_text().partition("## All workflows")[2]
    lines = [line.strip("|").split("|") for line in part.splitlines() if line[:3] == "| `"]
    return {line[0].strip(" `"): (line[1].strip(), line[2].strip(" `")) for line in lines}


def test_every_workflow_of_the_pack_is_in_the_table_and_no_other() -> None:
    assert sorted(rows()) == sorted(of_the_pack())


def test_a_workflow_has_a_command_in_the_table_unless_another_one_starts_it() -> None:
    for workflow, (starter, command) in rows().items():
        assert bool(command) != starter.startswith("`recovery."), workflow
        assert command.startswith(f"mistral execution-create {workflow} '{{" if command else "")


# workflow -> the reason it ends with. The lab has no bare metal and no volumes.
ENDS = {
    "recovery.host.recover": "RECOVERED",
    "recovery.host.evacuate_host": "RECOVERED",
    "recovery.instance.recover": "RECOVERED",
    "recovery.process.recover": "RECOVERED",
    "recovery.action_plan.cancel": "CANCELLED",
    "recovery.action_plan.rollback": "ROLLED_BACK",
    "recovery.action.change_node_power_state": "REJECTED",
    "recovery.action.volume_migrate": "REJECTED",
    "recovery.node.prepare": "PREPARED",
    "recovery.node.migrate": "MIGRATED",
    "recovery.node.rebuild_with_notice": "REBUILT",
}


def a_plan(session: Session, *, runs: bool) -> str:
    """Start a plan that takes long, or carry one out that can be undone; return its uuid."""
    parameters: dict[str, object] = {"resource_name": "compute8", "state": "disabled"}
    kind, parameters = ("sleep", {"duration": 600}) if runs else (CHANGE, parameters)
    plan, action = str(uuid.uuid4()), str(uuid.uuid4())
    actions = [{"uuid": action, "type": kind, "parameters": parameters}]
    text = json.dumps({"uuid": plan, "actions": actions})
    wait = "" if runs else "--wait"
    done = session.run(f"openstack recovery plan run - {wait} <<< {shlex.quote(text)}")
    assert done.returncode == 0, done.stdout
    return plan


def test_every_command_in_the_table_does_what_it_says(session: Session) -> None:
    cloud = session.cloud
    for path in sorted((ROOT / "workbooks").glob("*.yaml")):
        session.run(f"mistral workbook-create {path}")
    on = {host: cloud.lab.boot(f"on-{host}", host) for host in ("compute1", "compute2", "compute5")}
    web = cloud.lab.boot("web", "compute3", metadata={"HA_Enabled": "True"})
    for host in on:
        cloud.kill(host)
    session.variables["SERVER"] = web["id"]
    checks: dict[str, Callable[[], object]] = {
        "recovery.host.recover": lambda: cloud.migrations(on["compute1"]) == ["done"],
        "recovery.host.evacuate_host": lambda: cloud.migrations(on["compute2"]) == ["done"],
        "recovery.instance.recover": lambda: cloud.done(web) == ["stop", "start"],
        "recovery.process.recover": lambda: cloud.service("compute3")["status"] == "disabled",
        "recovery.action.change_nova_service_state":
            lambda: cloud.service("compute3")["status"] == "enabled",
        "recovery.action.stop": lambda: cloud.where(web) == ("SHUTOFF", "compute3"),
        "recovery.action.start": lambda: cloud.where(web) == ("ACTIVE", "compute3"),
        "recovery.action.resize":
            lambda: cloud.server(web)["flavor"]["original_name"] == "m1.small",
        "recovery.action.migrate": lambda: cloud.where(web) == ("ACTIVE", "compute4"),
        "recovery.action.evacuate": lambda: cloud.migrations(on["compute5"]) == ["done"],
        "recovery.node.prepare":
            lambda: cloud.server(web)["metadata"]["recovery_reason"] == "no ping",
        "recovery.node.migrate": lambda: cloud.where(web) == ("ACTIVE", "compute6"),
        "recovery.node.rebuild_with_notice": lambda: cloud.done(web)[-1] == "rebuild",
    }

    for workflow, (_starter, command) in rows().items():
        if not command:
            continue
        if workflow == "recovery.action.evacuate":
            session.variables["SERVER"] = on["compute5"]["id"]
        if workflow.startswith("recovery.node."):
            session.variables["SERVER"] = web["id"]
        if workflow.startswith("recovery.action_plan."):
            session.variables["PLAN"] = a_plan(session, runs=workflow.endswith("cancel"))
        done = session.run(f"ID=$({command} -f value -c ID)")
        assert done.returncode == 0, (command, done.stdout)
        ended = cloud.end_of(session.id)
        assert ended.reason == ENDS.get(workflow, "DONE"), (workflow, ended.output)
        looked = checks.get(workflow, lambda: True)()
        assert looked, (workflow, ended.output)
        if workflow == "recovery.action_plan.cancel":
            assert cloud.execution(session.variables["PLAN"])["state"] == "CANCELLED"
        if workflow == "recovery.action_plan.rollback":
            assert cloud.service("compute8")["status"] == "enabled"
