"""A cell of Nova whose database does not answer, for some requests of the API or for all of them.

Only the database is taken away, and only from the threads that carry out such a request: what Nova
then answers (lists without the cell's records, partial records of status UNKNOWN, a 500) is its own
doing. Hosts, conductor and scheduler go on, as they do when just the API is cut off.
"""

import contextlib
import difflib
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl

from lab.errors import LabError

KEYS = ("cell_down", "drop", "once", "every")

#: Paths below /v2.1 that read the cell. One without a slash means everything below it, too.
RESOURCES = (
    "servers", "servers/detail", "servers/ID", "servers/ID/action", "servers/ID/metadata",
    "servers/ID/migrations", "servers/ID/os-instance-actions",
    "servers/ID/os-instance-actions/ID", "os-migrations", "os-services", "os-services/ID",
    "os-hypervisors", "os-hypervisors/detail", "os-hypervisors/ID", "os-aggregates",
    "os-availability-zone", "os-server-groups", "os-simple-tenant-usage", "limits",
)

#: The header of those who look past the fault: what tests ask is not what they test.
OBSERVER = "X-Lab-Observer"

_ID = re.compile(r"(req-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+")


class Fault:
    """Which requests meet the cell down.

    :param given: ``{"cell_down": true}`` for all of them, or ``{"drop": [resource, ...]}`` for
        those of some resources. With ``"once": true`` only the next request of each resource; with
        ``"every": n`` only each n-th request that asks the same (method, path, and the names in the
        query). So whoever asks again gets on; but not who asks the same n times, and all anew when
        one answer is bad.
    :raises LabError: it has another form; a misspelled fault would be none at all.
    """

    def __init__(self, given: Mapping) -> None:
        for key in given:
            if key not in KEYS:
                raise LabError(f"unknown key {key!r} of nova; known are {', '.join(KEYS)}")
        for key in ("cell_down", "once"):
            if given.get(key, True) is not True:
                raise LabError(f"{key} of nova is {given[key]!r}, must be true or left out")
        if "once" in given and "every" in given:
            raise LabError("nova has both once and every, must have one of them")
        if "cell_down" not in given and "drop" not in given:
            raise LabError("nova has neither cell_down nor drop: no request would meet the fault")
        self._resources = _resources(given["drop"]) if "drop" in given else None
        self._once = "once" in given
        self._every = _every(given.get("every", 1))
        self._met: set[str] = set()
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._lock = threading.Lock()

    def meets(self, method: str, path: str, query: str = "") -> bool:
        """Count a request; return whether the cell is down for it.

        :param path: with the version, such as ``/v2.1/servers/detail``.
        """
        first, whole = _names(path)
        resources = {first} if self._resources is None else {first, whole} & self._resources
        names = sorted(name for name, _ in parse_qsl(query, keep_blank_values=True))
        with self._lock:
            return bool(resources) and self._is_due(resources, (method, whole, *names))

    def _is_due(self, resources: set[str], question: tuple[str, ...]) -> bool:
        if self._once:
            due = resources - self._met
            self._met |= resources
            return bool(due)
        self._counts[question] += 1
        return self._counts[question] % self._every == 0


def _resources(given: object) -> set[str]:
    if not isinstance(given, list) or not given:
        raise LabError(f"drop of nova is {given!r}, must be a list of resources")
    for word in given:
        if word not in RESOURCES:
            near = difflib.get_close_matches(str(word), RESOURCES, 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise LabError(f"unknown resource {word!r}; known are {', '.join(RESOURCES)}{meant}")
    return set(given)


def _every(given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise LabError(f"every of nova is {given!r}, must be a number of requests")
    return given


def _names(path: str) -> tuple[str, str]:
    """Return the first element of a path below the version, and all of it, with ID for ids."""
    elements = [_ID.sub("ID", part) for part in path.split("/") if part][1:]
    return elements[0] if elements else "", "/".join(elements)


class CellDown:
    """The WSGI application around Nova's API.

    :param current: returns the fault of this moment, None if there is none.
    """

    def __init__(self, application, current: Callable[[], Fault | None]) -> None:
        self._application = application
        self._current = current

    def __call__(self, environ, start_response):
        fault = self._current()
        if fault is None or _header(OBSERVER) in environ or not fault.meets(
                environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]):
            return self._application(environ, start_response)
        with _cut_off():
            return self._application(environ, start_response)


def _header(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")


_thread = threading.local()


def is_cut_off() -> bool:
    """Return whether this thread carries out a request that meets the fault."""
    return getattr(_thread, "cut_off", False)


@contextlib.contextmanager
def _cut_off() -> Iterator[None]:
    """Within it, this thread does not reach the database of a cell with hosts."""
    before = is_cut_off()
    _thread.cut_off = True
    try:
        yield
    finally:
        _thread.cut_off = before


def install() -> None:
    """Let Nova ask whether its thread is cut off before it goes to the database of a cell."""
    from nova import context
    from nova.db.main import api
    from nova.objects import CellMapping
    from oslo_db.exception import DBConnectionError

    manager, gather = api.get_context_manager, context.scatter_gather_cells

    def get_context_manager(asking):
        # without a cell, the API of the lab asks the one that has the hosts
        cell = getattr(asking, "cell_uuid", None)
        if is_cut_off() and cell != CellMapping.CELL0_UUID:
            raise DBConnectionError("injected: the database of the cell does not answer")
        return manager(asking)

    def scatter_gather_cells(asking, cells, timeout, function, *args, **kwargs):
        def cut_off_too(*args, **kwargs):  # in a thread of Nova's pool
            with _cut_off():
                return function(*args, **kwargs)
        return gather(asking, cells, timeout, cut_off_too if is_cut_off() else function,
                      *args, **kwargs)

    api.get_context_manager = get_context_manager
    context.scatter_gather_cells = scatter_gather_cells
