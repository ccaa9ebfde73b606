"""The values of an option: a mapping in braces, with expressions behind ``!yaql``."""

import pytest

from driver.methods.ini import IniOption
from driver.methods.values import read_mapping
from driver.text.problems import Place
from driver.workbooks.literals import Yaql


def read(text):
    problems = []
    option = IniOption("s", "o", Place("F", 3, "[s] o"), text.split("\n"))
    return read_mapping(option, problems), [str(problem) for problem in problems]


def test_yaql_is_an_expression_wherever_a_value_may_stand():
    text = '{a: !yaql "$.x + 1", b: [!yaql $.y, {c: !yaql \'$.get("z")\'}], d: "!yaql $.x"}'
    node, problems = read(text)
    assert problems == []
    assert node.plain() == {
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
        ("!yaql {b: c}", "the tag '!yaql': only !yaql may stand before a text"),
        ("yes", "'yes' can be read in two ways"),
    ],
)
def test_what_is_no_expression_or_plain_value_is_refused_with_its_line(text, problem):
    (found,) = read(f"{{a: 1,\n c: {text}}}")[1]
    assert found.startswith(f"F:4: [s] o: {problem}")


@pytest.mark.parametrize(
    "text",
    ["", "x", "a: b", "[a]", "--- {a: b}", "%YAML 1.2\n--- {a: b}", "!yaql x", "# only this"],
)
def test_what_is_no_mapping_in_braces_is_refused(text):
    assert read(text)[1] == ["F:3: [s] o: not a mapping in braces, as in {action: std.noop}"]


def test_text_behind_the_closing_brace_is_refused():
    (problem,) = read("{a: b}\n, c: d}")[1]
    assert problem.startswith("F:4: [s] o: neither JSON nor YAML")


def test_each_value_knows_its_line_in_the_file():
    node, _ = read("{a: b,\n c: [1,\n 2]}")
    assert node.at(["c", 1]).place == Place("F", 5, "[s] o")
    assert node.keys["c"].line == 4
