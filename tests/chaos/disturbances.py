"""What is done to a deployment, and when: drawn from a seed, and carried out by the clock."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from lab.distributed import SERVERS
from tests.chaos.wired import WiredLab

KILLED = (
    ("api",), ("engine1",), ("engine2",), ("executor1",), ("executor2",),
    ("engine1", "engine2"), ("executor1", "executor2"), tuple(SERVERS),
    ("rabbitmq",), ("mariadb",), ("keystone",), ("nova",),
)  # fmt: skip
WIRES = ("nova", "mariadb", "rabbitmq")
WITHIN = 25.0  # seconds after the start of a round, in which something happens
AWAY = (0.5, 5.0)  # seconds until what was killed or cut is back
SLOW = (0.05, 0.4)  # seconds that each block takes on a slow wire
CALM = 0.5  # seconds between two disturbances: the lab can do one thing at a time


@dataclass(frozen=True)
class Disturbance:
    """Something that is done to a deployment, and undone.

    :param at: seconds after the start of the round. :param away: seconds until it is undone.
    :param how: kill, cut or slow. :param what: processes, or one wire.
    :param delay: of a slow wire, in seconds.
    """

    at: float
    how: str
    what: tuple[str, ...]
    away: float
    delay: float = 0.0

    def __str__(self) -> str:
        slow = f" by {self.delay:.2f} s" if self.how == "slow" else ""
        return f"{self.at:.1f} s: {self.how} {'+'.join(self.what)}{slow} for {self.away:.1f} s"

    @property
    def kills(self) -> int:
        """How many processes it kills."""
        return len(self.what) if self.how == "kill" else 0

    def happen(self, lab: WiredLab) -> None:
        if self.how == "kill":
            lab.kill(*self.what)
        elif self.how == "cut":
            lab.wires[self.what[0]].cut()
        else:
            lab.wires[self.what[0]].delay = self.delay
        time.sleep(self.away)
        if self.how == "kill":
            lab.start(*self.what)
        else:
            lab.wires[self.what[0]].mend()


def drawn(chance: random.Random, most: int) -> list[Disturbance]:
    """Draw up to ``most`` disturbances, in the order in which they happen."""
    found = [_one(chance) for _ in range(chance.randint(1 + most // 3, most))]
    return sorted(found, key=lambda one: one.at)


def _one(chance: random.Random) -> Disturbance:
    at, away = chance.uniform(0, WITHIN), chance.uniform(*AWAY)
    if chance.random() < 0.8:
        return Disturbance(at, "kill", chance.choice(KILLED), away)
    wire = (chance.choice(WIRES),)
    if chance.random() < 0.5:
        return Disturbance(at, "cut", wire, away)
    return Disturbance(at, "slow", wire, 2 * away, chance.uniform(*SLOW))


def carried_out(lab: WiredLab, disturbances: list[Disturbance]) -> Iterator[Disturbance]:
    """Let each happen at its time, or as soon after it as the lab can; yield it when it is over."""
    began = time.monotonic()
    for one in disturbances:
        time.sleep(max(CALM, one.at - (time.monotonic() - began)))
        one.happen(lab)
        yield one
