"""What Horizon is given and cannot be used is refused in words, before anything is touched."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from lab.horizon import HorizonLab
from tests.functional.support import Cloud
from tests.horizon.browser import LINES, Person, logged_in
from tests.pack import ACTIONS, STEPS, WORKFLOWS, inputs

NODE = "12345678-1234-1234-1234-123456789abc"
OF_RECOVERIES = [
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
    ("recovery.node.prepare", {"node_id": "guest"},
     "Input 'node_id' is 'guest': it must be an id, such as `openstack server list` shows it, and"
     " not a name."),
    ("recovery.node.migrate", {"node_id": NODE, "timeout": "soon"},
     "Input 'timeout' is 'soon': it must be a whole number"),
    ("recovery.node.rebuild_with_notice", {"node_id": NODE, "notify_url": "somewhere"},
     "Input 'notify_url' is missing or of no use: it must be a URL"),
    ("recovery.keeper.look", {"idle": "soon"}, "Input 'idle' is 'soon': it must be a whole number"),
]
OF_ACTIONS = [(action, {"plan": "None", "action": "by hand", "parameters": "guest"},
               "Input 'parameters' is 'guest': it must be a JSON object") for action in ACTIONS]
OF_STEPS = [(step, dict.fromkeys(inputs(step), "guest"),
             "Input 'plan' is 'guest', and not the plan of a recovery. This workflow is a step of"
             " others: start recovery.host.recover") for step in STEPS]
GARBAGE = [*OF_RECOVERIES, *OF_ACTIONS, *OF_STEPS]


@pytest.fixture(scope="module")
def refusals(session: Person, cloud: Cloud) -> list[tuple[str, str, str]]:
    """State and hover text of each, all of them started before the first one is looked at."""
    server = cloud.lab.boot("guest", "compute8")
    started = [session.execute(workflow, **typed) for workflow, typed, _ in GARBAGE]
    ended = [cloud.end_of(execution) for execution in started]
    shown = session.ends(started)
    assert cloud.done(server) == []
    assert cloud.service("compute8")["status"] == "enabled"
    return [(*seen, one.report["message"]) for seen, one in zip(shown, ended, strict=True)]


@pytest.mark.parametrize("number", range(len(GARBAGE)), ids=[one[0] for one in GARBAGE])
def test_garbage_is_refused_with_a_sentence_under_the_pointer(
    refusals: list[tuple[str, str, str]], number: int
) -> None:
    state, hover, message = refusals[number]
    assert state == "Error"
    assert GARBAGE[number][2] in hover
    assert hover == message


@pytest.mark.usefixtures("refusals")
def test_the_form_of_each_workflow_has_a_field_for_each_input(admin: Person) -> None:
    expected = {workflow: inputs(workflow) for workflow in WORKFLOWS}
    assert {workflow: admin.forms[workflow] for workflow in expected} == expected


def test_an_empty_field_is_not_sent(admin: Person) -> None:
    """The guide says to leave "None" where it stands; the form insists on something."""
    admin.open_form("recovery.host.recover")
    admin.page.fill("#execute_form input[name=host]", "compute8")
    admin.page.fill("#execute_form input[name=method]", "")
    admin.send()
    empty = admin.page.locator("#execute_form input[name=method]")
    assert empty.evaluate("field => field.validity.valueMissing")
    expect(admin.page.locator("#execute_form")).to_be_visible()


def test_a_member_is_refused_before_anything_is_touched(
    browser: Browser, horizon: HorizonLab, cloud: Cloud, shots: Path
) -> None:
    with logged_in(browser, horizon, "lab-demo", shots) as member:
        member.show_more(LINES)
        assert len(member.rows("/mistral/workflows/")) == len(WORKFLOWS)
        started = member.execute("recovery.process.recover", host="compute8")
        state, hover = member.end(started)
        assert state == "Error"
        assert hover.startswith("Failed listing compute services: Policy doesn't allow"), hover
    assert cloud.service("compute8")["status"] == "enabled"
