"""``openstack recovery process``: a process of a compute host has failed."""

import argparse

from driver.commands import base

WORKFLOW = "recovery.process.recover"


class RecoverProcess(base.Starter):
    """Recover from a failed process on a compute host: disable the host's compute service.

    The servers on the host are not touched. Any process but nova-compute is skipped. Without
    --wait the started execution is printed; see `openstack recovery show`.
    """

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

    def take_action(self, parsed_args: argparse.Namespace) -> base.Table:
        """Start the workflow."""
        inputs = base.given(
            host=parsed_args.host,
            process=parsed_args.process,
            dry_run=parsed_args.dry_run,
            disable_reason=parsed_args.disable_reason,
        )
        return self.start(WORKFLOW, inputs, parsed_args)
