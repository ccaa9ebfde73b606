"""Virtual time: what is to be done, now and later, and the clock that jumps to it."""

import collections
import datetime
import heapq
import itertools
from collections.abc import Callable, Mapping
from typing import Any

MAX_STEPS = 20_000


class Stopped(Exception):
    """The rehearsal cannot go on; the text says why."""


class Agenda:
    """What is to be done, and the clock.

    When nothing is left to do now, the clock jumps to what is due next: a delay costs no wall
    time, and a timeout of ten minutes still ends before a delay of eleven.
    """

    def __init__(self) -> None:
        self._now: collections.deque[tuple[Callable[..., object], Any, Any]] = collections.deque()
        self._later: list[tuple[datetime.datetime, int, str | None, Callable[..., object], Any]]
        self._later = []
        self._serial = itertools.count()
        # not a whole second: Mistral would print it without microseconds, and times are compared
        # as texts
        self.time = datetime.datetime(2030, 1, 1, microsecond=1)

    def clear(self) -> None:
        """Forget what is to be done."""
        self._now.clear()
        self._later.clear()

    def clock(self) -> datetime.datetime:
        """Return the time: each look gives a later one, so that records keep their order."""
        self.time += datetime.timedelta(microseconds=1)
        return self.time

    def soon(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Call a function when all that was asked for before is done."""
        self._now.append((function, args, kwargs))

    def later(
        self,
        delay: float,
        key: str | None,
        function: Callable[..., object],
        kwargs: Mapping[str, Any],
    ) -> None:
        """Call a function after a delay in seconds.

        :param key: what :meth:`has_later` knows it by.
        """
        due = self.time + datetime.timedelta(seconds=delay)
        heapq.heappush(self._later, (due, next(self._serial), key, function, kwargs))

    def has_later(self, wanted: str | None) -> bool:
        """Say whether a delayed call with this key is left."""
        return any(key == wanted for _, _, key, _, _ in self._later)

    def run(self) -> None:
        """Do all that is to be done, and what comes of it.

        :raises Stopped: it does not end.
        """
        for _ in range(MAX_STEPS):
            if self._now:
                function, args, kwargs = self._now.popleft()
            elif self._later:
                due, _, _, function, kwargs = heapq.heappop(self._later)
                self.time, args = max(self.time, due), ()
            else:
                return
            function(*args, **kwargs)
        raise Stopped(f"the workflow did not end within {MAX_STEPS} steps")
