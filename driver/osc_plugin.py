"""The plugin of python-openstackclient: gives its commands a client for the cloud in use."""

import argparse
import os
from typing import Any

from driver.mistral.client import MistralClient

DEFAULT_API_VERSION = "1"
API_VERSION_OPTION = "os_recovery_api_version"
API_NAME = "recovery"
API_VERSIONS = ("1",)


def make_client(instance: Any) -> MistralClient:
    """Return the client; called at its first use with osc-lib's client manager."""
    return MistralClient.from_connection(instance.sdk_connection)


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the plugin's global option; the version is that of the commands, not of Mistral."""
    parser.add_argument(
        "--os-recovery-api-version",
        metavar="<recovery-api-version>",
        default=os.environ.get("OS_RECOVERY_API_VERSION") or DEFAULT_API_VERSION,
        help=f"Recovery commands version, default={DEFAULT_API_VERSION} "
        "(Env: OS_RECOVERY_API_VERSION)",
    )
    return parser
