"""Two recoveries of one host that start in two engines at the same instant: exactly one goes on.

``python -m tests.chaos.gate --rounds 1000`` starts a MariaDB of its own and two processes, each
with an engine of the Mistral that operators run (`tests.chaos.gate_engines`); no Nova, no broker.
"""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.environments import environment
from lab.mariadb import MariaDB
from lab.ports import choose
from lab.process import ROOT
from lab.wheel import install


def play(rounds: int, seed: int) -> dict[str, int]:
    """Play some rounds; return how often it came to what."""
    with tempfile.TemporaryDirectory() as scratch:
        state = Path(scratch)
        port = choose({}, ("mariadb",))["mariadb"]
        server = MariaDB(state, port, "mistral", secrets.token_hex(12), durable=True)
        install("mistral23", state / "product")
        server.install()
        server.start()
        try:
            done = subprocess.run(
                [environment("mistral23") / "bin" / "python", "-m", "tests.chaos.gate_engines",
                 str(rounds), str(seed)],
                env={**os.environ, "PYTHONPATH": f"{state / 'product'}{os.pathsep}{ROOT}",
                     "GATE_DATABASE": server.url},
                cwd=scratch, check=True, stdout=subprocess.PIPE)
            return dict(json.loads(done.stdout))
        finally:
            server.stop()


def main() -> int:
    """Play on the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.gate", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without stopping the database
    found = play(args.rounds, args.seed)
    print(json.dumps(found, indent=1))
    return 0 if found["one went on"] == args.rounds else 1


if __name__ == "__main__":
    sys.exit(main())
