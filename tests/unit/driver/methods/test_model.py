"""A problem says where and what on one line; an error says all of them."""

import pytest

from driver.errors import DriverError
from driver.methods.model import MethodsError, Place, Problem


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("m.conf", 12, "recovery_methods", "task.alert"), "[recovery_methods] task.alert: x"),
        (Place("m.conf", 12, "recovery_methods"), "[recovery_methods]: x"),
        (Place("m.conf", 12, ""), "x"),
    ],
)
def test_a_problem_is_shown_with_as_much_of_its_place_as_there_is(place, text):
    assert str(Problem(place, "x")) == f"m.conf:12: {text}"


def test_an_error_lists_its_problems_by_line_and_says_each_once():
    late, early = (Problem(Place("m.conf", line, "s", "o"), "wrong") for line in (20, 3))
    error = MethodsError([late, early, late])
    assert error.problems == [early, late]
    assert str(error).splitlines() == [
        "m.conf:3: [s] o: wrong",
        "m.conf:20: [s] o: wrong",
        "2 problems: nothing was compiled or installed",
    ]
    assert isinstance(error, DriverError)


def test_names_that_would_steer_a_terminal_are_shown_harmless():
    place = Place("m.conf", 1, "\x1b[2J", "a\u2028b" + "x" * 1000)
    assert str(place).isprintable()
    assert len(str(place)) < 120
