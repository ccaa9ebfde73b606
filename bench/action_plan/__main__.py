"""The benchmark on the command line: ``python -m bench.action_plan``."""

import argparse
import itertools
import json
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

from bench.action_plan import measure, report
from bench.action_plan.cloud import Cloud
from bench.action_plan.forms import FORMS
from bench.action_plan.shapes import CHAIN, INDEPENDENT, LAYERS, PAIRS, SHAPES
from bench.host_recovery.__main__ import numbers, positive
from bench.host_recovery.cloud import WrongOutcome
from driver.errors import DriverError
from driver.plans.model import RULES
from lab import LabError

DESCRIPTION = """\
Measure what Mistral needs to accept and to carry out action plans that do nothing, in the shapes
chain, pairs (chains of two), layers (of ten, each action with two parents in the layer before) and
independent. Under ANY all actions but those without parents are skipped; independent ones are
measured under the first rule only, since they have no alternatives. Mistral is started anew, with
an empty database, before each row. Other work on the machine spoils the times (see the columns
load, others, stolen)."""

EPILOG = """\
Exit status: 0 all rows were measured, 1 a row went wrong, 2 the command was not understood.

examples:
  python -m bench.action_plan --actions 10                        a first look
  python -m bench.action_plan --shape chain --rule ANY --form compiled,direct
  python -m bench.action_plan --json figures.json"""


def some_of(known):
    def parse(text):
        found = text.split(",")
        if set(found) - set(known):
            raise argparse.ArgumentTypeError(
                f"{text!r} must be of {', '.join(known)}, separated by commas")
        return list(dict.fromkeys(found))
    return parse


def build_parser():
    parser = argparse.ArgumentParser(prog="python -m bench.action_plan", description=DESCRIPTION,
                                     epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actions", type=numbers(int, 1), default=[10, 50, 200], metavar="N,N...",
                        help="actions in a plan (default: 10,50,200)")
    for name, known, default, what in (
            ("shape", tuple(SHAPES), [CHAIN, PAIRS, LAYERS, INDEPENDENT],
             "how actions follow each other"),
            ("rule", RULES, list(RULES), "by which it is carried out"),
            ("form", tuple(FORMS), ["compiled"], "of the workflow; all but compiled are "
                                                 "experiments, see bench/action_plan/forms.py")):
        parser.add_argument(f"--{name}", type=some_of(known), default=default, metavar="X,X...",
                            help=f"{what}: {', '.join(known)} (default: {','.join(default)})")
    parser.add_argument("--repeat", type=positive, default=1, metavar="N",
                        help="measure each row so often")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--state", type=Path, metavar="DIR",
                        help="keep databases and logs of the lab there (default: a temporary "
                             "directory); what an earlier lab left in it is deleted")
    return parser


def measure_all(args, state, rows):
    """Measure row by row; tell of each as soon as it is there."""
    cloud = Cloud(state)
    try:
        cloud.up(fresh=True)
        for actions, shape, rule, form in itertools.product(args.actions, args.shape, args.rule,
                                                            args.form):
            if shape == INDEPENDENT and rule != args.rule[0]:
                continue
            for _ in range(args.repeat):
                row = measure.run(cloud, shape, actions, rule, form)
                rows.append(row)
                print(f"{shape}, {actions} actions, {rule}, {form}: {row.wall:.1f} s, "
                      f"{row.each:.3f} CPU s per action", file=sys.stderr)
    finally:
        cloud.down()


def tell(args, rows):
    print(f"{os.cpu_count()} CPUs, Python {platform.python_version()}\n")
    print(report.table(rows), report.LEGEND, sep="\n\n")
    if args.json:
        args.json.write_text(json.dumps([row.as_dict() for row in rows], indent=1) + "\n")


def main(argv=None):
    """Run the benchmark; return the exit status."""
    args = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without stopping the lab
    rows, status = [], 0
    try:
        with tempfile.TemporaryDirectory() as scratch:
            measure_all(args, args.state or Path(scratch) / "lab", rows)
    except (DriverError, LabError, WrongOutcome) as error:
        print(f"bench: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        status = 130
    if rows:  # what was measured before something went wrong is worth having
        tell(args, rows)
    return status


if __name__ == "__main__":
    sys.exit(main())
