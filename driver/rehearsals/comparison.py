"""What came out against what a case says, as sentences."""

from collections.abc import Iterator
from typing import Any

from driver.rehearsals.cases import Case


def differences(case: Case, done: Any) -> list[str]:
    """Say where a run differs from its case in tasks, state and output."""
    found = []
    for what in ("tasks", "state", "state_info"):
        wanted, got = getattr(case, what), getattr(done, what)
        if wanted != got:
            found.append(f"{what}:\n  expected {wanted}\n  got      {got}")
    return found + list(missing(case.output, done.output, "output"))


def missing(wanted: Any, got: Any, where: str) -> Iterator[str]:
    """Compare the keys of `wanted`, on every level."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key, value in wanted.items():
            yield from missing(value, got.get(key, "(nothing)"), f"{where}.{key}")
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, pair in enumerate(zip(wanted, got, strict=True)):
            yield from missing(*pair, f"{where}[{number}]")
    elif wanted != got:
        yield f"{where}:\n  expected {wanted!r}\n  got      {got!r}"
