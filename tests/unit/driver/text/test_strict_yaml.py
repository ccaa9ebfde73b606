"""A value is what is plain to see; whatever YAML would make something else of is refused."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driver.text.strict_yaml import Notation, read_document, read_documents

STRICT = Notation(ambiguous=False, tags={"!int": int})


def read(text, notation=STRICT):
    problems = []
    node = read_document(text, "F", problems, notation)
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
    ],
)
def test_a_bare_value_that_can_be_read_in_two_ways_is_refused(bare):
    (problem,) = problems_of(f"{{a:\n {bare}}}")
    assert problem.startswith(f"2: '{bare[:40]}")
    assert "can be read in two ways" in problem
    assert len(problem) < 250


AMBIGUOUS = ["yes", "No", "on", "OFF", "010", "0x1F", "1_000", "1:30", "+1", ".5", "1."]
AMBIGUOUS += [".inf", ".nan", "2024-01-01", "=", "<<"]


@pytest.mark.parametrize("bare", AMBIGUOUS)
def test_where_it_is_not_refused_such_a_value_is_text(bare):
    node, problems = read(f"a: {bare}", Notation())
    assert (node.plain(), problems) == ({"a": bare}, [])


def test_where_it_is_not_refused_a_missing_value_is_null_and_an_exponent_a_number():
    node, problems = read("{a: , b: 1e3}", Notation())
    assert (node.plain(), problems) == ({"a": None, "b": 1000.0}, [])


@pytest.mark.parametrize("bare", ["1.0e+999", "-1e999", "1" * 5000])
@pytest.mark.parametrize("notation", [STRICT, Notation()])
def test_a_number_that_nobody_can_carry_on_is_refused(bare, notation):
    (problem,) = read(f"{{a:\n {bare}}}", notation)[1]
    assert problem.startswith(f"2: {bare[:40]}")
    assert problem.endswith(" is too large a number")
    assert len(problem) < 100


def test_a_tag_that_is_known_makes_a_value_of_a_text_wherever_it_stands():
    assert value_of("{a: !int 7, b: [!int '8', {c: !int 9}]}") == {"a": 7, "b": [8, {"c": 9}]}
    assert problems_of("{a: !int x}")[0].startswith("1: invalid literal for int()")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("!int {b: c}", "the tag '!int': only !int may stand before a text"),
        ("!yacl x", "the tag '!yacl': only !int may stand before a text"),
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
        ("[" * 30 + "]" * 30, "more than 20 levels inside each other"),
        ("[" * 5000, "more than 20 levels"),
        ("[b", "neither JSON nor YAML: while parsing a flow sequence"),
        ('"b', "neither JSON nor YAML: while scanning a quoted scalar"),
        ('"\\UFFFFFFFF"', "neither JSON nor YAML: "),
        ("\x01", "neither JSON nor YAML: the character U+0001; text with , :"),
    ],
)
def test_what_a_value_must_not_be_is_refused_with_the_reason(text, problem):
    (found,) = problems_of(f"{{a: 1,\n c: {text}}}")
    line, _, message = found.partition(": ")
    assert message.startswith(problem)
    assert line == ("1" if "UFFFF" in text else "2")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: there is nothing in it"),
        ("# only this\n", "1: there is nothing in it"),
        ("a: b\n---\nc: d\n", "3: more than one document"),
        ('{"a": 1}\n{"b": 2}', "2: more than one document"),
        ("{a: b}\n, c: d}", "2: neither JSON nor YAML: expected '<document start>'"),
    ],
)
def test_what_is_not_one_document_is_refused(text, problem):
    (found,) = problems_of(text)
    assert found.startswith(problem)


def test_json_documents_may_follow_each_other():
    problems = []
    nodes = read_documents('\n{"a":\t"b\\tc"}\n[1,\n"x"]', "F", problems)
    assert problems == []
    assert [node.plain() for node in nodes] == [{"a": "b\tc"}, [1, "x"]]
    assert [nodes[0].place.line, nodes[1].place.line, nodes[1].value[1].place.line] == [2, 3, 4]


@pytest.mark.parametrize("text", ['{"a": 1}\n[2]', "a: 1\n---\n- 2\n"])
def test_a_mark_of_the_byte_order_at_the_beginning_does_not_matter(text):
    problems = []
    nodes = read_documents(f"\ufeff{text}", "F", problems)
    assert ([node.plain() for node in nodes], problems) == ([{"a": 1}, [2]], [])


def test_each_value_and_key_knows_its_line_and_the_way_to_it():
    node, _ = read("a:\n  - b: 1\n    c:\n      - x\n")
    inner = node.at(["a", 0])
    assert str(inner.at(["c", 0]).place) == "F:4: a[0].c[0]"
    assert str(inner.keys["c"]) == "F:3: a[0].c"
    assert str(node.place) == "F:1"


def test_line_ends_that_only_yaml_sees_do_not_move_a_problem():
    assert problems_of('{a: "x\u2028\x85y",\n b: yes}')[0].startswith("2: ")


def test_all_problems_of_a_value_are_found_at_once():
    lines = [
        problem.partition(":")[0] for problem in problems_of("{a: yes,\nb: *x,\nc: !z 1,\nc: 2}")
    ]
    assert lines == ["1", "2", "3", "4"]


def test_numbers_are_finite():
    assert math.isfinite(value_of("{a: 999999999999999999.5}")["a"])
