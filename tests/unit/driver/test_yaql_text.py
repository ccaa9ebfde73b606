"""The grammar of YAQL is built when it is needed, and not before."""

import subprocess
import sys

LOAD_ALL_COMMANDS = """
from importlib.metadata import entry_points
from driver.workbooks import yaql_grammar
commands = [point.load() for point in entry_points(group="openstack.recovery.v1")]
print(len(commands), yaql_grammar._parser.cache_info().misses)
"""


def test_loading_our_commands_which_every_openstack_command_does_builds_no_grammar() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ALL_COMMANDS], check=True, capture_output=True, text=True
    )

    commands, built = map(int, done.stdout.split())
    assert commands > 10
    assert built == 0
