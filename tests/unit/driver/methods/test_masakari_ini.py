"""Masakari's file is read as it is: its section, in both notations, and nothing else of it."""

import pathlib

import pytest

from driver.methods import model
from driver.methods.defaults import default_methods
from driver.methods.model import MethodsError
from driver.methods.reader import read_methods

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

SECTION = "[taskflow_driver_recovery_flows]"
OPTION = f"{SECTION} host_rh_failure_recovery_tasks"
CHAIN = f"{SECTION}\nhost_rh_failure_recovery_tasks = {{\n  pre: [alert],\n  %s}}\n"


def names(chain):
    return {
        phase: [entry.name for entry in entries]
        for phase, entries in chain.phases.items()
        if entries
    }


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
        assert chain.place.path == f"{SECTION} {failure}_recovery_tasks"
        assert defaults.chains[failure].place is None
    assert (methods.source, defaults.source) == ("F", None)
    assert methods.tasks == {}


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
        "[taskflow_driver_recovery_flows]\nhost_rh_failure_recovery_tasks =",
        "[Taskflow_Driver_Recovery_Flows]\nhost_rh_failure_recovery_tasks :",
    ],
)
def test_a_chain_is_read_in_any_notation(option, value):
    chain = read_methods(f"{option} {value}\n", "F").chains["host_rh_failure"]
    assert names(chain) == {"pre": ["a"], "main": ["b", "c"]}
    assert list(chain.phases) == list(model.PHASES)


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ("", "an empty chain (no phase main): give at least one task, as in main:[no_op]"),
        ("main: []", "an empty chain (an empty phase main)"),
        ("main: [a], manin: [b]", "unknown phase 'manin' (there are pre, main, post); did"),
        ("main: [a], Post: []", "unknown phase 'Post' (there are pre"),
        ("main: [a], main: [b]", "the phase 'main' is given again"),
        ("main: a", "expected '[', found 'a'"),
        ("main [a]", "expected ':', found '['"),
        ("main: [a b]", "expected ']' or ',', found 'b'"),
        ("main: [a,,b]", "expected the name of a task or ']', found ','"),
        ("main: [a], [b]", "expected a phase (pre, main, post), found '['"),
        ("main: [a]} x", "expected the end of the value, found 'x'"),
        ("main: ['a]", "the quote ' is not closed on its line"),
        ('main: [a"]', 'the quote " is not closed on its line'),
        ("main: [a: b]", "expected ']' or ',', found ':'"),
    ],
)
def test_a_chain_that_cannot_be_carried_out_is_refused_at_its_line(phases, message):
    line = 4 if phases else 2
    assert problem_of(CHAIN % phases).startswith(f"F:{line}: {OPTION}: {message}")


@pytest.mark.parametrize("name", ["<% $.x %>", "a: b", "-a", "$a", "ü", "", "a\x1b[0m", "x" * 65])
def test_a_name_is_a_name_and_nothing_else(name):
    problem = problem_of(CHAIN % f'main: ["{name}"]')
    assert problem.startswith(f"F:4: {OPTION}: '")
    assert "is not a name: letters, digits, _ . and -" in problem
    assert problem.isprintable()


@pytest.mark.parametrize("end", ["", "main: [a", "main: [a],\n  post: [b"])
def test_a_chain_that_never_ends_is_refused_at_its_last_line(end):
    option = "host_rh_failure_recovery_tasks"
    problem = problem_of(f"{SECTION}\n{option} = {{\n  pre: [c],\n  {end}\n\n\n")
    assert problem.startswith(f"F:{3 + len(end.splitlines())}: ")
    assert "found the end of the value" in problem


def test_masakaris_section_has_no_finally():
    text = f"{SECTION}\nhost_rh_failure_recovery_tasks = main:[a],finally:[b]\n"
    assert problem_of(text) == (
        f"F:2: {OPTION}: Masakari has no phase 'finally': write this file as YAML to have it"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "host_auto_failure_recovery_task = main:[a]",
            "unknown option; did you mean 'host_auto_failure_recovery_tasks'?",
        ),
        ("HOST_RH_FAILURE_RECOVERY_TASKS = main:[a]", "unknown option; did you mean 'host_rh_f"),
        ("task.alert = {}", "unknown option; there are instance_failure_recovery_tasks, proce"),
        (
            "host_rh_failure_recovery_tasks = main:[alert]",
            "given again; it is given in line 2 already",
        ),
    ],
)
def test_an_option_that_means_nothing_is_refused(line, message):
    problem = problem_of(CHAIN % "main: [alert]" + line + "\n")
    assert problem.startswith(f"F:5: {SECTION} {line.split(' =')[0]}: {message}")


def test_an_option_given_again_under_another_header_of_its_section_is_refused():
    option = "host_rh_failure_recovery_tasks"
    text = f"{SECTION}\n{option} = main:[a]\n[other]\n{SECTION}\n{option} = main:[a]\n"
    assert problem_of(text) == f"F:5: {OPTION}: given again; it is given in line 2 already"


@pytest.mark.parametrize(
    "section",
    [
        "taskflow_driver_recovery_flow",
        "taskflow-driver-recovery-flows",
        " taskflow_driver_recovery_flows ",
        "Taskflow_Driver_Recovrey_Flows",
    ],
)
def test_a_misspelled_section_is_refused(section):
    text = f"{SAMPLE}[{section}]\na = b\n"
    place = f"F:{SAMPLE.count(chr(10)) + 1}: [{section}]"
    assert problem_of(text) == f"{place}: unknown section; did you mean {SECTION}?"


@pytest.mark.parametrize("section", ["recovery_methods", "Recovery_Methods"])
@pytest.mark.parametrize("sample", ["", SAMPLE])
def test_chains_that_are_not_masakaris_are_not_read_from_its_file(section, sample):
    text = f"{sample}[{section}]\nhost_rh_failure = main:[a], finally:[b]\ntask.a = {{}}\n"
    assert problem_of(text) == (
        f"F:{sample.count(chr(10)) + 1}: [{section}]: this section is not read: chains with"
        " `finally` and settings of tasks are written as YAML (docs/recovery-methods.md)"
    )


def test_other_sections_belong_to_the_operator():
    other = "[recovery]\ntask.x = {\n[recovery_methods_billing]\na = <% x\na = again\n[billing]\n"
    assert names(read_methods(SAMPLE + other, "F").chains["process_failure"])


def test_a_file_without_masakaris_section_is_the_wrong_file():
    message = "F:1: no [taskflow_driver_recovery_flows] is in this file: nothing to compile"
    assert problem_of("[DEFAULT]\nhost = x\n") == message


def test_all_problems_of_a_file_are_reported_by_line():
    text = "x = 1\n" + CHAIN % "manin: [a b]" + "y\n[taskflow_driver_recovry_flows]\n"
    lines = [problem.split(":")[1] for problem in problems_of(text)]
    assert lines == ["1", "5", "5", "6", "7"]
