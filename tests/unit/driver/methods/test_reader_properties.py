"""Whatever a file says, it is read, or refused with lines: never a traceback."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oslo_config import types

from driver.methods.model import FAILURES, PHASES, MethodsError
from driver.methods.names import NAME
from driver.methods.reader import read_methods
from tests.unit.driver.methods import random_files
from tests.unit.driver.methods.test_masakari_ini import GUIDE, SAMPLE
from tests.unit.driver.methods.test_reader import OURS

PIECES = [
    *"[]{}:,'\"#!&*<%>$|-?=~.@`\\ \t\n\r0x",
    "\n  ",
    "<<",
    "{{",
    "!yaql ",
    "\x00",
    "\x85",
    "\u2028",
]
PIECES += [
    "\ufeff",
    "\U0001f600",
    "\\UFFFFFFFF",
    "\\ud800",
    "pre",
    "main",
    "finally",
    "[" * 40,
    "---",
]
PIECES += ["tasks:\n", "  alert: ", "host_rh_failure: ", "input: {", "\x1b[2J", "- ", "*x", "&x "]
PIECES += ["[taskflow_driver_recovery_flows]\n", "host_rh_failure_recovery_tasks = "]


@st.composite
def mutated(draw):
    """One of the good files, with pieces of it cut out, put in or doubled."""
    text = draw(st.sampled_from([SAMPLE, GUIDE, OURS]))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        new = draw(st.sampled_from([*PIECES, "", text[start:end] * 2]) | st.text(max_size=5))
        text = text[:start] + new + text[end:]
    return text


def read(text):
    """What a file says, or the error."""
    try:
        return read_methods(text, "F"), None
    except MethodsError as error:
        return None, error


texts = st.text() | st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | mutated()


@settings(deadline=None, print_blob=True, max_examples=600)
@given(text=texts)
@example(text="host_rh_failure:\n  \n\t\n  main: [\r\r\n")
@example(text="tasks:\n\n\n\n")
@example(text="[taskflow_driver_recovery_flows]\nhost_rh_failure_recovery_tasks = {\n\n\n\n")
def test_any_text_is_read_or_refused_with_lines_of_the_file(text):
    lines = max(1, len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))
    methods, error = read(text)
    for problem in error.problems if error else ():
        assert 1 <= problem.place.line <= lines
        assert str(problem).isprintable()
        assert len(str(problem)) < 500
    if error:
        assert len(str(error).splitlines()) == len(error.problems) + 1 > 1
        return
    assert list(methods.chains) == list(FAILURES)
    for chain in methods.chains.values():
        assert list(chain.phases) == list(PHASES)
        assert chain.phases["main"]
        for entries in chain.phases.values():
            assert all(NAME.fullmatch(entry.name) for entry in entries)


@settings(deadline=None, print_blob=True, max_examples=300)
@given(value=random_files.values, style=st.sampled_from([random_files.flow, random_files.block]))
def test_any_value_is_read_as_it_stands_in_either_style(value, style):
    tasks = {"no_op": {"input": {"value": value, "values": [value, {"a": value}]}}}
    text = style({"host_rh_failure": {"main": ["no_op"]}, "tasks": tasks})
    assert read_methods(text, "F").tasks["no_op"].input == tasks["no_op"]["input"]


names = st.from_regex(NAME, fullmatch=True)
quoted = st.tuples(names, st.sampled_from(["{}", "'{}'", '"{}"', " {}", "{} ", "  '{}'"]))


@settings(deadline=None, print_blob=True, max_examples=300)
@given(
    chain=st.fixed_dictionaries(
        {"main": st.lists(quoted, min_size=1, max_size=4)},
        optional={"pre": st.lists(quoted, max_size=3), "post": st.lists(quoted, max_size=3)},
    ),
    order=st.randoms(use_true_random=False),
    comma=st.sampled_from([",", ", ", " ,", ",\n  "]),
)
def test_a_chain_means_what_it_means_to_masakari(chain, order, comma):
    phases = list(chain)
    order.shuffle(phases)
    value = comma.join(
        f"{phase}:[{comma.join(form.format(name) for name, form in chain[phase])}]"
        for phase in phases
    )
    of_masakari = types.Dict(types.List(types.String(quotes=True), bounds=True))
    text = f"[taskflow_driver_recovery_flows]\nhost_rh_failure_recovery_tasks = {value}\n"
    entries = read_methods(text, "F").chains["host_rh_failure"].phases
    ours = {phase: [entry.name for entry in entries[phase]] for phase in chain}
    assert ours == of_masakari(value)


@pytest.mark.parametrize(
    "text",
    [
        "[taskflow_driver_recovery_flows]\n" + "x" * 10**6,
        "x" * 10**6,
        "[" * 10**6,
        "a:" * 10**6,
        "host_rh_failure: {" + "x" * 10**6 + ": 1}",
        "host_rh_failure: {main: [" + "x" * 10**6 + "]}",
        "tasks: {alert: {timeout: " + "1" * 10**6 + "}}",
    ],
)
def test_a_huge_line_is_refused_in_a_short_sentence(text):
    with pytest.raises(MethodsError) as caught:
        read_methods(text, "F")
    assert len(str(caught.value)) < 1000
