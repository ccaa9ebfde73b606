"""``openstack recovery host``: recover a failed compute host."""

import argparse

from driver.commands import base

METHODS = ("auto", "reserved_host", "auto_priority", "rh_priority")


class RecoverHost(base.Starter):
    """Recover a failed compute host: isolate it and evacuate its servers.

    Without --wait the started execution is printed; see `openstack recovery show`. What is not
    given here comes from the Mistral environment "recovery", else from the workflow's defaults.
    """

    workflow = "recovery.host.recover"
    inputs = (
        *("host", "method", "reserved_hosts", "dry_run", "reset_stuck"),
        *("evacuate_all", "ignore_error_servers", "concurrency", "evacuation_timeout"),
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the host and the inputs of the workflow."""
        parser = super().get_parser(prog_name)
        parser.add_argument("host", metavar="<host>", help="compute host that failed")
        parser.add_argument(
            "--method",
            type=str.lower,
            choices=METHODS,
            help="auto: the scheduler picks the destinations; reserved_host: the given spare "
            "hosts, tried in order; auto_priority: auto, then reserved_host; rh_priority: "
            "reserved_host, then auto",
        )
        parser.add_argument(
            "--reserved-host",
            action="append",
            metavar="<host>",
            dest="reserved_hosts",
            help="spare host to evacuate to (repeat for more, tried in this order)",
        )
        base.add_dry_run(parser)
        parser.add_argument(
            "--reset-stuck",
            action="store_true",
            default=None,
            help="begin anew with servers that Nova shows under way and has forgotten, because its "
            "conductor or their destination died; refused while Nova seems to work on one",
        )
        self._add_selection(parser)
        return parser

    def _add_selection(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--only-ha",
            action="store_false",
            default=None,
            dest="evacuate_all",
            help="only servers with the HA metadata key",
        )
        parser.add_argument(
            "--ignore-error-servers",
            action="store_true",
            default=None,
            help="leave out servers that are in error",
        )
        parser.add_argument(
            "--concurrency",
            type=base.positive(int),
            metavar="<servers>",
            help="how many servers are evacuated at the same time",
        )
        parser.add_argument(
            "--evacuation-timeout",
            type=base.positive(int),
            metavar="<seconds>",
            help="how long the evacuation of one server may take",
        )

    def take_action(self, parsed_args: argparse.Namespace) -> base.Table:
        """Start the workflow, which takes the reserved hosts as one text."""
        if parsed_args.reserved_hosts:
            parsed_args.reserved_hosts = ",".join(parsed_args.reserved_hosts)
        return super().take_action(parsed_args)
