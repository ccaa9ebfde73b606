"""Horizon shows the pack, and a recovery from its form to its end: the pictures of the guide."""

import fnmatch

import pytest
from playwright.sync_api import expect

from lab.process import ROOT
from tests.functional.support import Cloud
from tests.horizon.browser import LINES, Person
from tests.pack import ENTRIES, WORKBOOKS, WORKFLOWS, inputs


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


def test_a_second_page_of_workflows_is_not_to_be_had(admin: Person) -> None:
    """Why the guide says to raise "Items Per Page" first; goes when Horizon is mended."""
    admin.show_more(20)
    try:
        assert len(admin.rows("/mistral/workflows/")) == 20
        admin.page.get_by_role("link", name="Next »").first.click()
        expect(admin.page.get_by_text("No items to display.")).to_be_visible()
        assert "marker" in admin.page.locator(".alert-danger").first.inner_text()
    finally:
        admin.show_more(LINES)


def test_the_guide_tells_about_every_workflow_that_a_person_may_start() -> None:
    guide = (ROOT / "docs" / "horizon.md").read_text()
    rows = [line.split("`")[1] for line in guide.splitlines() if line.startswith("| `recovery.")]
    told = {workflow for row in rows for workflow in fnmatch.filter(WORKFLOWS, row)}
    assert told == set(ENTRIES)


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
    assert admin.report(started)["state"] == "SUCCEEDED"
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
