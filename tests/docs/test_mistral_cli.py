"""The guide to the plain clients is played as one session, and each block does what it says."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import Lab
from lab.process import environment_with
from tests.docs.documents import ROOT, Block, blocks
from tests.docs.test_commands import prepare, say
from tests.functional.support import HOSTS, Cloud, wait_for
from tests.functional.test_pause import paused_evacuation
from tests.pack import WORKFLOWS
from tests.programs import BIN, search_path

GUIDE = ROOT / "docs/mistral-cli.md"
OWN_MARKS = ("begun", "full", "check")


class Session:
    """A shell whose variables live on from block to block."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.variables: dict[str, str] = {}
        self.said = ""

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        kept = self.cloud.lab.state / "variables"
        given = environment_with(PATH=search_path(BIN))
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
            self.cloud.lab.set_faults({"*": {"spawn": {"delay": 5}}})
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
        return dict(json.loads(self.cloud.execution(self.id)["output"])["report"])

    def moved_once(self, host: str, *failed: str) -> None:
        """Every server of the host was evacuated once, and the recovery says so.

        :param failed: the records of what was tried before.
        """
        assert (self.state, self.report["reason"]) == ("SUCCESS", "RECOVERED"), self.report
        found = self.cloud.evacuations(host)
        assert found.keys() == {line["id"] for line in self.report["details"]["servers"]}
        assert list(found.values()) == [[*failed, "done"]] * len(found)
        for server in found:
            status, where = self.cloud.where({"id": server})
            assert status in ("ACTIVE", "SHUTOFF")
            assert where != host
            assert not self.cloud.server({"id": server})["locked_reason"]  # its user's has none


def installed(session: Session) -> None:
    workflows = session.run("mistral workflow-list -f value -c Name").stdout.split()
    assert set(workflows) >= WORKFLOWS.keys()


def planned(session: Session) -> None:
    assert session.report["reason"] == "DRY_RUN"
    assert '"reason": "DRY_RUN"' in session.said
    assert session.cloud.evacuations("compute1") == {}
    assert session.cloud.service("compute1")["status"] == "enabled"
    for given, why in (("compute1", "Expecting value"), ('{"hots": "compute1"}', "unexpected=")):
        refused = session.run(f"mistral execution-create recovery.host.recover '{given}'")
        assert (refused.returncode, why in refused.stdout) == (1, True), refused.stdout


def recovered(session: Session) -> None:
    session.moved_once("compute1")
    assert '"reason": "RECOVERED"' in session.said


def watched(session: Session) -> None:
    for shown in (
        session.id, "plan_recovery", "confirm_host_failed", "recovery.methods.host_auto_failure",
        "disable_compute_service_task", "evacuate_instances_task", '"finished": true',
    ):  # fmt: skip
        assert shown in session.said
    assert session.run("mistral execution-get-report --no-errors-only $ID").returncode == 1


def paused(session: Session) -> None:
    """What runs goes on to its end, and nothing begins."""
    moved = paused_evacuation(session.cloud, "compute2")["done"]
    assert list(session.cloud.evacuations("compute2").values()) == [["done"]] * moved
    assert session.state == "PAUSED"
    session.cloud.lab.set_faults({})


def resumed(session: Session) -> None:
    session.moved_once("compute2")


def cancelled(session: Session) -> None:
    session.cloud.lab.set_faults({})
    assert session.said.splitlines()[0] == "CANCELLED"
    session.moved_once("compute3")


def failed(session: Session) -> None:
    assert session.state == "ERROR"
    assert "injected: disk full" in session.said
    assert "host_auto_failure" in session.said
    found = session.cloud.evacuations("compute4")
    assert list(found.values()) == [["failed"]] * len(found) != []


def rerun(session: Session) -> None:
    session.moved_once("compute4", "failed")


def waits(session: Session) -> None:
    assert session.state == "PAUSED"
    assert "DRY_RUN" in session.said
    assert session.cloud.evacuations("compute5") == {}


def approved(session: Session) -> None:
    session.moved_once("compute5")


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
