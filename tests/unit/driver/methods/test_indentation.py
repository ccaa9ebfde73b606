"""Chains that were pasted from Masakari's guide: what to indent is said, and all else is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_config import cfg, types

from driver.methods import masakari_ini
from driver.methods.model import MethodsError
from driver.methods.reader import read_methods

SECTION = "[taskflow_driver_recovery_flows]"
NAME = "host_auto_failure_recovery_tasks"
# Masakari's guide prints a chain so, and indents all of it
PRINTED = f"""\
{NAME} = {{
'pre': ['disable_compute_service_task', 'no_op'],
'main': ['no_op', 'prepare_HA_enabled_instances_task'],
'post': ['evacuate_instances_task']}}
"""
AT_THE_MARGIN = f"{SECTION}\n{PRINTED}"
ALL_INDENTED = f"{SECTION}\n" + "".join(f"        {line}\n" for line in PRINTED.splitlines())
BRACE_AT_THE_MARGIN = f"""\
{SECTION}
{NAME} = {{
  'pre': ['disable_compute_service_task', 'no_op'],
  'main': [
    'no_op',
    'prepare_HA_enabled_instances_task'
  ],
  'post': [
    'evacuate_instances_task'
  ]
}}
"""
GUIDES = {
    AT_THE_MARGIN: f"F:3: {SECTION} {NAME}: lines 3 to 5 go on with the value of line 2:"
    " indent them",
    ALL_INDENTED: f"F:2: {SECTION} {NAME}: an option begins at the margin: remove the blanks before"
    " it, not those before the lines that go on with it",
    BRACE_AT_THE_MARGIN: f"F:11: {SECTION} {NAME}: line 11 goes on with the value of line 2:"
    " indent it",
}
CHAIN = {
    "pre": ["disable_compute_service_task", "no_op"],
    "main": ["no_op", "prepare_HA_enabled_instances_task"],
    "post": ["evacuate_instances_task"],
    "finally": [],
}


def problems_of(text):
    with pytest.raises(MethodsError) as caught:
        read_methods(text, "F")
    return [str(problem) for problem in caught.value.problems]


def chain_of(text):
    phases = read_methods(text, "F").chains["host_auto_failure"].phases
    return {phase: [entry.name for entry in entries] for phase, entries in phases.items()}


@pytest.mark.parametrize("text", GUIDES)
def test_what_must_be_indented_is_the_only_thing_reported(text):
    assert problems_of(text) == [GUIDES[text]]


def read_with_oslo(conf, path):
    conf([], default_config_files=[str(path)])
    return conf.taskflow_driver_recovery_flows[NAME]


@pytest.mark.parametrize("text", GUIDES)
def test_oslo_config_refuses_these_files_as_well(text, tmp_path):
    of_masakari = types.Dict(types.List(types.String(quotes=True), bounds=True))
    path = tmp_path / "m.conf"
    path.write_text(text)
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.Opt(NAME, of_masakari), group="taskflow_driver_recovery_flows")
    with pytest.raises((cfg.ConfigFileParseError, cfg.ConfigFileValueError)):
        read_with_oslo(conf, path)


def test_when_the_lines_are_indented_as_the_messages_say_the_file_is_read():
    head, *rest = AT_THE_MARGIN.splitlines()[1:]
    assert chain_of("\n".join([SECTION, head, *(f" {line}" for line in rest)])) == CHAIN
    assert chain_of(ALL_INDENTED.replace(f"        {NAME}", NAME)) == CHAIN
    assert chain_of(BRACE_AT_THE_MARGIN.replace("\n}", "\n }")) == CHAIN


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_ends_of_any_system_are_line_ends(end):
    assert problems_of(AT_THE_MARGIN.replace("\n", end)) == [GUIDES[AT_THE_MARGIN]]


def test_a_chain_without_braces_goes_on_at_the_margin_as_well():
    text = f"{SECTION}\n{NAME} = pre:[],\nmain:[no_op],\n  post:[\nno_op]\n"
    assert problems_of(text) == [
        f"F:3: {SECTION} {NAME}: line 3 goes on with the value of line 2: indent it",
        f"F:5: {SECTION} {NAME}: line 5 goes on with the value of line 2: indent it",
    ]


def test_every_line_up_to_the_last_bracket_goes_on():
    value = "\n{\n'main':\n[\n'no_op',\n]\n}"
    assert problems_of(f"{SECTION}\n{NAME} = {value}\n[DEFAULT]\nx = 1\n") == [
        f"F:3: {SECTION} {NAME}: lines 3 to 8 go on with the value of line 2: indent them"
    ]


@pytest.mark.parametrize("line", ["", "# then", "; then"])
def test_a_line_that_ends_a_value_is_reported_beside_the_indentation(line):
    found = problems_of(AT_THE_MARGIN.replace("\n'main'", f"\n{line}\n'main'"))
    assert [problem.split(": ", 2)[2][:23] for problem in found] == [
        "line 3 goes on with the",
        "lines 5 to 6 go on with",
        "the value has ended: no",
    ]


def test_a_mistake_in_a_line_that_is_not_indented_is_reported_with_it():
    text = AT_THE_MARGIN.replace("'post'", "'pots'").replace("no_op", "no op", 1)
    assert [problem.split(": ", 2)[2][:30] for problem in problems_of(text)] == [
        "lines 3 to 5 go on with the va",
        "'no op' is not a name: letters",
        "unknown phase 'pots' (there ar",
    ]


def test_each_chain_and_each_gap_has_its_own_line():
    rh = NAME.replace("auto", "rh")
    text = f"{SECTION}\n{NAME} = {{\nmain: [no_op]}}\n  {rh} = main: [no_op]\n"
    assert problems_of(text) == [
        f"F:3: {SECTION} {NAME}: line 3 goes on with the value of line 2: indent it",
        f"F:4: {SECTION} {rh}: an option begins at the margin: remove the blanks before it, not"
        " those before the lines that go on with it",
    ]


def test_another_option_ends_a_chain_that_was_never_closed():
    found = problems_of(f"{SECTION}\n{NAME} = {{\n  main: [no_op]\nretries = 3\npre: [a]\n")
    assert found == [
        f"F:3: {SECTION} {NAME}: expected '}}' or ',', found the end of the value",
        *(
            f"F:{line}: {SECTION} {name}: unknown option; there are"
            f" {', '.join(masakari_ini.OPTIONS)}"
            for line, name in ((4, "retries"), (5, "pre"))
        ),
    ]


@pytest.mark.parametrize("section", [SECTION, SECTION.upper()])
def test_a_file_that_is_indented_as_a_whole_is_masakaris(section):
    text = "".join(f"  {line}\n" for line in [section, *PRINTED.splitlines()])
    assert problems_of(text)[0] == (
        f"F:1: {section}: a section begins at the margin: remove the blanks before it"
    )


@pytest.mark.parametrize("indent", ["", "    "])
def test_a_chain_without_its_section_is_masakaris(indent):
    text = "# from the guide\n\n" + "".join(f"{indent}{line}\n" for line in PRINTED.splitlines())
    found = problems_of(text)
    assert f"F:1: no {SECTION} is in this file: nothing to compile" in found
    assert f"F:3: {NAME}: stands before the first [section]" in found
    assert len(found) == 3


LINES = [SECTION, f" {SECTION}", "[x]", f"{NAME} =", f"{NAME} = {{", f"  {NAME}: {{"]
LINES += ["'pre': ['no_op'],", "  pre: [no_op],", "main: [no_op]", "  main: [", "no_op", "  no_op,"]
LINES += ["[", "]", "{", "}", "  }", "  ]}", "", "# x", " # x", "a = b", "a: [b]", "  a = b"]
LINES += [f"{NAME.replace('auto', 'rh')} = main:[no_op]"]


@settings(deadline=None, print_blob=True, max_examples=500)
@given(lines=st.lists(st.sampled_from(LINES), max_size=9))
def test_nothing_is_moved_in_a_file_that_is_read_as_it_is(lines):
    text = "\n".join([SECTION, *lines])
    moved = []
    masakari_ini.indented(text, "F", masakari_ini.SECTION, masakari_ini.OPTIONS, moved)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masakari_ini, "indented", lambda text, *_: text)
        refused = []
        masakari_ini.read_masakari_ini(text, "F", refused)
    assert refused or not moved
