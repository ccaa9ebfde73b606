"""``openstack recovery sync``: install the pack's workbooks."""

import argparse
from pathlib import Path

from driver.commands import base
from driver.workbooks.files import read_workbooks
from driver.workbooks.install import sync


class Sync(base.Lister):
    """Install the workbooks in Mistral, or bring them up to date.

    All are validated first; if anything is wrong, every problem is printed and nothing is written.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what to install and for whom."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--public",
            action="store_true",
            help="let every project use the workflows (for administrators)",
        )
        parser.add_argument(
            "--directory",
            type=Path,
            metavar="<directory>",
            help="install the *.yaml workbooks found here instead of the pack's own",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Table:
        """Check everything, then write what changed."""
        workbooks = read_workbooks(parsed_args.directory)
        done = sync(self.mistral, workbooks, parsed_args.public)
        return ("Workbook", "Result"), list(done.items())
