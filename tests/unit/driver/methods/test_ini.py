"""A file's lines are read as oslo.config reads them, and to the end when something is wrong."""

import pathlib
import tempfile

from hypothesis import example, given, settings
from hypothesis import strategies as st
from oslo_config import cfg, iniparser

from driver.methods.ini import IniOption, read_ini
from driver.text.problems import Place

PIECES = [
    "[",
    "]",
    "[a]\n",
    "[b]\n",
    "a",
    "b",
    "=",
    ":",
    "a = ",
    "b: x",
    " ",
    "  x",
    "\t",
    "#",
    ";",
]
PIECES += ["'", '"', "\n", "\n", "\n ", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\xa0"]
PIECES += ["\u2028", "\ufeff", "\\", "$"]
files = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text()


def with_oslo(text):
    """What oslo.config makes of a file; None if it refuses it."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "m.conf")
        path.write_text(text, encoding="utf-8", newline="")
        sections = {}
        try:
            cfg.ConfigParser(str(path), sections).parse()
        except iniparser.ParseError:
            return None
        return sections


def with_ours(text):
    problems = []
    ini = read_ini(text, "m.conf", problems)
    if problems:
        return None
    sections = {section: {} for section, _ in ini.sections}
    for option in ini.options:
        values = sections[option.section].setdefault(option.name, [])
        values.append(option.text)
    return sections


@settings(deadline=None, print_blob=True, max_examples=500)
@given(text=files)
@example(text="[a]\nb = 'x\n  y'\n")
@example(text="[a]\nb = 'x'\n# c\n  y\n")
@example(text="[a]\nb = '\n")
@example(text="[a]]\nb:c=d\n")
def test_any_file_is_read_and_refused_as_by_oslo_config(text):
    assert with_ours(text) == with_oslo(text)


def problems_of(text):
    problems = []
    ini = read_ini(text, "F", problems)
    return [str(problem) for problem in problems], ini


def test_each_line_of_a_value_keeps_its_number():
    _, ini = problems_of("[a]\n\nb =\n  one\n  # two\n  three\nc = 4\n")
    option = ini.options[0]
    assert option == IniOption("a", "b", Place("F", 3, "[a] b"), ["", "one", "# two", "three"])
    assert option.at(option.text.index("three")).line == 6
    assert option.at(len(option.text)).line == 6


def test_what_oslo_config_refuses_is_reported_with_the_line_all_at_once():
    problems, _ = problems_of("x = 1\n[a\nb\n[]\n= 2\n[c]\n  d\n")
    assert problems == [
        "F:1: x: stands before the first [section]",
        "F:2: [a]: '[a' is no section: write [name]",
        "F:3: [a]: 'b' is neither a [section], nor option = value, nor a # comment",
        "F:4: '[]' is no section: write [name]",
        "F:5: '= 2' has no option name before '='",
        "F:7: [c]: an indented line continues an option, but there is none above it",
    ]


def test_a_comment_at_the_margin_inside_a_value_is_the_only_thing_reported():
    problems, ini = problems_of("[a]\nb = {x: 1,\n# a comment\n\n  y: 2,\n  z: 3}\n")
    assert problems == [
        "F:5: [a] b: the value has ended: no blank line and no comment at the margin may stand"
        " inside it (an indented # comment may)"
    ]
    assert ini.options[0].lines == ["{x: 1,", "", "", "y: 2,", "z: 3}"]


def test_names_that_would_steer_a_terminal_are_shown_harmless():
    (problem,), _ = problems_of("[\x1b[2J" + "x" * 1000 + "]\n  y\n")
    assert problem.isprintable()
    assert len(problem) < 200
