"""Nova, Placement and fake hypervisors in one process: ``python -m lab.nova_server``.

Started by ``lab.Lab``, which writes ``clouds.yaml`` into the state directory first. The control
application is served last, so whoever gets an answer from it knows that the cloud is ready:

* ``GET /``: the process, and the hosts that are up
* ``GET`` and ``PUT /faults``: see ``lab.faults``
* ``POST /hosts/NAME/start`` and ``POST /hosts/NAME/kill``
"""

import argparse
import functools
import importlib
import json
import logging
import os
import secrets
import signal
import sys
import threading
from pathlib import Path

from lab import accounts, cell_down, faults, identity, ini, nova_config, patches, stubs, template
from lab.errors import LabError
from lab.ports import NOVA_PORTS, url
from lab.wsgi import HttpError, read_json, respond, serve

LOG = logging.getLogger(__name__)

VERSIONS = ("", "/v2.1")  # what Nova tells without a token


def arguments(argv=None):
    parser = argparse.ArgumentParser(prog="python -m lab.nova_server")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--hosts", required=True, help="names, separated by commas")
    parser.add_argument("--workflow-url", required=True, help="Mistral, for the service catalog")
    parser.add_argument("--keystone", action="store_true",
                        help="a real Keystone answers at the identity port; no stand-in is needed")
    parser.add_argument("--option", action="append", default=[], metavar="GROUP.NAME=VALUE",
                        help="an option of nova.conf")
    for name in NOVA_PORTS:
        parser.add_argument(f"--{name}-port", type=int, required=True)
    return parser.parse_args(argv)


@functools.cache
def import_libraries():
    """Import what takes long; ``lab.nursery`` does so for many processes at once."""
    from nova import monkey_patch
    monkey_patch.patch(backend="threading")
    for name in ("placement.wsgi", "placement.deploy", "os_vif", "lab.hosts", "nova.service",
                 "nova.api.openstack.wsgi_app", "nova.api.openstack.compute.routes",
                 "nova.compute.manager", "nova.conductor.manager", "nova.scheduler.manager",
                 "keystonemiddleware.auth_token"):
        importlib.import_module(name)


def write_configuration(state, urls, token, options):
    sections = nova_config.nova(state, urls, token)
    ini.write(state / "nova.conf", ini.merged(sections, ini.parse_options(options)))
    ini.write(state / "placement.conf", nova_config.placement(state))
    (state / "api-paste.ini").write_text(nova_config.API_PASTE)
    (state / "policy.yaml").write_text("{}\n")
    (state / "instances").mkdir(exist_ok=True)
    # nova-compute refuses to start a second time without it; all hosts of this process share it,
    # which is harmless because the hypervisor names its nodes itself
    (state / "compute_id").write_text("00000000-0000-4000-8000-000000000001\n")
    os.environ["OS_NOVA_CONFIG_DIR"] = os.environ["OS_PLACEMENT_CONFIG_DIR"] = str(state)


def make_tokens(state, urls, workflow_url, service_token):
    clouds = accounts.read(state / "clouds.yaml").values()
    passwords = {cloud["auth"]["username"]: cloud["auth"]["password"] for cloud in clouds}
    catalog = identity.catalog([
        ("identity", "keystone", urls["identity"] + "/v3"),
        ("compute", "nova", urls["compute"] + "/v2.1"),
        ("placement", "placement", urls["placement"]),
        ("image", "glance", urls["image"]),
        ("network", "neutron", urls["network"]),
        ("workflowv2", "mistral", workflow_url),
        ("workflow", "mistral", workflow_url),
    ])
    return identity.Tokens(identity.users(passwords), catalog, service_token)


def keystone_in_front(application, state):
    """Return Nova's API behind the middleware that it has in front of it everywhere."""
    from keystonemiddleware import auth_token

    auth = accounts.read(state / "clouds.yaml")["nova"]["auth"]
    checked = auth_token.AuthProtocol(application, accounts.middleware(auth))

    def dispatch(environ, start_response):
        public = environ["PATH_INFO"].rstrip("/") in VERSIONS
        return (application if public else checked)(environ, start_response)
    return dispatch


def start_nova(compute_port, in_front, host_names):
    """Start API, conductor, scheduler and the hosts; return the hosts.

    :param in_front: returns the API with the check of tokens in front of it.
    """
    from nova import service
    from nova.api.openstack import wsgi_app

    api = wsgi_app.init_application("osapi_compute", "nova-api")
    # both need Nova's configuration, which the line before has read
    import os_vif

    from lab.hosts import ComputeHosts
    os_vif.initialize()
    for name in ("conductor", "scheduler"):
        service.Service.create(host="controller", binary=f"nova-{name}", topic=name).start()
    hosts = ComputeHosts()
    hosts.start(host_names)
    reachable = cell_down.CellDown(api, faults.of_cell)
    serve(in_front(reachable), compute_port, 16, "compute")
    return hosts


class WithoutPower:
    """The hosts that were killed: that Nova was killed and started again brings none back.

    :param state: the state directory, which keeps their names.
    """

    def __init__(self, state):
        self._file = state / "without_power.json"

    def names(self):
        return json.loads(self._file.read_text()) if self._file.exists() else []

    def add(self, name):
        self._file.write_text(json.dumps([*self.names(), name]))

    def forget(self, name):
        self._file.write_text(json.dumps([one for one in self.names() if one != name]))


class Control:
    """The WSGI application that kills hosts and injects faults."""

    def __init__(self, hosts, without_power):
        self._hosts = hosts
        self._without_power = without_power

    def __call__(self, environ, start_response):
        try:
            return respond(start_response, "200 OK", self._dispatch(environ))
        except HttpError as error:
            return respond(start_response, error.status, error.body())
        except LabError as error:
            return respond(start_response, "400 Bad Request",
                           HttpError("400 Bad Request", str(error)).body())
        except Exception as error:
            LOG.exception("control")
            return respond(start_response, "500 Internal Server Error",
                           HttpError("500 Internal Server Error", repr(error)).body())

    def _dispatch(self, environ):
        request = environ["REQUEST_METHOD"], *environ["PATH_INFO"].strip("/").split("/")
        match request:
            case ("GET", ""):
                return {"pid": os.getpid(), "hosts": self._hosts.names(),
                        "threads": threading.active_count()}
            case ("GET", "faults"):
                return faults.current()
            case ("PUT", "faults"):
                faults.replace(read_json(environ))
                return faults.current()
            case ("POST", "hosts", name, "start"):
                self._hosts.start([name])
                self._without_power.forget(name)
                return {"hosts": self._hosts.names()}
            case ("POST", "hosts", name, ("kill" | "kill-unnoticed") as how):
                if name not in self._hosts.names():
                    raise HttpError("404 Not Found", f"host {name} is not running")
                self._hosts.kill(name, noticed=how == "kill")
                self._without_power.add(name)
                return {"hosts": self._hosts.names()}
        raise HttpError("404 Not Found", f"no {' /'.join(request)} here")


def main():
    args = arguments()
    sys.argv = sys.argv[:1]  # Nova parses it when it is imported
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    ports = {name: getattr(args, f"{name}_port") for name in NOVA_PORTS}
    urls = {name: url(port) for name, port in ports.items()}
    service_token = secrets.token_hex(16)
    template.copy_to(args.state)
    write_configuration(args.state, urls, service_token, args.option)

    import_libraries()
    import placement.wsgi

    from lab import hypervisor
    hypervisor.GUESTS = args.state
    patches.keep_sqlite_connections()
    patches.serialise_sqlite_writers()
    patches.wake_fake_rpc()
    patches.report_heartbeats_at_once()
    cell_down.install()

    tokens = make_tokens(args.state, urls, args.workflow_url, service_token)
    for name, application, threads in (
        *([] if args.keystone else [("identity", identity.Identity(urls["identity"], tokens), 4)]),
        ("image", stubs.Image(urls["image"]), 4),
        ("network", stubs.Network(urls["network"]), 4),
        ("placement", identity.PlacementToken(placement.wsgi.init_application(), tokens), 16),
    ):
        serve(application, ports[name], threads, name)
    without_power = WithoutPower(args.state)
    hosts = start_nova(
        ports["compute"],
        lambda api: (keystone_in_front(api, args.state) if args.keystone
                     else identity.RequireToken(api, tokens, public=VERSIONS)),
        [host for host in args.hosts.split(",") if host not in without_power.names()])
    serve(Control(hosts, without_power), ports["control"], 2, "control")
    LOG.info("ready")
    stopped.wait()
    # Nova's threads are not daemons; like a power failure, and the databases can take that
    os._exit(0)


if __name__ == "__main__":
    main()
