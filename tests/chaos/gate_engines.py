"""Two engines of Mistral, each in a process, on one MariaDB: see `tests.chaos.gate`.

An engine is that of the rehearsals, in real time: what waits for two seconds waits for a tenth. The
one that goes on waits behind its gate until the other one has ended, or has come there, too.
"""

import datetime
import heapq
import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from typing import Any

HOST = "compute1"
START, PLAN, GATE = "", "plan_recovery", "confirm_host_failed"
FASTER = 20  # times: the delays of the workbooks, not the engines
LONGEST = 60  # seconds behind the gate
MEETING = 2.0  # seconds
# Where the first one is held until the second has begun and come so far; the rest is their race.
# What is held has asked already who else is there.
MEETINGS = (
    (START, START), (PLAN, START), (PLAN, PLAN), (PLAN, GATE), (GATE, PLAN), (GATE, GATE),
)
REFUSED = "RECOVERY_RUNNING"


class Pair:
    """What the two processes share.

    :param context: of multiprocessing.
    """

    def __init__(self, context: Any) -> None:
        self.barrier = context.Barrier(2, timeout=300)
        self.behind_gate = context.Value("i", 0)
        self.held, self.come = context.Event(), context.Event()
        self.ended = [context.Event(), context.Event()]
        self.told = context.SimpleQueue()


class Meeting:
    """How the two are brought together in a round.

    :param is_first: the second one begins when the first one is held.
    :param at: where the first one is held, and how far the second one comes meanwhile.
    """

    def __init__(self, pair: Pair, is_first: bool, at: str, dice: random.Random) -> None:
        self.at = at
        self._is_first = is_first
        self._pair = pair
        self._dice = dice
        self._over = False

    def begin(self) -> None:
        """Wait for one's turn."""
        if not self._is_first:
            self._pair.held.wait(MEETING)
        self.come_to(START)

    def come_to(self, where: str) -> None:
        """Be somewhere; if it is where they meet, meet, and go on within milliseconds."""
        if where != self.at or self._over:
            return
        self._over = True
        if self._is_first:
            self._pair.held.set()
            self._pair.come.wait(MEETING)
        else:
            self._pair.come.set()
        time.sleep(self._dice.choice([0, 0, 0.001, 0.01, 0.05]) * self._dice.random())


def engine_on(url: str) -> Any:
    """Return an engine of Mistral on a database, in real time."""
    from driver.rehearsals import agenda, loading

    class RealTime(agenda.Agenda):
        def run(self) -> None:
            while self._now or self._later:
                if self._now:
                    function, args, kwargs = self._now.popleft()
                    function(*args, **kwargs)
                else:
                    due, _, _, function, kwargs = heapq.heappop(self._later)
                    time.sleep(max(0, (due - self.time).total_seconds()) / FASTER)
                    self.time = max(self.time, due)
                    function(**kwargs)

    agenda.Agenda = RealTime  # type: ignore[misc]
    mistral = loading.open_mistral()
    from driver.rehearsals import engine, replacements

    run = replacements._run

    def run_or_refuse(action: Any, context: Any) -> dict[str, Any]:
        """Rehearsals ask no action that refuses; here it does."""
        left = run(action, context)
        refused = getattr(left.get("data"), "error", None)
        return {"error": refused} if refused else left

    replacements._run = run_or_refuse
    # real time, too coarse for who came first, as in whole seconds it often is
    mistral._replaced[engine.mistral_utils, "utc_now_sec"] = coarse_time
    mistral._options = tuple(
        ("database", "connection", url) if option[1] == "connection" else option
        for option in mistral._options if option[1] != "sqlite_synchronous")
    facade, ready = (engine.db_base, "_facade"), (engine.db_implementation, "_initialized")
    mistral._replaced.update({facade: None, ready: False})
    with mistral._at_work():
        engine.db_api.setup_db()
        mistral._replaced.update({facade: engine.db_base._facade, ready: True})
    return mistral


def coarse_time() -> datetime.datetime:
    """Return the time, in steps of ten seconds."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0, tzinfo=None)
    return now.replace(second=now.second // 10 * 10)


def work(own: int, url: str, rounds: int, seed: int, pair: Pair) -> None:
    """Be one of the two engines."""
    from driver.rehearsals.loading import quietly

    with quietly():
        if own == 1:
            pair.barrier.wait()  # the other one makes the tables
        mistral = _prepared(own, url, pair)
        for number in range(rounds):
            dice = random.Random(f"{seed} {number}")
            where, first = dice.choice(MEETINGS), dice.randrange(2)
            pair.behind_gate.value = 0
            for event in (pair.ended[own], pair.held, pair.come):
                event.clear()
            pair.barrier.wait()
            own_dice = random.Random(f"{seed} {number} {own}")
            meeting = Meeting(pair, own == first, where[own != first], own_dice)
            pair.told.put((number, *_play(mistral, own, pair, meeting)))
            meeting.come_to(meeting.at)  # if it was refused before
            pair.ended[own].set()
            pair.barrier.wait()


def _prepared(own: int, url: str, pair: Pair) -> Any:
    from mistral_actions import base
    from tests.unit.mistral_actions.fake_nova import FakeNova

    nova = FakeNova()
    nova.add("web")
    base.nova_of = lambda _: nova
    mistral = engine_on(url)
    if own == 0:
        from driver.workbooks import files

        for workbook in files.read_workbooks():
            mistral.install(workbook.text)
        pair.barrier.wait()
    return mistral


def _play(mistral: Any, own: int, pair: Pair, meeting: Meeting) -> tuple[str, int]:
    """Run a recovery; return how it went, and how often it looked at the gate."""
    looked: list[str] = []
    went_on: list[str] = []

    def result_of(path: str, _name: str, _inputs: Any) -> dict[str, Any] | None:
        meeting.come_to(path)
        if path == GATE:
            looked.append(path)
        if "/" not in path:
            return None
        if not went_on:
            went_on.append(path)
            _wait_for_the_other(own, pair)
        return {"error": {"code": "ENOUGH", "message": "seen", "retriable": False}}

    meeting.begin()
    done = mistral.run("recovery.host.recover", {"host": HOST}, result_of)
    told = (done.output or {}).get("report") or {}
    how = "went on" if went_on else str(told.get("reason") or done.state_info)
    return how, len(looked)


def _wait_for_the_other(own: int, pair: Pair) -> None:
    with pair.behind_gate.get_lock():
        pair.behind_gate.value += 1
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        if pair.ended[1 - own].is_set() or pair.behind_gate.value > 1:
            return
        time.sleep(0.005)


def main() -> int:
    """Play so many rounds; print how often it came to what."""
    rounds, seed = map(int, sys.argv[1:])
    context = multiprocessing.get_context("fork")
    pair = Pair(context)
    engines = [
        context.Process(target=work, args=(own, os.environ["GATE_DATABASE"], rounds, seed, pair))
        for own in (0, 1)
    ]
    for engine in engines:
        engine.start()
    ends: dict[int, list[str]] = {}
    looks: Counter[int] = Counter()
    for _ in range(2 * rounds):
        number, how, looked = pair.told.get()
        ends.setdefault(number, []).append(how)
        looks[number] += looked
    for engine in engines:
        engine.join()
    came_to = Counter(tuple(sorted(pair_of)) for pair_of in ends.values())
    print(json.dumps({
        "rounds": rounds,
        "one went on": came_to.pop((REFUSED, "went on"), 0),
        "of these, one was refused before its gate": sum(n == 1 for n in looks.values()),
        "both were at their gates": sum(n == 2 for n in looks.values()),
        "one waited at its gate for what the other would find": sum(n > 2 for n in looks.values()),
        **{" and ".join(others): n for others, n in came_to.items()},
    }))
    return 0


if __name__ == "__main__":
    sys.exit(main())
