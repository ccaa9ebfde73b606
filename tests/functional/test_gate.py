"""Two recoveries of one host at the same instant, in two engines on a real database."""

import pytest

from lab import broker
from tests.chaos import gate

ROUNDS = 20


def test_of_two_recoveries_of_a_host_that_start_in_two_engines_exactly_one_goes_on() -> None:
    if lacking := broker.missing("a Mistral of many processes"):
        pytest.skip(lacking)
    found = gate.play(ROUNDS, seed=7)
    assert found["one went on"] == ROUNDS, found
    assert found["both were at their gates"] > 0, found
