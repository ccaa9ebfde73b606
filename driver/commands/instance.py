"""``openstack recovery instance``: recover a failed server."""

import argparse

from driver.commands import base


class RecoverInstance(base.Starter):
    """Recover a failed server: stop it and start it again on its host.

    Without --wait the started execution is printed; see `openstack recovery show`. What is not
    given here comes from the Mistral environment "recovery", else from the workflow's defaults.
    """

    workflow = "recovery.instance.recover"
    inputs = ("server", "dry_run", "process_all_instances", "stop_timeout", "start_timeout")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the server and the inputs of the workflow."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "server",
            metavar="<server>",
            help="server that failed (name or ID; before a name that begins with a dash put --)",
        )
        base.add_dry_run(parser)
        parser.add_argument(
            "--all",
            action="store_true",
            default=None,
            dest="process_all_instances",
            help="also if the server lacks the HA metadata key",
        )
        parser.add_argument(
            "--stop-timeout",
            type=base.positive(int),
            metavar="<seconds>",
            help="how long stopping it may take",
        )
        parser.add_argument(
            "--start-timeout",
            type=base.positive(int),
            metavar="<seconds>",
            help="how long starting it may take",
        )
        return parser
