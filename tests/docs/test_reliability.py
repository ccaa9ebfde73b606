"""The commands with which docs/reliability.md was measured are commands.

What they play, a round or some of it, is part of each run: tests/functional/test_distributed.py,
tests/functional/test_gate.py.
"""

import shlex
import subprocess
import sys

from tests.docs.documents import ROOT


def test_the_commands_of_the_figures_are_understood() -> None:
    lines = (ROOT / "docs" / "reliability.md").read_text().splitlines()
    commands = [line for line in lines if line.startswith("python -m ")]
    assert len(commands) == 2
    for command in commands:
        _python, *given = shlex.split(command)
        help_ = subprocess.run([sys.executable, *given, "--help"], cwd=ROOT, check=False,
                               capture_output=True, text=True)  # fmt: skip
        assert help_.returncode == 0, help_.stderr
        assert {word for word in given if word.startswith("--")} <= set(help_.stdout.split())
