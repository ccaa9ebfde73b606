"""The workbook of the types of actions, compiled from a table and a template."""

from driver.plans.action_workbook import action_workbook
from driver.workbooks import files
from tests.plan_types import ACTION_TYPES


def test_the_shipped_workbook_is_what_the_table_and_the_template_compile_to():
    """To write it anew: python -m driver.plans.action_workbook > workbooks/recovery.action.yaml."""
    path = files.find_workbooks() / "recovery.action.yaml"
    assert path.read_text(encoding="utf-8") == action_workbook().text


def test_every_type_that_a_plan_may_have_is_a_workflow_and_no_other_is():
    assert set(action_workbook().definition["workflows"]) == set(ACTION_TYPES)
