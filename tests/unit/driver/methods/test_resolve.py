"""What a name stands for in one Mistral, or why the file is refused."""

import pytest

from driver.methods.defaults import default_methods
from driver.methods.model import MethodsError
from driver.methods.reader import read_methods
from driver.methods.resolve import resolve
from tests.unit.driver.methods.catalogues import KNOWN

FILE = """\
# what is done at night
{failure}: {{main: [{chain}]}}
tasks: {{{settings}}}
"""


def read(chain, settings="", failure="host_auto_failure"):
    text = FILE.format(failure=failure, chain=chain, settings=settings)
    return read_methods(text, "night.conf")


def resolved(chain, settings="", failure="host_auto_failure", known=KNOWN):
    return resolve(read(chain, settings, failure), known)[failure]


def refused(chain, settings="", failure="host_auto_failure", known=KNOWN):
    """Return the problems as text: line and message."""
    with pytest.raises(MethodsError) as caught:
        resolved(chain, settings, failure, known)
    return [f"{problem.place.line}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "settings", "kind", "calls"),
    [
        ("std.noop", "", "action", "std.noop"),
        ("night.escalate", "", "workflow", "night.escalate"),
        ("no_op", "", "action", "std.noop"),
        ("no_op", "no_op: {workflow: night.escalate}", "workflow", "night.escalate"),
        ("call", "call: {workflow: night.escalate}", "workflow", "night.escalate"),
        ("call", "call: {action: std.noop}", "action", "std.noop"),
        ("std.noop", "std.noop: {timeout: 5}", "action", "std.noop"),
    ],
)
def test_a_name_is_what_the_file_says_or_a_block_or_an_action_or_a_workflow(
    name, settings, kind, calls
):
    (one,) = resolved(name, settings)
    assert (one.kind, one.calls, one.entry.name) == (kind, calls, name)


def test_the_defaults_need_no_mistral_to_be_resolved():
    found = resolve(default_methods(), None)
    assert [one.calls for one in found["host_rh_failure"]][-1] == (
        "recovery.evacuation.to_reserved_hosts"
    )
    assert {failure: [one.calls for one in chain] for failure, chain in found.items()} == {
        failure: [one.calls for one in chain]
        for failure, chain in resolve(default_methods(), KNOWN).items()
    }


@pytest.mark.parametrize(
    ("chain", "settings", "problems"),
    [
        (
            "evacuate_instance_task",
            "",
            [
                "2: this Mistral has no task, action or workflow 'evacuate_instance_task';"
                " did you mean 'evacuate_instances_task'?"
            ],
        ),
        (
            "std.ehco",
            "",
            [
                "2: this Mistral has no task, action or workflow 'std.ehco';"
                " did you mean 'std.echo'?"
            ],
        ),
        (
            "call",
            "call: {\n  action: std.nop}",
            ["4: this Mistral has no action 'std.nop'; did you mean 'std.noop'?"],
        ),
        (
            "call",
            "call: {workflow: std.noop}",
            ["3: in this Mistral 'std.noop' is no workflow: write action: std.noop"],
        ),
        (
            "stop_instance_task",
            "",
            [
                "2: stop_instance_task is a task of instance_failure: in host_auto_failure it has"
                " nothing to work on"
            ],
        ),
        (
            "std.echo",
            "std.echo: {input: {outptu: x}}",
            [
                "3: action std.echo has no input 'outptu'; did you mean 'output'?",
                "3: action std.echo needs the input 'output', which nobody provides: give it in"
                " tasks.std.echo. What a recovery hands over by itself: host, servers, failure,"
                " plan, report, results",
            ],
        ),
        (
            "night.wake",
            "",
            [
                "2: action night.wake needs the input 'server', which nobody provides: give it in"
                " tasks.night.wake. What a recovery hands over by itself: host, servers, failure,"
                " plan, report, results"
            ],
        ),
        (
            "evacuate_instances_task",
            "evacuate_instances_task: {input: {\n  # no\n  plan: b}}",
            [
                "5: the input 'plan' of evacuate_instances_task is given by the recovery itself:"
                " leave it out"
            ],
        ),
        (
            "std.echo",
            'std.echo: {input: {output: [\n  {"{{ x }}": 1}]}}',
            ["3: the key '{{ x }}' looks like an expression, and a key cannot be one"],
        ),
        (
            "std.noop",
            "std.noop: {retry: {count: 2, delay: 30}, timeout: 30}",
            [
                "3: the timeout of 30 s is over before a second try could begin, which is 30 s"
                " after the first: give a longer timeout or a shorter delay"
            ],
        ),
    ],
)
def test_what_cannot_be_run_is_refused_with_line_and_remedy(chain, settings, problems):
    assert refused(chain, settings) == problems


def test_all_problems_of_a_file_are_told_together():
    assert len(refused("nowhere, std.echo, night.wake, stop_instance_task")) == 4


def test_a_mistral_without_the_pack_is_told_from_a_misspelling():
    known = type(KNOWN)({"std.noop": KNOWN.actions["std.noop"]})
    of_the_file = [
        [text for text in refused("evacuate_instances_task", "", failure, known) if text[0] == "2"]
        for failure in ("host_auto_failure", "host_rh_failure")
    ]
    assert of_the_file == [
        [
            "2: this Mistral has no action 'recovery.evacuate_servers': the actions of this pack"
            " must be installed beside its executors"
        ],
        [
            "2: this Mistral has no workflow 'recovery.evacuation.to_reserved_hosts': run"
            " `openstack recovery sync` first"
        ],
    ]


def test_a_required_input_is_handed_over_only_if_the_file_does_not_give_it():
    own = resolved("night.confirm", "night.confirm: {input: {servers: []}}")[0]
    assert own.handed == {"report": "<% $.report %>"}
    every = resolved("night.wake", failure="instance_failure")[0]
    assert every.handed == {
        "failure": "instance_failure",
        "host": "<% $.plan.server.host %>",
        "server": "<% $.plan.server.id %>",
    }


def test_an_action_that_takes_anything_is_given_what_the_file_says_and_no_more():
    (one,) = resolved("night.any", "night.any: {input: {whatever: 1}}")
    assert one.handed == {}


@pytest.mark.parametrize(
    ("name", "settings", "is_own"),
    [
        ("no_op", "", True),
        ("recovery.disable_host", "", True),
        ("call", "call: {action: recovery.disable_host}", True),
        ("std.noop", "", False),
        ("night.escalate", "", False),
        ("no_op", "no_op: {action: night.any}", False),
    ],
)
def test_only_what_is_of_the_pack_may_be_run_again_by_any_process(name, settings, is_own):
    assert resolved(name, settings)[0].is_own is is_own


@pytest.mark.parametrize(
    ("chain", "settings", "says"),
    [
        (
            "evacuate_instances_task",
            "evacuate_instances_task: {on_error: continue}",
            "3: a recovery whose evacuate_instances_task has failed has failed: leave on_error out",
        ),
        (
            "disable_compute_service_task",
            "disable_compute_service_task: {retry: 2}",
            "3: disable_compute_service_task is looked at until it has finished or is late: leave"
            " retry out",
        ),
        (
            "no_op",
            "evacuate_instances_task: {timeout: 60}",
            "3: Mistral would end evacuate_instances_task and let go on what it has begun: leave"
            " timeout out (evacuation_timeout is that of each server)",
        ),
    ],
)
def test_what_would_end_a_recovery_wrongly_is_refused(chain, settings, says):
    assert says in refused(chain, settings)
