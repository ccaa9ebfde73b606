"""Horizon shows the pack, starts what a person may start, and says why it was refused."""

from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, expect

from lab.horizon import HorizonLab
from lab.process import ROOT
from tests.functional.support import Cloud, wait_for
from tests.horizon.browser import LIMIT, Person, logged_in

WORKBOOKS = {path.stem: yaml.safe_load(path.read_text())
             for path in sorted((ROOT / "workbooks").glob("*.yaml"))}
WORKFLOWS = {f"{name}.{workflow}": content
             for name, workbook in WORKBOOKS.items()
             for workflow, content in workbook["workflows"].items()}

def inputs(workflow: str) -> list[str]:
    return [next(iter(one)) if isinstance(one, dict) else one
            for one in WORKFLOWS[workflow]["input"]]


# what a person starts; the others want the plan that a step before them, or a command, has made
ENTRIES = [workflow for workflow in WORKFLOWS if "plan" not in inputs(workflow)]


# ---- what is shown


def test_every_workbook_is_listed_and_can_be_read(admin: Person) -> None:
    listed = admin.rows("/mistral/workbooks/")
    assert sorted(row.split()[0] for row in listed) == sorted(WORKBOOKS)
    admin.shoot("horizon-workbooks", high=560)
    for name in WORKBOOKS:
        text = admin.go(f"/mistral/workbooks/{name}/detail")
        assert (ROOT / "workbooks" / f"{name}.yaml").read_text().strip() in text


def test_every_workflow_is_listed(admin: Person) -> None:
    listed = admin.rows("/mistral/workflows/")
    assert sorted(row.split()[0] for row in listed) == sorted(WORKFLOWS)


@pytest.mark.parametrize("workflow", ENTRIES)
def test_a_workflow_says_what_it_does_and_what_it_takes(admin: Person, workflow: str) -> None:
    text = admin.go(f"/mistral/workflows/{workflow}/detail")
    described = WORKFLOWS[workflow]["description"].split()
    assert " ".join(described) in " ".join(text.split())
    assert [name for name in inputs(workflow) if f"- {name}" not in text] == []
    assert list(admin.open_form(workflow)) == inputs(workflow)


def test_a_second_page_of_workflows_is_not_to_be_had(admin: Person) -> None:
    """Why the guide says to raise "Items Per Page" first; goes when Horizon is mended."""
    admin.show_more(20)
    try:
        assert len(admin.rows("/mistral/workflows/")) == 20
        admin.page.get_by_role("link", name="Next »").first.click()
        expect(admin.page.get_by_text("No items to display.")).to_be_visible()
        assert "marker" in admin.page.locator(".alert-danger").first.inner_text()
    finally:
        admin.show_more(200)


def test_the_guide_tells_about_every_workflow_that_a_person_may_start() -> None:
    guide = (ROOT / "docs" / "horizon.md").read_text()
    assert [workflow for workflow in ENTRIES if f"| `{workflow}` |" not in guide] == []


# ---- a host


def test_a_host_is_recovered_with_what_the_form_says_by_itself(
    admin: Person, cloud: Cloud
) -> None:
    server = cloud.lab.boot("h1", "compute1")
    cloud.kill("compute1")
    shown = admin.open_form("recovery.host.recover")
    assert set(shown.values()) == {"", '"None"'}
    admin.page.fill("#execute_form input[name=host]", "compute1")
    admin.shoot("horizon-execute")
    started = admin.execute("recovery.host.recover", host="compute1")
    assert admin.end(started) == ("Success", "")
    admin.go("/mistral/executions/")
    admin.shoot("horizon-executions", high=520)
    assert admin.output(started)["state"] == "SUCCEEDED"
    status, host = cloud.where(server)
    assert (status, host != "compute1") == ("ACTIVE", True)
    _read_everything(admin, started)


def _read_everything(admin: Person, execution: str) -> None:
    """The way from an execution to its tasks, and to the execution below it."""
    text = admin.go(f"/mistral/executions/{execution}/detail")
    assert "SUCCESS" in text
    admin.page.locator("dt:text-is('Output')").evaluate("title => title.scrollIntoView()")
    admin.shoot("horizon-report")
    tasks = admin.rows(f"/mistral/tasks/{execution}/execution")
    assert len(tasks) == 3
    admin.shoot("horizon-tasks", high=520)
    method = next(row for row in tasks if "host_auto_failure" in row).split()[0]
    assert "host_auto_failure" in admin.go(f"/mistral/tasks/{method}/detail")
    (below,) = admin.rows(f"/mistral/executions/{method}/tasks")
    assert "recovery.methods.host_auto_failure" in below
    text = admin.go(f"/mistral/executions/{below.split()[0]}/detail")
    assert "recovery.methods.host_auto_failure" in text


@pytest.mark.parametrize(("typed", "host", "moved"), [
    ("true", "compute2", False), ('"True"', "compute7", False), ("false", "compute3", True)])
def test_dry_run_means_what_was_typed(
    admin: Person, cloud: Cloud, typed: str, host: str, moved: bool
) -> None:
    server = cloud.lab.boot(f"on-{host}", host)
    cloud.kill(host)
    started = admin.execute("recovery.host.recover", host=host, dry_run=typed,
                            method="reserved_host", reserved_hosts="compute9, compute10")
    assert admin.end(started) == ("Success", "")
    assert cloud.where(server)[1] == ("compute9" if moved else host)
    assert admin.output(started)["reason"] == ("RECOVERED" if moved else "DRY_RUN")


def test_the_thin_entry_recovers_a_host_too(admin: Person, cloud: Cloud) -> None:
    server = cloud.lab.boot("h4", "compute4")
    cloud.kill("compute4")
    started = admin.execute("recovery.host.evacuate_host", host_name=" compute4 ")
    assert admin.end(started) == ("Success", "")
    assert cloud.where(server)[1] != "compute4"


# ---- a server, a process


def test_a_server_is_left_alone_by_default_and_restarted_when_asked(
    admin: Person, cloud: Cloud
) -> None:
    server = cloud.lab.boot("guest", "compute8")
    started = admin.execute("recovery.instance.recover", server="guest")
    assert admin.end(started) == ("Success", "")
    assert admin.output(started)["reason"] == "NOT_HA"
    assert cloud.done(server) == []
    started = admin.execute("recovery.instance.recover", server="guest",
                            process_all_instances="yes", stop_timeout='"120"')
    assert admin.end(started) == ("Success", "")
    assert cloud.done(server) == ["stop", "start"]


def test_a_compute_service_is_disabled_with_the_reason_that_was_typed(
    admin: Person, cloud: Cloud
) -> None:
    started = admin.execute("recovery.process.recover", host="compute8")
    assert admin.end(started) == ("Success", "")
    assert cloud.service("compute8")["status"] == "disabled"
    cloud.update_service("compute8", status="enabled")
    started = admin.execute("recovery.process.recover", host="compute8", disable_reason="on fire")
    assert admin.end(started) == ("Success", "")
    assert cloud.service("compute8")["disabled_reason"] == "on fire"
    cloud.update_service("compute8", status="enabled")


# ---- what is refused


@pytest.mark.parametrize(("workflow", "typed", "said"), [
    ("recovery.host.recover", {"host": "compute8", "dry_run": "maybe"},
     "Input 'dry_run' is 'maybe': it must be true or false."),
    ("recovery.host.recover", {"host": "compute8", "concurrency": "a few"},
     "Input 'concurrency' is 'a few': it must be a whole number from 1 to 1000."),
    ("recovery.host.evacuate_host", {"host_name": "no such host"},
     "Input 'host' is 'no such host': it must be the name of one host, "
     "as `openstack compute service list` shows it."),
    ("recovery.instance.recover", {"server": "guest", "stop_timeout": "soon"},
     "Input 'stop_timeout' is 'soon': it must be a whole number"),
    ("recovery.process.recover", {"host": '"None"'}, "Input 'host' is missing"),
    ("recovery.action_plan.cancel", {"plan": "mine"},
     "Input 'plan' is 'mine': it must be the uuid"),
    ("recovery.action_plan.rollback", {"plan": "mine"},
     "Input 'plan' is 'mine': it must be the uuid"),
])
def test_garbage_is_refused_with_a_sentence_under_the_pointer(
    admin: Person, workflow: str, typed: dict[str, str], said: str
) -> None:
    started = admin.execute(workflow, **typed)
    state, hover = admin.end(started)
    assert state == "Error"
    assert said in hover
    assert "Traceback" not in hover
    assert admin.output(started)["message"] == hover


def test_an_empty_field_is_not_sent(admin: Person) -> None:
    """The guide says to leave "None" where it stands; the form insists on something."""
    admin.open_form("recovery.host.recover")
    admin.page.fill("#execute_form input[name=host]", "compute8")
    admin.page.fill("#execute_form input[name=method]", "")
    admin.send()
    empty = admin.page.locator("#execute_form input[name=method]")
    assert empty.evaluate("field => field.validity.valueMissing")
    expect(admin.page.locator("#execute_form")).to_be_visible()


def test_what_others_start_touches_nothing_when_a_person_starts_it(
    admin: Person, cloud: Cloud
) -> None:
    server = cloud.lab.boot("bystander", "compute8")
    for workflow in ("recovery.methods.host_auto_failure", "recovery.action.stop",
                     "recovery.host.evacuate_to_reserved_hosts"):
        started = admin.execute(workflow, **dict.fromkeys(_empty(admin, workflow), "bystander"))
        admin.end(started)
    assert cloud.done(server) == []
    assert cloud.service("compute8")["status"] == "enabled"


def _empty(admin: Person, workflow: str) -> list[str]:
    return [name for name, value in admin.open_form(workflow).items() if not value]


# ---- on the way


def test_pause_stops_a_recovery_and_resume_brings_it_to_its_end(
    admin: Person, cloud: Cloud
) -> None:
    servers = [cloud.lab.boot(f"p{n}", "compute5") for n in range(3)]
    cloud.kill("compute5")
    started = _started_slowly(admin, cloud, "compute5", servers)
    try:
        admin.press(started, "Pause Execution")
        admin.go("/mistral/executions/")
        expect(admin.row(started)).to_contain_text("Paused", timeout=LIMIT * 1000)
        wait_for("what had begun is done", lambda: _under_way(cloud, servers) == 0)
        assert [bool(cloud.migrations(server)) for server in servers].count(True) < 3
    finally:
        cloud.lab.set_faults({})
    admin.press(started, "Resume Execution")
    assert admin.end(started) == ("Success", "")
    assert [server["name"] for server in servers if cloud.where(server)[1] == "compute5"] == []


def test_cancel_gives_up_the_recovery(admin: Person, cloud: Cloud) -> None:
    servers = [cloud.lab.boot(f"c{n}", "compute6") for n in range(3)]
    cloud.kill("compute6")
    started = _started_slowly(admin, cloud, "compute6", servers)
    try:
        admin.press(started, "Cancel Execution")
        assert admin.end(started)[0] == "Error"
        wait_for("everything has ended", lambda: not any(
            "Running" in row for row in admin.rows("/mistral/executions/")))
        assert [bool(cloud.migrations(server)) for server in servers].count(True) < 3
    finally:
        cloud.lab.set_faults({})


def _started_slowly(admin: Person, cloud: Cloud, host: str, servers: list[dict]) -> str:
    """Start a recovery that takes its time, and return when the first server moves."""
    cloud.lab.set_faults({"*": {"spawn": {"delay": 10}}})
    started = admin.execute("recovery.host.recover", host=host, concurrency="1")
    wait_for("a server moves", lambda: any(cloud.migrations(server) for server in servers))
    return started


def _under_way(cloud: Cloud, servers: list[dict]) -> int:
    states = [state for server in servers for state in cloud.migrations(server)]
    return len([state for state in states if state not in ("done", "completed", "failed", "error")])


# ---- who


def test_a_member_is_refused_before_anything_is_touched(
    browser: Browser, horizon: HorizonLab, cloud: Cloud, shots: Path
) -> None:
    with logged_in(browser, horizon, "lab-demo", shots) as member:
        member.show_more(200)
        assert len(member.rows("/mistral/workflows/")) == len(WORKFLOWS)
        started = member.execute("recovery.process.recover", host="compute8")
        state, hover = member.end(started)
        assert state == "Error"
        assert hover.startswith("Failed listing compute services: Policy doesn't allow"), hover
    assert cloud.service("compute8")["status"] == "enabled"
