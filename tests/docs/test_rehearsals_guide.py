"""docs/rehearsals.md: its commands print what it shows, without a cloud."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, Block, blocks

GUIDE = ROOT / "docs/rehearsals.md"
SESSIONS = [block for block in blocks(GUIDE) if block.kind == "console"]


@pytest.mark.parametrize("block", SESSIONS, ids=lambda block: str(block.line))
def test_a_rehearsal_prints_what_the_guide_shows(block: Block) -> None:
    environment = {name: value for name, value in os.environ.items() if name[:3] != "OS_"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", *block.commands],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.splitlines() == block.text.splitlines()[1:]
    assert done.stderr == ""
    assert done.returncode == int(block.marks.get("exit", 0))


def test_the_case_in_the_guide_is_that_of_the_example() -> None:
    (case,) = [block.text for block in blocks(GUIDE) if block.kind == "yaml"]
    example = ROOT / "examples/recovery_methods/first/cases/host_stays_up.yaml"
    assert case == example.read_text()
