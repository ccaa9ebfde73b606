"""``openstack recovery keeper``: find what stands still in Mistral, and let it go on."""

import argparse

from driver.commands import base
from driver.recoveries.keeper import LOOK, found_by

_COLUMNS = ("ID", "Workflow", "Root", "Found", "Seconds", "Done")


class KeeperLook(base.Lister):
    """Find recoveries and plans that stand still in Mistral, and let Mistral look at them again.

    Mistral can lose a message when an engine or the broker dies; then nothing goes on. What is
    slow, what waits and what somebody has paused is left alone. The exit status is 0 if Mistral
    looks again at all that was found, and if nothing was.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options of the workflow."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--dry-run", action="store_true", help="only show what stands still, and do nothing"
        )
        parser.add_argument(
            "--idle",
            type=base.positive(int),
            metavar="<seconds>",
            help="how long nothing must have changed (default 30, at least 10)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Table:
        """Start the workflow, wait for its end and show what it has found."""
        given: dict[str, object] = {"dry_run": parsed_args.dry_run}
        if parsed_args.idle:
            given["idle"] = parsed_args.idle
        look = self.mistral.start(LOOK, given)
        self.follow(look.id)
        rows = found_by(self.mistral.execution(look.id))
        return _COLUMNS, [
            (
                row.get("id"),
                row.get("workflow"),
                row.get("root"),
                row.get("message"),
                row.get("seconds"),
                "looks again" if row.get("asked") else "nothing",
            )
            for row in rows
        ]
