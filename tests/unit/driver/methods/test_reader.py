"""A file of recovery methods is read as its author meant it, or refused line by line."""

import pathlib

import pytest

from driver.methods import model
from driver.methods.model import MethodsError, Retry
from driver.methods.reader import default_methods, read_methods
from driver.text.problems import Place
from driver.workbooks.literals import Yaql

# As Masakari's configuration generator writes it
SAMPLE = (
    pathlib.Path(__file__).with_name("masakari-custom-recovery-methods.conf").read_text("utf-8")
)

# As Masakari's guide for operators shows it
GUIDE = """\
[taskflow_driver_recovery_flows]
host_auto_failure_recovery_tasks = {
    'pre': ['disable_compute_service_task', 'custom_pre_task'],
    'main': ['custom_main_task', 'prepare_HA_enabled_instances_task'],
    'post': ['evacuate_instances_task', 'custom_post_task']}

[third_party]
retries = 3
"""

OURS = """\
[recovery_methods]
host_rh_failure = {
    pre: [alert, disable_compute_service_task],
    # servers come before the bill
    main: [prepare_HA_enabled_instances_task, evacuate_instances_task],
    post: [billing],  # over HTTP
    finally: [alert]}
task.alert = {
    action: std.email,
    input: {to_addrs: [night@example.org], smtp_server: "127.0.0.1:2525",
            subject: Recovery, body: !yaql "$.report.message"},
    timeout: 30,                             # seconds
    retry: {count: 3, delay: 5},
    on_error: continue}
task.billing = {workflow: billing.update, retry: 2}
"""


def names(chain):
    return {phase: [step.name for step in steps] for phase, steps in chain.phases.items() if steps}


def problems_of(text):
    with pytest.raises(MethodsError) as caught:
        read_methods(text, "F")
    return [str(problem) for problem in caught.value.problems]


def problem_of(text):
    problems = problems_of(text)
    assert len(problems) == 1, problems
    return problems[0]


def test_masakaris_own_sample_says_masakaris_defaults():
    methods, defaults = read_methods(SAMPLE, "F"), default_methods()
    assert list(methods.chains) == list(defaults.chains) == list(model.FAILURES)
    for failure, chain in methods.chains.items():
        assert names(chain) == names(defaults.chains[failure])
        assert chain.place.path.startswith("[taskflow_driver_recovery_flows]")
        assert defaults.chains[failure].place is None
    assert (methods.source, defaults.source) == ("F", None)


def test_the_notation_of_masakaris_guide_is_read():
    methods = read_methods(GUIDE, "F")
    assert names(methods.chains["host_auto_failure"]) == {
        "pre": ["disable_compute_service_task", "custom_pre_task"],
        "main": ["custom_main_task", "prepare_HA_enabled_instances_task"],
        "post": ["evacuate_instances_task", "custom_post_task"],
    }
    assert methods.chains["host_auto_failure"].phases["post"][1].place.line == 5
    assert methods.chains["host_rh_failure"].place is None


@pytest.mark.parametrize(
    "value",
    [
        "pre:[a],main:[b,c]",
        "main : [ b , c ] , pre : [ a ]",
        "pre:['a'],\n  main:[\"b\",\n  'c'],post:[]",
        "{pre: [a], main: [b, c]}",
        "{'pre': ['a'], \"main\": ['b', c,],}",
        "{\n  pre: [a],  # first\n  # then\n  main: [b, c]\n  }",
        "'pre:[a],main:[b,c]'",
        "pre:[a],main:[b,c],",
    ],
)
@pytest.mark.parametrize(
    "option",
    [
        "[recovery_methods]\nhost_rh_failure =",
        "[taskflow_driver_recovery_flows]\nhost_rh_failure_recovery_tasks =",
        "[Recovery_Methods]\nhost_rh_failure :",
    ],
)
def test_both_sections_read_a_chain_in_any_notation(option, value):
    chain = read_methods(f"{option} {value}\n", "F").chains["host_rh_failure"]
    assert names(chain) == {"pre": ["a"], "main": ["b", "c"]}
    assert list(chain.phases) == list(model.PHASES)


def test_settings_are_read_with_the_place_of_each():
    methods = read_methods(OURS, "F")
    alert, billing = methods.tasks["alert"], methods.tasks["billing"]
    assert (alert.calls, alert.kind, alert.timeout) == ("std.email", "action", 30)
    assert (alert.retry, alert.on_error) == (Retry(3, 5), "continue")
    assert alert.input == {
        "to_addrs": ["night@example.org"],
        "smtp_server": "127.0.0.1:2525",
        "subject": "Recovery",
        "body": Yaql("$.report.message"),
    }
    assert {key: place.line for key, place in alert.places.items()} == {
        "action": 9,
        "input": 10,
        "input.to_addrs": 10,
        "input.smtp_server": 10,
        "input.subject": 11,
        "input.body": 11,
        "timeout": 12,
        "retry": 13,
        "on_error": 14,
    }
    assert alert.place == Place("F", 8, "[recovery_methods] task.alert")
    assert (billing.calls, billing.kind, billing.retry) == (
        "billing.update",
        "workflow",
        Retry(2, 10),
    )
    assert (billing.input, billing.timeout, billing.on_error) == ({}, None, None)
    assert names(methods.chains["host_rh_failure"])["finally"] == ["alert"]


CHAIN = "[recovery_methods]\nhost_rh_failure = {\n  pre: [alert],\n  %s}\n"


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ("", "an empty chain (no phase main): give at least one task, as in main:[no_op]"),
        ("main: []", "an empty chain (an empty phase main)"),
        (
            "main: [a], manin: [b]",
            "unknown phase 'manin' (there are pre, main, post, finally); did",
        ),
        ("main: [a], Post: []", "unknown phase 'Post' (there are pre"),
        ("main: [a], main: [b]", "the phase 'main' is given again"),
        ("main: a", "expected '[', found 'a'"),
        ("main [a]", "expected ':', found '['"),
        ("main: [a b]", "expected ']' or ',', found 'b'"),
        ("main: [a,,b]", "expected the name of a task or ']', found ','"),
        ("main: [a], [b]", "expected a phase (pre, main, post, finally), found '['"),
        ("main: [a]} x", "expected the end of the value, found 'x'"),
        ("main: ['a]", "the quote ' is not closed on its line"),
        ('main: [a"]', 'the quote " is not closed on its line'),
        ("main: [a: b]", "expected ']' or ',', found ':'"),
    ],
)
def test_a_chain_that_cannot_be_carried_out_is_refused_at_its_line(phases, message):
    lines = {"": 2}
    text = CHAIN % phases
    assert problem_of(text).startswith(
        f"F:{lines.get(phases, 4)}: [recovery_methods] host_rh_failure: {message}"
    )


@pytest.mark.parametrize(
    "name",
    [
        "<% $.x %>",
        "{{ x }}",
        "a: b",
        "a b",
        "-a",
        "9a",
        "../a",
        "!yaql x",
        "&a",
        "*a",
        "a#b",
        "$a",
        "ü",
        "",
        " a",
        "a\x1b[0m",
        "a\u2028b",
        "x" * 65,
        "a'b",
        "a,b",
        "\U0001f600",
        "a\x00b",
    ],
)
def test_a_name_is_a_name_and_nothing_else(name):
    problem = problem_of(CHAIN % f'main: ["{name}"]')
    assert problem.startswith("F:4: [recovery_methods] host_rh_failure: '")
    assert "is not a name: letters, digits, _ . and -" in problem
    assert problem.isprintable()


@pytest.mark.parametrize("end", ["", "main: [a", "main: [a],\n  post: [b"])
def test_a_chain_that_never_ends_is_refused_at_its_last_line(end):
    problem = problem_of(f"[recovery_methods]\nhost_rh_failure = {{\n  pre: [c],\n  {end}\n\n\n")
    assert problem.startswith(f"F:{3 + len(end.splitlines())}: ")
    assert "found the end of the value" in problem


def test_masakaris_section_has_no_finally():
    text = (
        "[taskflow_driver_recovery_flows]\nhost_rh_failure_recovery_tasks = main:[a],finally:[b]\n"
    )
    assert problem_of(text) == (
        "F:2: [taskflow_driver_recovery_flows] host_rh_failure_recovery_tasks:"
        " the phase 'finally' is known in [recovery_methods] only; move the chain there"
    )


def test_a_chain_given_in_both_sections_is_refused_with_both_places():
    text = "[recovery_methods]\nhost_rh_failure = main:[a]\n" + SAMPLE
    assert problem_of(text) == (
        "F:48: [taskflow_driver_recovery_flows] host_rh_failure_recovery_tasks: the chain of"
        " host_rh_failure is given at F:2: [recovery_methods] host_rh_failure already; keep one"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("host_auto_failur = main:[a]", "unknown option; did you mean 'host_auto_failure'?"),
        ("HOST_RH_FAILURE = main:[a]", "unknown option; there are instance_failure, process_f"),
        ("taks.alert = {}", "unknown option; did you mean 'task.alert'?"),
        ("task.alret = {}", "no chain names alret; did you mean 'alert'?"),
        ("task.main = {}", "no chain names main"),
        ("task.a b = {}", "'a b' is not a name: letters"),
        ("task. = {}", "'' is not a name: letters"),
        ("host_rh_failure = main:[alert]", "given again; it is given in line 2 already"),
    ],
)
def test_an_option_that_means_nothing_is_refused(line, message):
    text = CHAIN % "main: [alert]" + line + "\n"
    assert problem_of(text).startswith("F:5: [recovery_methods] ")
    assert f": {message}" in problem_of(text)


def test_an_option_given_again_under_another_header_of_its_section_is_refused():
    text = OURS + "[recovery_methods]\ntask.billing = {}\n"
    assert problem_of(text) == (
        "F:17: [recovery_methods] task.billing: given again; it is given in line 15 already"
    )


@pytest.mark.parametrize(
    "section", ["recovery_method", "recovery-methods", " recovery_methods ", "Recovery_Metods"]
)
def test_a_misspelled_section_is_refused(section):
    text = f"{SAMPLE}[{section}]\na = b\n"
    place = f"F:{SAMPLE.count(chr(10)) + 1}: [{section}]"
    assert problem_of(text) == f"{place}: unknown section; did you mean [recovery_methods]?"


def test_other_sections_belong_to_the_operator():
    other = "[recovery]\ntask.x = {\n[recovery_methods_billing]\na = <% x\na = again\n[billing]\n"
    assert names(read_methods(SAMPLE + other, "F").chains["process_failure"])


def test_a_file_without_any_section_of_ours_is_the_wrong_file():
    message = "neither [recovery_methods] nor [taskflow_driver_recovery_flows] is in this file"
    for text in ("", "# nothing\n", "[DEFAULT]\nhost = x\n"):
        assert problem_of(text).startswith(f"F:1: {message}")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "timout: 3",
            "unknown key 'timout' (there are action, workflow, input, timeout, retry, on_",
        ),
        ("timeout: 0", "timeout must be a whole number from 1 to 86400 seconds, not 0"),
        ("timeout: 86401", "timeout must be a whole number from 1 to 86400 seconds, not 86401"),
        ("timeout: 1.5", "timeout must be a whole number from 1 to 86400 seconds, not 1.5"),
        ("timeout: true", "timeout must be a whole number from 1 to 86400 seconds, not true"),
        ('timeout: "30"', "timeout must be a whole number from 1 to 86400 seconds, not '30'"),
        ("timeout: null", "timeout must be a whole number from 1 to 86400 seconds, not null"),
        (
            "timeout: !yaql $.x",
            "timeout must be a whole number from 1 to 86400 seconds, not an exp",
        ),
        ("retry: 0", "retry must be a whole number from 1 to 1000, not 0"),
        ("retry: 1001", "retry must be a whole number from 1 to 1000, not 1001"),
        ("retry: [3]", "retry must be a whole number from 1 to 1000, not a list"),
        ("retry: {count: 0}", "count must be a whole number from 1 to 1000, not 0"),
        ("retry: {count: 3, delay: 3601}", "delay must be a whole number from 1 to 3600 seconds"),
        ("retry: {delay: 3}", "retry needs a count, as in {count: 3, delay: 10}"),
        ("retry: {count: 3, dely: 3}", "unknown key 'dely' (there are count, delay); did you mean"),
        ("on_error: ignore", "on_error must be fail or continue, not 'ignore'"),
        (
            "on_error: contine",
            "on_error must be fail or continue, not 'contine'; did you mean 'con",
        ),
        ("on_error: [fail]", "on_error must be fail or continue, not a list"),
        ("input: [a]", "input must be a mapping in braces, not a list"),
        ("input: !yaql $.x", "input must be a mapping in braces, not an expression"),
        ('input: {"a b": 1}', "'a b' is not the name of an input"),
        ("action: 7", "7 is not a name"),
        ('action: "std.echo output=1"', "'std.echo output=1' is not a name"),
        ('workflow: "<% $.x %>"', "'<% $.x %>' is not a name"),
        ("action: !yaql $.x", "an expression is not a name"),
        ("action: a, workflow: b", "either an action or a workflow, not both"),
        ("on_error: *x", "the anchor or alias 'x'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_its_line(setting, message):
    text = CHAIN % "main: [alert]" + f"task.alert = {{\n  {setting}}}\n"
    assert problem_of(text).startswith(f"F:6: [recovery_methods] task.alert: {message}")


def test_the_limits_themselves_are_allowed():
    settings = "{timeout: 86400, retry: {count: 1000, delay: 3600}, on_error: fail}"
    task = read_methods(CHAIN % "main: [alert]" + f"task.alert = {settings}\n", "F").tasks["alert"]
    assert (task.timeout, task.retry, task.on_error) == (86400, Retry(1000, 3600), "fail")


def test_settings_without_a_setting_say_nothing():
    task = read_methods(CHAIN % "main: [alert]" + "task.alert = {}\n", "F").tasks["alert"]
    assert (task.calls, task.kind, task.input, task.places) == (None, None, {}, {})


def test_settings_may_be_for_a_name_of_a_default_chain_or_of_a_broken_one():
    text = CHAIN % "main: [x, y" + "task.y = {}\ntask.no = {}\ntask.stop_instance_task = {}\n"
    first, second = problems_of(text)
    assert first.startswith("F:4: [recovery_methods] host_rh_failure: expected ']'")
    assert second.startswith("F:6: [recovery_methods] task.no: no chain names no")


def test_all_problems_of_a_file_are_reported_by_line():
    text = (
        "x = 1\n"
        + CHAIN % "manin: [a b]"
        + "task.a = {timeout: 0,\n  retry: x}\n[recovry_methods]\n"
    )
    assert [problem.split(":")[1] for problem in problems_of(text)] == [
        "1",
        "5",
        "5",
        "6",
        "7",
        "8",
    ]
