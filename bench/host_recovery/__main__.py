"""The benchmark on the command line: ``python -m bench.host_recovery``."""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

from bench.host_recovery import measure, report
from bench.host_recovery.cloud import Cloud, WrongOutcome
from lab import LabError

DESCRIPTION = """\
Measure what the recovery of a compute host costs: the pack with and without locks, beside a floor
(list once, evacuate through a window, poll the migration records once a second, one session), on
one lab cloud with the same concurrency. Mistral is started anew before each row, so that tokens
and version documents are counted. Takes about 15 minutes with the defaults on two CPUs; other work
on the machine spoils the times (see the columns load, others, stolen), not the counts."""

EPILOG = """\
Exit status: 0 all rows were measured (a missed target is no error), 1 a row went wrong,
2 the command was not understood.

examples:
  python -m bench.host_recovery --servers 10 --delay 0            a first look, a minute
  python -m bench.host_recovery --repeat 3 --json figures.json    medians of three"""


def numbers(kind, low):
    def parse(text):
        try:
            found = sorted({kind(part) for part in text.split(",")})
        except ValueError:
            found = []
        if not found or found[0] < low:
            raise argparse.ArgumentTypeError(
                f"{text!r} must be numbers from {low} on, separated by commas")
        return found
    return parse


def positive(text):
    if not (text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1 on")
    return int(text)


def build_parser():
    parser = argparse.ArgumentParser(prog="python -m bench.host_recovery", description=DESCRIPTION,
                                     epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=numbers(int, 1), default=[10, 20, 50], metavar="N,N...",
                        help="servers on the host that fails (default: 10,20,50)")
    parser.add_argument("--delay", type=numbers(float, 0), default=[0.0, 5.0], metavar="S,S...",
                        help="seconds that a hypervisor takes to start a server (default: 0,5)")
    parser.add_argument("--concurrency", type=positive, default=10, metavar="N",
                        help="evacuations in progress, for floor and pack alike (default: 10)")
    parser.add_argument("--method", choices=("reserved_host", "auto"), default="reserved_host",
                        help="name the destination, or let the scheduler find the only host that "
                             "is left, for floor and pack alike (default: reserved_host)")
    parser.add_argument("--repeat", type=positive, default=1, metavar="N",
                        help="measure each row so often; targets are compared with medians")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--state", type=Path, metavar="DIR",
                        help="keep databases and logs of the lab there (default: a temporary "
                             "directory); what an earlier lab left in it is deleted")
    return parser


def measure_all(args, state):
    """Measure row by row; tell of each as soon as it is there."""
    rows = []
    cloud = Cloud(state)
    try:
        cloud.up(fresh=True)
        for servers in args.servers:
            cloud.grow(servers)
            for delay in args.delay:
                for way in measure.WAYS * args.repeat:
                    row = measure.run(cloud, way, delay, args.concurrency, args.method)
                    rows.append(row)
                    print(f"{row.servers} servers, {row.delay:g} s, {row.way}: {row.wall:.1f} s, "
                          f"{row.per_server:.2f} requests per server", file=sys.stderr)
    finally:
        cloud.down()
    return rows


def tell(args, rows):
    print(f"{os.cpu_count()} CPUs, Python {platform.python_version()}, "
          f"concurrency {args.concurrency}, method {args.method}\n")
    print(report.table(rows), report.LEGEND, sep="\n\n")
    for servers in args.servers:
        for delay in args.delay:
            print(f"\nRequests, {servers} servers, spawn {delay:g} s\n")
            print(report.kinds(rows, servers, delay))
    print("\nTargets\n")
    print(report.targets(rows))
    if args.json:
        args.json.write_text(json.dumps([row.as_dict() for row in rows], indent=1) + "\n")


def main(argv=None):
    """Run the benchmark; return the exit status."""
    args = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without stopping the lab
    try:
        with tempfile.TemporaryDirectory() as scratch:
            rows = measure_all(args, args.state or Path(scratch) / "lab")
    except (LabError, WrongOutcome) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    tell(args, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
