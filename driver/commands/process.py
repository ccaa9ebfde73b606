"""``openstack recovery process``: a process of a compute host has failed."""

import argparse

from driver.commands import base


class RecoverProcess(base.Starter):
    """Recover from a failed process on a compute host: disable the host's compute service.

    The servers on the host are not touched. Any process but nova-compute is skipped. Without
    --wait the started execution is printed; see `openstack recovery show`.
    """

    workflow = "recovery.process.recover"
    inputs = ("host", "process", "dry_run", "disable_reason")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host, the process and the inputs of the workflow."""
        parser = super().get_parser(prog_name)
        parser.add_argument("host", metavar="<host>", help="host on which the process failed")
        parser.add_argument("process", metavar="<process>", help="process, such as nova-compute")
        base.add_dry_run(parser)
        parser.add_argument(
            "--disable-reason", metavar="<text>", help="reason that Nova shows for it"
        )
        return parser
