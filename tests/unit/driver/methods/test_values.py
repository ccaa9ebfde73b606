"""A value is what is plain to see; whatever YAML would make something else of is refused."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driver.methods.ini import Option
from driver.methods.model import Place
from driver.methods.values import read_mapping
from driver.workbooks.literals import Yaql


def read(text):
    problems = []
    node = read_mapping(Option(Place("F", 1, "s", "o"), text.split("\n")), problems)
    return node, [f"{problem.place.line}: {problem.message}" for problem in problems]


def value_of(text):
    node, problems = read(text)
    assert problems == []
    return node.plain()


def problems_of(text):
    return read(text)[1]


numbers = st.integers(-(10**17), 10**17) | st.decimals(-1000, 1000, places=3).map(float)
# YAML's limit for a key is 1024 characters, escapes included
keys = st.text(max_size=50)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=10,
)


def escaped(text):
    """What cannot stand in a YAML file, as an escape."""
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


@settings(deadline=None, print_blob=True, max_examples=300)
@given(value=st.dictionaries(keys, json_values, max_size=5), ascii_only=st.booleans())
def test_any_json_is_read_as_it_is_written(value, ascii_only):
    text = json.dumps(value, ensure_ascii=True) if ascii_only else None
    assert value_of(text or escaped(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize(
    "text",
    [
        "<% $.x %>",
        "{{ x }}",
        "{% x %}",
        "a: b",
        "- a",
        "!yaql x",
        "&a",
        "*a",
        "# x",
        "a\nb",
        "'",
        '"',
        "!!python/object/apply:os.system [x]",
        "%YAML 1.1",
        "\t",
        "",
        "yes",
        "1",
        "null",
        "<<",
        "=",
    ],
)
def test_hostile_text_in_quotes_stays_text(text):
    assert value_of(f"{{a: {json.dumps(text)}}}") == {"a": text}


@pytest.mark.parametrize(
    ("bare", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("0", 0),
        ("-12", -12),
        ("1.5", 1.5),
        ("plain text", "plain text"),
        ("127.0.0.1:25", "127.0.0.1:25"),
        ("http://host/path/", "http://host/path/"),
        ("<% $.x %>", "<% $.x %>"),
    ],
)
def test_a_bare_value_that_yaml_and_json_read_alike_is_read(bare, value):
    read_value = value_of(f"{{a: {bare}}}")["a"]
    assert read_value == value
    assert type(read_value) is type(value)


@pytest.mark.parametrize(
    "bare",
    [
        "yes",
        "No",
        "on",
        "OFF",
        "010",
        "0x1F",
        "0b1",
        "1_000",
        "1:30",
        "+1",
        ".5",
        "1.",
        "1e3",
        ".inf",
        ".nan",
        "2024-01-01",
        "2024-01-01 00:00:00",
        "=",
        "<<",
        "1.0e+999",
        "1" * 5000,
    ],
)
def test_a_bare_value_that_can_be_read_in_two_ways_is_refused(bare):
    (problem,) = problems_of(f"{{a:\n {bare}}}")
    assert problem.startswith(f"2: '{bare[:40]}")
    assert "can be read in two ways" in problem
    assert len(problem) < 250


def test_yaql_is_an_expression_wherever_a_value_may_stand():
    text = '{a: !yaql "$.x + 1", b: [!yaql $.y, {c: !yaql \'$.get("z")\'}], d: "!yaql $.x"}'
    assert value_of(text) == {
        "a": Yaql("$.x + 1"),
        "b": [Yaql("$.y"), {"c": Yaql('$.get("z")')}],
        "d": "!yaql $.x",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('!yaql "<% $.x %>"', "!yaql with <% in it: write only the expression, without <% %>"),
        ('!yaql "$.x %> <% $.y"', "!yaql with %> in it"),
        ("!yaql \"'{{ x }}'\"", "!yaql with {{ in it"),
        ('!yaql "$.x\\n+ 1"', "!yaql with a line break"),
        ('!yaql "$.("', "not YAQL: '$.('"),
        ('!yaql ""', "not YAQL: ''"),
        (f"!yaql {'1' * 5000}", "not YAQL: '1111"),
        ("!yaql {b: c}", "the tag '!yaql': the only one is !yaql, before the text"),
        ("!yacl x", "the tag '!yacl'"),
        ("!!str 5", "the tag '!!str'"),
        ("! x", "the tag '!'"),
        ("!!python/object/apply:os.system [x]", "the tag '!!python/object/apply:os.system'"),
        ("&x [b]", "the anchor or alias 'x': write the value out"),
        ("*x", "the anchor or alias 'x': write the value out"),
        ("", 'a value is missing: write it, or null, or ""'),
        ('"\\ud800"', "half of a character"),
        ("{b: 1, b: 2}", "the key 'b' is given again (first in line 2)"),
        ("{1: b}", "a key must be text; 1 is none: put it in quotes"),
        ("{[b]: c}", "a key must be text; a list is none"),
        ("{on: b}", "'on' can be read in two ways"),
        ("{<<: {b: c}}", "'<<' can be read in two ways"),
        ("[" * 30 + "]" * 30, "more than 20 levels of braces and brackets"),
        ("[" * 5000, "more than 20 levels"),
        ("[b", "not a YAML mapping in braces (while parsing a flow sequence"),
        ('"b', "not a YAML mapping in braces (while scanning a quoted scalar"),
        ('"\\UFFFFFFFF"', "not a YAML mapping in braces ("),
        ("\x01", "not a YAML mapping in braces (the character U+0001)"),
    ],
)
def test_what_a_value_must_not_be_is_refused_with_the_reason(text, problem):
    (found,) = problems_of(f"{{a: 1,\n c: {text}}}")
    line, _, message = found.partition(": ")
    assert message.startswith(problem)
    assert line == ("1" if "UFFFF" in text else "2")


@pytest.mark.parametrize(
    "text",
    ["", "x", "a: b", "[a]", "--- {a: b}", "%YAML 1.2\n--- {a: b}", "!yaql x", "# only this"],
)
def test_what_is_no_mapping_in_braces_is_refused(text):
    assert problems_of(text) == ["1: not a mapping in braces, as in {action: std.noop}"]


def test_text_behind_the_closing_brace_is_refused():
    (problem,) = problems_of("{a: b}\n, c: d}")
    assert problem.startswith("2: not a YAML mapping in braces")


def test_line_ends_that_only_yaml_sees_do_not_move_a_problem():
    assert problems_of('{a: "x\u2028\x85y",\n b: yes}')[0].startswith("2: ")


def test_all_problems_of_a_value_are_found_at_once():
    lines = [
        problem.partition(":")[0] for problem in problems_of("{a: yes,\nb: *x,\nc: !z 1,\nc: 2}")
    ]
    assert lines == ["1", "2", "3", "4"]


def test_numbers_are_finite():
    assert math.isfinite(value_of("{a: 999999999999999999.5}")["a"])
