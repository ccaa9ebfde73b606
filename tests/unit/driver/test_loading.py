"""What is slow to load is loaded when it is needed, and not before."""

import subprocess
import sys

LOAD_ALL_COMMANDS = """
import sys
from importlib.metadata import entry_points
from driver import osc_plugin
from driver.workbooks import yaql_grammar
commands = [point.load() for point in entry_points(group="openstack.recovery.v1")]
print(len(commands), yaql_grammar._parser.cache_info().misses, "mistralclient" in sys.modules)
"""


def test_loading_our_commands_which_every_openstack_command_does_loads_nothing_slow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ALL_COMMANDS], check=True, capture_output=True, text=True
    )

    commands, grammars_built, client_loaded = done.stdout.split()
    assert int(commands) > 10
    assert int(grammars_built) == 0
    assert client_loaded == "False"
