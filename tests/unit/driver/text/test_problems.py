"""A problem says where and what on one line; an error says all of them."""

import pytest

from driver.errors import DriverError
from driver.text.problems import Place, Problem, ProblemsError, read_text


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("m.yaml", 12, "tasks.alert"), "m.yaml:12: tasks.alert: x"),
        (Place("m.yaml", 12), "m.yaml:12: x"),
        (Place("m.yaml"), "m.yaml: x"),
    ],
)
def test_a_problem_is_shown_with_as_much_of_its_place_as_there_is(place, text):
    assert str(Problem(place, "x")) == text


class NothingDoneError(ProblemsError):
    outcome = "nothing was done"


def test_an_error_lists_its_problems_by_file_and_line_and_says_each_once():
    second, late, early = (
        Problem(Place(file, line, "o"), "wrong") for file, line in (("n", 1), ("m", 20), ("m", 3))
    )
    error = NothingDoneError([second, late, early, late])
    assert error.problems == [early, late, second]
    assert str(error).splitlines() == [
        "m:3: o: wrong",
        "m:20: o: wrong",
        "n:1: o: wrong",
        "3 problems: nothing was done",
    ]
    assert isinstance(error, DriverError)


def test_a_file_is_read_with_one_kind_of_line_ends(tmp_path):
    (tmp_path / "f").write_bytes("é\r\nb\rc\n".encode())
    problems = []
    assert read_text(tmp_path / "f", problems) == "é\nb\nc\n"
    assert read_text("<stdin>", problems, lambda: b"x\r\n") == "x\n"
    assert problems == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"a\xff", "it is not UTF-8: invalid start byte at byte 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem(content, reason, tmp_path):
    path = tmp_path / "f"
    if content:
        path.write_bytes(content)
    problems = []
    assert read_text(path, problems) is None
    assert [str(one) for one in problems] == [f"{path}: cannot be read: {reason}"]
