"""The shipped workbooks against a real Mistral."""

from driver.workbooks import files, lint
from tests.pack import REHEARSALS


def test_the_shipped_workbooks_have_no_problems(mistral):
    """They use what this Mistral and the pack have, and keep the pack's rules."""
    catalogue = lint.Catalogue(
        actions={name: lint.parse_signature(text) for name, text in mistral.actions().items()},
        functions=frozenset(mistral.functions()),
    )
    problems = lint.lint(files.read_workbooks(), catalogue)
    assert not problems, "\n".join(map(str, problems))


def test_every_directory_of_rehearsals_belongs_to_a_workbook():
    directories = {path.name for path in REHEARSALS.iterdir() if path.is_dir()}
    assert directories == {workbook.name for workbook in files.read_workbooks()}


def test_a_step_is_tried_again_for_two_minutes():
    """The other rehearsals have fewer tries (conftest.py)."""
    retries = [
        (name, definition["task-defaults"]["retry"])
        for workbook in files.read_workbooks()
        for name, definition in workbook.workflows.items()
        if "retry" in definition.get("task-defaults", {})
    ]
    assert retries
    assert [name for name, retry in retries if (retry["count"], retry["delay"]) != (60, 2)] == []
