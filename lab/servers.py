"""Servers to try recovery on: booted on a given host, in a given state."""

import time

from lab.errors import LabError
from lab.stubs import CIRROS

POWER = ("running", "stopped", "error")


def boot(nova, name, host, *, metadata=None, power="running", locked=False, wait=True):
    """Boot a server on a host and bring it into a state; return what Nova shows of it.

    :param power: "running", "stopped", or "error" (set with os-resetState).
    :param wait: False returns at once; the server is then "running" and not locked.
    :raises LabError: the server does not get there.
    """
    if power not in POWER:
        raise LabError(f"power is {power!r}, must be one of {', '.join(POWER)}")
    if not wait and (power != "running" or locked):
        raise LabError("a server must be waited for before it is stopped, reset or locked")
    body = {"server": _request(name, host) | {"metadata": metadata or {}}}
    if not wait:
        return show(nova, nova.call("POST", "/servers", body)["server"]["id"])
    server = _booted(nova, body)
    if power == "stopped":
        _act(nova, server, "os-stop")
        server = wait_for(nova, server["id"], "SHUTOFF")
    if power == "error":
        _act(nova, server, "os-resetState", {"state": "error"})
    if locked:
        _act(nova, server, "lock")
    return show(nova, server["id"])


def _booted(nova, body):
    """Boot a server, once more if Nova lost the first: now and then SQLite is too busy for it."""
    for is_last in (False, True):
        server = nova.call("POST", "/servers", body)["server"]
        try:
            return wait_for(nova, server["id"], "ACTIVE")
        except LabError:
            if is_last or show(nova, server["id"])["status"] != "BUILD":
                raise
            nova.call("DELETE", f"/servers/{server['id']}")
    raise AssertionError("not reached")


def boot_many(nova, count, host, prefix, timeout=300):
    """Boot ``count`` running servers on a host with one request; return them in order of name.

    :param timeout: seconds.
    """
    body = {"server": _request(prefix, host)
            | {"min_count": count, "max_count": count, "return_reservation_id": True}}
    reservation = nova.call("POST", "/servers", body)["reservation_id"]
    path = f"/servers/detail?all_tenants=1&reservation_id={reservation}"
    deadline = time.monotonic() + timeout
    while True:
        servers = nova.call("GET", path)["servers"]
        for server in servers:
            _check_fault(server)
        if len(servers) == count and all(server["status"] == "ACTIVE" for server in servers):
            return sorted(servers, key=lambda server: (len(server["name"]), server["name"]))
        if time.monotonic() > deadline:
            raise LabError(f"{count} servers on {host} did not get ACTIVE within {timeout} s")
        time.sleep(0.2)


def show(nova, server_id):
    return nova.call("GET", f"/servers/{server_id}")["server"]


def wait_for(nova, server_id, status, timeout=60):
    """Return the server when it has this status and nothing is going on.

    :param timeout: seconds.
    :raises LabError: it got into ERROR instead, or not there in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        server = show(nova, server_id)
        if server["status"] == status and server["OS-EXT-STS:task_state"] is None:
            return server
        _check_fault(server)
        if time.monotonic() > deadline:
            raise LabError(f"server {server['name']} is {server['status']} and did not get "
                           f"{status} within {timeout} s")
        time.sleep(0.1)


def _check_fault(server):
    if server["status"] == "ERROR":
        why = server.get("fault", {}).get("message", "no reason given")
        raise LabError(f"server {server['name']} is in ERROR: {why}")


def _act(nova, server, action, arguments=None):
    nova.call("POST", f"/servers/{server['id']}/action", {action: arguments})


def _request(name, host):
    return {"name": name, "imageRef": CIRROS, "flavorRef": "1", "networks": "none", "host": host}
