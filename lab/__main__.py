"""The lab on the command line: ``python -m lab``."""

import argparse
import json
import shlex
import sys
import textwrap
from pathlib import Path

from lab import cell_down, faults, ini
from lab.cluster import DEFAULT_HOSTS, Lab
from lab.distributed import PORTS as DISTRIBUTED_PORTS
from lab.distributed import VERSIONS, DistributedLab
from lab.errors import LabError
from lab.ports import DEFAULT_PORTS
from lab.process import ROOT
from lab.senlin import PORTS as SENLIN_PORTS
from lab.senlin import SenlinLab
from lab.servers import POWER

DEFAULT_STATE = ROOT / ".lab" / "default"
PORTS = DISTRIBUTED_PORTS | SENLIN_PORTS

DESCRIPTION = """\
A cloud to try recovery on: a real Mistral with the actions of this pack, a real Nova and Placement
with fake hypervisors, and stubs for identity, image and network. Everything runs on this machine
and listens on the loopback interface only. Exit status: 0 done, 1 refused or failed (the reason is
on the error output), 2 the command was not understood."""



def _filled(words):
    return textwrap.fill(", ".join(words), 96, subsequent_indent="    ", break_on_hyphens=False)


EPILOG = """\
examples:
  python -m lab up                          start it
  eval "$(python -m lab env)"               then openstack and mistral talk to it
  python -m lab server web1 compute1 --property HA_Enabled=True
  python -m lab host kill compute1          a power failure
  python -m lab faults '{"compute2": {"spawn": {"delay": 2, "fail": "disk full"}}}'
  python -m lab faults '{"nova": {"drop": ["os-migrations", "servers/detail"], "every": 2}}'
  python -m lab down"""


FAULTS = f"""\
hypervisors: {{HOST, server UUID or "*": {{OPERATION: {{"delay": seconds, "fail": text}}}}}}
  a delay of anything but a live migration ends early when its fault is lifted
  operations: {_filled(faults.OPERATIONS)}

Nova's API: {{"nova": {{"cell_down": true}}}} or {{"nova": {{"drop": [RESOURCE, ...]}}}}
  The database of the cell with the hosts and servers does not answer: lists lack its records or
  have partial ones of status UNKNOWN, what needs the database is refused with 500.
  cell_down: for every request; drop: for requests of these resources only
  "once": true   only for the next request of each resource
  "every": 2     only each second time that the same is asked: method, path, names in the query
  resources: {_filled(cell_down.RESOURCES)}
  Without a slash a resource is everything below it; ID stands for any id. The lab's own requests
  ("server") and those with the header {cell_down.OBSERVER} look past it.

example: python -m lab faults '{{"nova": {{"drop": ["os-migrations"], "once": true}}}}'"""


def pair(text):
    """Split ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def port(text):
    name, value = pair(text)
    if name not in PORTS:
        raise argparse.ArgumentTypeError(f"unknown port {name!r}; known are {', '.join(PORTS)}")
    if not (value.isdigit() and 0 < int(value) < 65536):
        raise argparse.ArgumentTypeError(f"{value!r} is not a port number")
    return name, int(value)


def host_names(text):
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different names, "
                                         "separated by commas")
    return names


def json_object(text):
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return value


def build_parser():
    parser = argparse.ArgumentParser(prog="python -m lab", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", type=Path, default=DEFAULT_STATE, metavar="DIR",
                        help="directory with everything that the lab writes (default: "
                             ".lab/default in this checkout)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, text, **kwargs):
        added = commands.add_parser(name, parents=[common], help=text, description=text, **kwargs)
        added.set_defaults(function=function)
        return added

    up = command("up", do_up, "Start the lab and wait until it answers.")
    up.add_argument("--hosts", type=host_names, default=DEFAULT_HOSTS, metavar="NAME,NAME...",
                    help=f"compute hosts (default: {','.join(DEFAULT_HOSTS)})")
    up.add_argument("--port", type=port, action="append", default=[], metavar="NAME=NUMBER",
                    help="use another port; defaults: "
                         + ", ".join(f"{k}={v}" for k, v in PORTS.items()))
    up.add_argument("--keystone", action="store_true",
                    help="with a real Keystone, and Mistral and Nova behind it")
    more = up.add_mutually_exclusive_group()
    more.add_argument("--distributed", action="store_true",
                      help="with a Mistral as operators run it, nothing patched: an API, two "
                           "engines, two executors, RabbitMQ and MariaDB; implies --keystone")
    more.add_argument("--senlin", action="store_true",
                    help="with a real Senlin as well, its RabbitMQ and MariaDB; implies --keystone")
    up.add_argument("--mistral", choices=VERSIONS, metavar="VERSION",
                    help="with --distributed, the version of Mistral: "
                         f"{' or '.join(VERSIONS)} (default: {VERSIONS[0]})")
    up.add_argument("--fresh", action="store_true",
                    help="forget servers, workflows and executions of an earlier lab")
    for name in ("mistral", "nova"):
        up.add_argument(f"--{name}-option", action="append", default=[],
                        metavar="GROUP.NAME=VALUE", help=f"an option of {name}.conf")
    up.add_argument("--plugin", type=Path, action="append", default=[], metavar="DIR",
                    help="load the actions of a package in Mistral as well; DIR is made with "
                         "pip install --target DIR PACKAGE")
    command("down", do_down, "Stop the lab. What it holds is kept for the next start.")
    command("status", do_status, "Show the processes; exit status 1 if one is not running.")
    for name, function, text in (
        ("kill", do_kill, "End processes with SIGKILL, all at the same moment."),
        ("start", do_start, "Start processes that were killed, one after the other, and wait "
                            "until they work."),
    ):
        command(name, function, text).add_argument(
            "names", nargs="+", metavar="NAME", help="as status shows it")
    command("env", do_env, "Print what a client needs in its environment, for eval.")

    host = command("host", do_host, "Kill a compute host, or start it.")
    host.add_argument("action", choices=("kill", "start"),
                      help="kill: as a power failure that Nova has noticed; start: "
                           "again, or a new host, until Nova has its heartbeat")
    host.add_argument("name", metavar="HOST")

    inject = command("faults", do_faults, "Let hypervisors be slow or fail, and Nova's cell be "
                                          "down, from now on.",
                     epilog=FAULTS, formatter_class=argparse.RawDescriptionHelpFormatter)
    inject.add_argument("faults", type=json_object, metavar="JSON",
                        help="what to inject: see below; replaces what was injected before, "
                             "{} clears")

    server = command("server", do_server, "Boot a server on a host and bring it into a state.")
    server.add_argument("name", metavar="NAME")
    server.add_argument("host", metavar="HOST")
    state = server.add_mutually_exclusive_group()
    for power in POWER[1:]:
        state.add_argument(f"--{power}", dest="power", action="store_const", const=power,
                           default=POWER[0], help=f"leave it {power}")
    server.add_argument("--locked", action="store_true", help="lock it, as its user would")
    server.add_argument("--property", type=pair, action="append", default=[],
                        metavar="KEY=VALUE", help="metadata; may be given more than once")
    return parser


def do_up(args):
    options = {"mistral_options": ini.parse_options(args.mistral_option),
               "nova_options": ini.parse_options(args.nova_option), "plugins": args.plugin}
    if args.mistral and not args.distributed:
        raise LabError("--mistral needs --distributed: the other labs have a Mistral "
                       f"{VERSIONS[0]} inside")
    if args.distributed:
        lab = DistributedLab(args.state, args.hosts, DISTRIBUTED_PORTS | dict(args.port),
                             args.mistral or VERSIONS[0], **options)
        SenlinLab.leave(args.state)
    elif args.senlin:
        lab = SenlinLab(args.state, args.hosts, PORTS | dict(args.port), **options)
    else:
        lab = Lab(args.state, args.hosts, DEFAULT_PORTS | dict(args.port), **options,
                  keystone=args.keystone)
        SenlinLab.leave(args.state)
    lab.up(fresh=args.fresh)
    return do_env(args)


def attach(state):
    """Return the lab in a state directory, its Senlin included if it has one."""
    return SenlinLab.attach(state) if SenlinLab.is_in(state) else Lab.attach(state)


def do_down(args):
    attach(args.state).down()


def do_kill(args):
    attach(args.state).kill(*args.names)


def do_start(args):
    lab = attach(args.state)
    for name in args.names:
        lab.start(name)


def do_status(args):
    rows = attach(args.state).status()
    for row in rows:
        what = f"running  pid {row['pid']:<8} {row['memory']:4} MB" if row["running"] else "stopped"
        print(f"{row['name']:21} {what:34} {row['url']}")
    return 0 if all(row["running"] for row in rows) else 1


def do_env(args):
    for name, value in attach(args.state).env.items():
        print(f"export {name}={shlex.quote(value)}")


def do_host(args):
    lab = Lab.attach(args.state)
    if args.action == "kill":
        lab.kill_host(args.name)
    else:
        lab.start_host(args.name)


def do_faults(args):
    Lab.attach(args.state).set_faults(args.faults)


def do_server(args):
    server = Lab.attach(args.state).boot(args.name, args.host, metadata=dict(args.property),
                                         power=args.power, locked=args.locked)
    locked = ", locked" if server["locked"] else ""
    print(f"{server['name']} is {server['status']}{locked} on "
          f"{server['OS-EXT-SRV-ATTR:host']} ({server['id']})")


def main(argv=None):
    """Run one command; return its exit status."""
    args = build_parser().parse_args(argv)
    try:
        return args.function(args) or 0
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
