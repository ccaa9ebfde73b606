"""Ports of the lab: the usual ones, free ones, and whether somebody has them."""

import random
import socket
from collections.abc import Iterable, Mapping

from lab.errors import LabError

DEFAULT_PORTS = {
    "identity": 15000, "placement": 18778, "compute": 18774, "image": 19292, "network": 19696,
    "control": 18799, "mistral": 8989,
}
NOVA_PORTS = tuple(name for name in DEFAULT_PORTS if name != "mistral")


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def choose(given: Mapping[str, int], names: Iterable[str] = DEFAULT_PORTS,
           taken: Iterable[int] = ()) -> dict[str, int]:
    """Return a port for each name: the given one, else a free one.

    :param names: the names that there are.
    :param taken: ports that somebody is going to use.
    :raises LabError: a name is unknown.
    """
    for name in given:
        if name not in names:
            raise LabError(f"unknown port {name!r}; known are {', '.join(names)}")
    ports = dict(given)
    # below the range from which the kernel takes ports for outgoing connections
    candidates = iter(random.sample(range(20000, 32000), 1000))
    for name in names:
        while name not in ports:
            port = next(candidates)
            if port not in (*ports.values(), *taken) and is_free(port):
                ports[name] = port
    return ports


def is_free(port: int) -> bool:
    """Return whether nobody listens on the port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_free(ports: Mapping[str, int]) -> None:
    """Refuse ports that somebody else has.

    :raises LabError: with the first one that is taken.
    """
    for name, port in ports.items():
        if not is_free(port):
            raise LabError(f"port {port} ({name}) is taken by another process; choose another one "
                           f"with --port {name}=NUMBER, or stop that process")
