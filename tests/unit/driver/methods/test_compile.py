"""What recovery methods compile to, as text and as what Mistral reads in it."""

import json

import pytest
import yaml
import yaql
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from driver.methods.compile import compile_methods
from driver.methods.defaults import default_methods
from driver.methods.model import MethodsError
from driver.methods.reader import read_methods
from driver.methods.resolve import resolve
from driver.workbooks.header import is_operators, methods_header
from driver.workbooks.lint import lint
from driver.workbooks.literals import MARKS, block, constant, literal
from tests.unit.driver.methods.catalogues import KNOWN
from tests.unit.driver.methods.random_files import files, values


def compiled(text, file="etc/night.yaml"):
    methods = read_methods(text, file)
    return compile_methods(methods, resolve(methods, KNOWN))


def workflow(text, name="host_auto_failure"):
    return compiled(text).workbook.definition["workflows"][name]


def tasks(text, name="host_auto_failure"):
    return workflow(text, name)["tasks"]


def with_noops(names):
    """Return a file with tasks of these names, each of which does nothing."""
    chain = {"main": names}
    told = {name: {"action": "std.noop"} for name in names}
    return json.dumps({"host_auto_failure": chain, "tasks": told})


def test_a_workflow_is_compiled_for_each_failure_and_for_each_finally():
    book = compiled("process_failure: {main: [no_op], finally: [std.noop]}").workbook
    assert list(book.definition["workflows"]) == [
        "instance_failure",
        "process_failure",
        "process_failure_finally",
        "host_auto_failure",
        "host_rh_failure",
    ]


def test_the_tasks_of_a_chain_follow_each_other_through_its_phases():
    found = tasks("host_auto_failure: {pre: [no_op], main: [std.noop, std.noop], post: [no_op]}")
    assert {name: task.get("on-success") for name, task in found.items()} == {
        "no_op": ["std_noop"],
        "std_noop": ["std_noop_2"],
        "std_noop_2": ["no_op_2"],
        "no_op_2": None,
    }


def test_names_with_a_meaning_of_their_own_are_no_names_of_tasks():
    names = ["noop", "fail", "succeed", "pause", "version", "start_finally", "report_end"]
    found = tasks(with_noops(names))
    assert list(found) == [*(f"{name}_2" for name in names)]


def test_names_that_yaml_takes_for_values_stay_names():
    found = tasks(with_noops(["on", "null", "yes"]))
    assert list(found) == ["on", "null", "yes"]


def test_two_names_that_become_the_same_task_name_are_numbered():
    found = tasks(with_noops(["a.b", "a-b"]))
    assert list(found) == ["a_b", "a_b_2"]


def test_finally_goes_on_numbering_so_that_no_result_replaces_another():
    text = "host_auto_failure: {main: [no_op], finally: [no_op]}"
    assert "no_op_2" in tasks(text, "host_auto_failure_finally")


def test_a_chain_with_finally_begins_with_its_start():
    found = tasks("host_auto_failure: {main: [no_op], finally: [std.noop]}")
    assert next(iter(found)) == "start_finally"
    assert found["start_finally"]["input"]["workflow"] == (
        "recovery.methods.host_auto_failure_finally"
    )
    assert found["start_finally"]["on-success"] == ["no_op"]


def test_blocks_keep_the_retry_of_the_workflow_and_foreign_tasks_do_not():
    found = tasks("host_auto_failure: {main: [prepare_HA_enabled_instances_task, std.noop]}")
    assert {"retry", "safe-rerun", "fail-on"}.isdisjoint(found["prepare_HA_enabled_instances_task"])
    foreign = found["std_noop"]
    assert foreign["retry"] == {"count": 0, "delay": 0}
    assert (foreign["safe-rerun"], foreign["fail-on"]) == (False, "<% run_state() = ENDED %>")


def test_a_polled_block_is_looked_at_as_long_as_its_option_says():
    text = "host_auto_failure: {main: [disable_compute_service_task]}"
    name = "disable_compute_service_task"
    assert tasks(text)[name]["retry"] == {
        "count": "<% tries($.plan, host_down_timeout) %>",
        "delay": 1,
        "continue-on": "<% try_again() %>",
    }


def test_a_step_of_the_pack_that_waits_for_nothing_may_be_tried_as_often_as_the_file_says():
    text = "process_failure: {main: [disable_compute_node_task]}"
    name = "disable_compute_node_task"
    settings = f"tasks: {{{name}: {{retry: {{count: 7, delay: 3}}}}}}"
    told = tasks(f"{text}\n{settings}", "process_failure")
    again = "<% try_again() %>"
    assert told[name]["retry"] == {"count": 7, "delay": 3, "continue-on": again}


def test_only_with_foreign_tasks_the_workbook_explains_them():
    sentence = "# Tasks that are not the pack's"
    assert sentence not in compiled("host_auto_failure: {main: [no_op]}").workbook.text
    assert sentence in compiled("host_auto_failure: {main: [std.noop]}").workbook.text


def test_the_workbook_says_what_it_was_compiled_from_but_not_where_that_is():
    text = compiled("{}", "/etc/secret place/night.yaml").workbook.text
    assert text.startswith("# Compiled by `openstack recovery methods` from the file night.yaml.\n")
    assert "secret place" not in text
    assert is_operators(text)


def test_a_file_cannot_pretend_by_its_name_to_be_the_defaults():
    default = methods_header(default_methods().source)
    assert not is_operators(default)
    for name in ("the defaults", "the defaults, those of Masakari", "a\nversion: 1", "\u2028.yaml"):
        told = methods_header(name)
        assert is_operators(told)
        assert all(line.startswith("# ") for line in told.splitlines())


def test_the_same_methods_compile_to_the_same_text():
    text = "host_rh_failure: {main: [std.echo], finally: [std.echo]}\n"
    settings = "{input: {output: {b: 1, a: [x, {}]}}, retry: 3, on_error: continue}"
    text += f"tasks: {{std.echo: {settings}}}"
    assert compiled(text).workbook.text == compiled(text).workbook.text


def test_a_result_that_no_earlier_task_leaves_is_refused():
    chain = "host_auto_failure: {pre: [std.echo], main: [no_op, last], finally: [std.echo]}\n"
    last = 'tasks:\n  last: {action: std.echo, input: {\n    output: [!yaql "$.results.%s"]}}\n'
    echo = "  std.echo: {input: {output: x}}"
    assert "last" in compiled(chain + last % "std_echo.x" + echo).workbook.text
    assert "last" in compiled(chain + last % "get(whatever)" + echo).workbook.text
    with pytest.raises(MethodsError) as caught:
        compiled(chain + last % "std_ecko" + echo)
    assert str(caught.value).startswith(
        "etc/night.yaml:4: tasks.last.input.output: no task before last is called"
        " 'std_ecko'; did you mean 'std_echo'?\n"
    )
    with pytest.raises(MethodsError, match="no task before last is called 'std_echo_2'"):
        compiled(chain + last % "std_echo_2" + echo)


def test_each_task_is_traced_back_to_its_step():
    steps = compiled("host_auto_failure: {main: [std.noop], finally: [std.noop]}").steps
    assert steps["host_auto_failure", "std_noop"].phase == "main"
    assert steps["host_auto_failure_finally", "std_noop_2"].phase == "finally"


@settings(max_examples=200, deadline=None, print_blob=True)
@given(values)
def test_yaml_reads_back_what_was_written_and_nothing_looks_like_an_expression(value):
    written = literal(value)
    assert yaml.safe_load(block({"x": written})) == {"x": written}
    for text in texts(written):
        inside = text.removeprefix("<% '").removesuffix("' %>")
        assert not MARKS.search(inside)
        if inside != text:
            assert "\n" not in text


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)


ENGINE = yaql.YaqlFactory().create()


@settings(deadline=None, print_blob=True)
@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text("\\x41uN{}'%\n"))
def test_a_yaql_constant_has_the_value_of_the_text(text):
    assert ENGINE(constant(text)).evaluate() == text


# Without shrinking, which takes minutes here
GENERATE = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=40, deadline=None, print_blob=True, phases=GENERATE)
@given(files)
def test_a_valid_file_compiles_to_what_the_linter_accepts_twice_to_the_same_text(text):
    """The engine's own opinion is asked in tests/workbooks/test_methods.py."""
    first, second = compiled(text), compiled(text)
    assert first.workbook.text == second.workbook.text
    assert lint([first.workbook], KNOWN) == []
