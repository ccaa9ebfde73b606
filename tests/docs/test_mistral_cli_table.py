"""The table of all workflows in the guide to the plain clients is whole, and its commands work."""

from collections.abc import Callable
from pathlib import Path

from lab import Lab
from tests.docs.test_mistral_cli import GUIDE, Session
from tests.functional.support import HOSTS, Cloud
from tests.functional.test_action_plans import action, run
from tests.pack import WORKFLOWS


def rows() -> dict[str, tuple[str, str]]:
    """Return by workflow who starts it, and the command; empty if it is started by others."""
    part = GUIDE.read_text().partition("## All workflows")[2]
    lines = [line.strip("|").split("|") for line in part.splitlines() if line[:3] == "| `"]
    return {line[0].strip(" `"): (line[1].strip(), line[2].strip(" `")) for line in lines}


def test_every_workflow_of_the_pack_is_in_the_table_and_no_other() -> None:
    assert sorted(rows()) == sorted(WORKFLOWS)


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
    "recovery.keeper.look": "NOTHING_STANDS_STILL",
    "recovery.action.change_node_power_state": "REJECTED",
    "recovery.action.volume_migrate": "REJECTED",
    "recovery.node.prepare": "PREPARED",
    "recovery.node.migrate": "MIGRATED",
    "recovery.node.rebuild_with_notice": "REBUILT",
}


def a_plan(cloud: Cloud, *, runs: bool) -> str:
    """Start a plan that takes long, or carry one out that can be undone; return its uuid."""
    service = {"resource_id": "compute8", "resource_name": "compute8", "state": "disabled"}
    change = action("change_nova_service_state", name="changes", **service)
    one = action("sleep", name="sleeps", duration=600) if runs else change
    plan, done = run(cloud, one, wait=not runs)
    assert done["status"] == 0, done["said"]
    return plan


def test_every_command_in_the_table_does_what_it_says(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", hosts=HOSTS) as lab:
        _run_all(Session(Cloud(lab)))


def _run_all(session: Session) -> None:
    cloud = session.cloud
    assert session.run("openstack recovery sync").returncode == 0
    on = {host: cloud.lab.boot(f"on-{host}", host) for host in ("compute1", "compute2", "compute5")}
    web = cloud.lab.boot("web", "compute3", metadata={"HA_Enabled": "True"})
    # moves from where it is put: the resize leaves web wherever the scheduler likes
    moves = cloud.lab.boot("moves", "compute4")
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
        "recovery.node.migrate": lambda: cloud.where(moves) == ("ACTIVE", "compute6"),
        "recovery.node.rebuild_with_notice": lambda: cloud.done(web)[-1] == "rebuild",
    }

    for workflow, (_starter, command) in rows().items():
        if not command:
            continue
        if workflow == "recovery.action.evacuate":
            session.variables["SERVER"] = on["compute5"]["id"]
        if workflow.startswith("recovery.node."):
            session.variables["SERVER"] = (moves if workflow.endswith("migrate") else web)["id"]
        if workflow.startswith("recovery.action_plan."):
            session.variables["PLAN"] = a_plan(cloud, runs=workflow.endswith("cancel"))
        done = session.run(f"ID=$({command} -f value -c ID)")
        assert done.returncode == 0, (command, done.stdout)
        ended = cloud.end_of(session.id)
        assert ended.reason == ENDS.get(workflow, "DONE"), (workflow, ended.output)
        looked = checks.get(workflow, lambda: True)()
        assert looked, (workflow, ended.output)
        if workflow == "recovery.action_plan.cancel":
            plan = cloud.execution(session.variables["PLAN"])
            # its only action ends, so Mistral has two ways to its end: see action-plans.md
            cancelled = plan["state_info"].startswith("The plan was cancelled")
            assert (plan["state"] in ("CANCELLED", "ERROR"), cancelled) == (True, True), plan
            assert "CANCELLED" in session.run("openstack recovery plan show $PLAN -f value").stdout
        if workflow == "recovery.action_plan.rollback":
            assert cloud.service("compute8")["status"] == "enabled"
