"""Each branch of each workflow, rehearsed on Mistral's engine; see driver/rehearsals."""

import pytest

from driver.rehearsals.branches import untaken
from driver.workbooks import files
from tests.pack import REHEARSALS

PATHS = sorted(REHEARSALS.glob("*/*.yaml"))


def name(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_rehearsal(path, rehearse):
    """What the rehearsal claims holds."""
    outcome = rehearse(path)
    assert not outcome.problems, "\n".join([outcome.case.claim, *outcome.problems])


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_a_rehearsal_is_filed_under_the_workbook_whose_workflow_it_starts(path, rehearse):
    assert rehearse(path).case.workflow.rpartition(".")[0] == path.parent.name


def test_every_branch_of_every_workflow_is_taken_by_a_rehearsal(rehearse):
    outcomes = [rehearse(path) for path in PATHS]
    ran = {name for outcome in outcomes for name in outcome.workflows}
    taken = {edge for outcome in outcomes for edge in outcome.edges}
    assert not (missing := list(untaken(files.read_workbooks(), ran, taken))), "\n".join(missing)
