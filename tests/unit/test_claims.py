"""No claim is lost when its test moves to a cheaper level, is merged or gets another name."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def claims() -> list[str]:
    """Return the claims that tests/claims.txt lists."""
    lines = (TESTS / "claims.txt").read_text().splitlines()
    return [line for line in lines if line and line[0] not in "#["]


def proven() -> Iterator[str]:
    """Yield what tests say by their names, and by the mark `claim`."""
    for file in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name.removeprefix("test_").replace("_", " ")
                yield from marks(node)


def marks(test: ast.FunctionDef) -> Iterator[str]:
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.claim":
            yield from (ast.literal_eval(claim) for claim in mark.args)


def test_every_claim_is_proven_by_a_test() -> None:
    assert set(claims()) - set(proven()) == set(), "no test says so by its name or its mark"


def test_every_test_on_real_services_proves_a_claim_of_the_list() -> None:
    """So that a new one cannot be lost either."""
    known = set(claims())
    found = {
        node.name.removeprefix("test_").replace("_", " ")
        for directory in ("functional", "senlin", "horizon", "docs")
        for file in (TESTS / directory).glob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }

    assert found - known == set(), "add them to tests/claims.txt"


def test_a_claim_is_listed_once() -> None:
    found = claims()

    assert sorted(found) == sorted(set(found))
