"""Each branch of each workflow, rehearsed on Mistral's engine; see harness.py."""

import pytest

from driver.workbooks import files
from tests.workbooks import harness

REHEARSALS = sorted(harness.REHEARSALS.glob("*/*.yaml"))


def name(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", REHEARSALS, ids=name)
def test_rehearsal(path, rehearse):
    """What the rehearsal claims holds."""
    rehearsal, outcome = harness.load(path), rehearse(path)
    assert not outcome.problems, "\n".join([rehearsal.claim, *outcome.problems])


@pytest.mark.parametrize("path", REHEARSALS, ids=name)
def test_a_rehearsal_is_filed_under_the_workbook_whose_workflow_it_starts(path):
    assert harness.load(path).workflow.rpartition(".")[0] == path.parent.name


def test_every_branch_of_every_workflow_is_taken_by_a_rehearsal(rehearse):
    untaken = harness.untaken(files.read_workbooks(), [rehearse(path) for path in REHEARSALS])
    assert not (missing := list(untaken)), "\n".join(missing)
