"""``python -m tests.chaos``: rounds on a distributed lab of its own; exit status 1 if one fails."""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.chaos.play import played
from tests.chaos.requests import KINDS
from tests.chaos.wired import WiredLab
from tests.programs import BIN

PREPARATION = (
    ["recovery", "sync"],
    ["cron", "trigger", "create", "--pattern", "* * * * *", "keeper", "recovery.keeper.look"],
)
HOSTS = tuple(f"compute{n}" for n in range(1, 9))


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6),
                        help="of the first round; each next one has the next number")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kind", choices=KINDS, help="of all rounds; else drawn")
    parser.add_argument("--most", type=int, default=4, help="disturbances in a round")
    parser.add_argument("--state", type=Path, help="directory that is kept, with its logs")
    parser.add_argument("--lines", type=Path, help="file to which each round adds a line of JSON")
    return parser.parse_args(given)  # fmt: skip


def main() -> int:
    args = arguments()
    with tempfile.TemporaryDirectory() as kept, WiredLab(args.state or Path(kept), HOSTS) as lab:
        for command in PREPARATION:
            subprocess.run([BIN / "openstack", *command], check=True,
                           env={**os.environ, **lab.env}, stdout=subprocess.DEVNULL)  # fmt: skip
        ended = [
            told(args, played(lab, seed, args.kind, args.most))
            for seed in range(args.seed, args.seed + args.rounds)
        ]
    kills = sum(one["kills"] for one in ended)
    bad = sum(bool(one["wrong"]) for one in ended)
    print(f"{len(ended)} rounds, {kills} kills, {bad} rounds with something wrong")
    return 1 if bad else 0


def told(args: argparse.Namespace, line: dict[str, Any]) -> dict[str, Any]:
    """Print how a round has ended, and keep it."""
    done = "; ".join(line["disturbances"])
    print(f"{line['seed']} {line['kind']} ({line['seconds']} s): {done}")
    for one in line["wrong"]:
        print(f"    {one}")
    sys.stdout.flush()
    if args.lines:
        with open(args.lines, "a") as lines:
            lines.write(json.dumps(line) + "\n")
    return line


if __name__ == "__main__":
    sys.exit(main())
