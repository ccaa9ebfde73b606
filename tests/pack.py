"""The pack as its files have it, to be compared with what others show of it."""

import yaml

from lab.process import ROOT

REHEARSALS = ROOT / "tests" / "workbooks" / "rehearsals"
WORKBOOKS = {path.stem: yaml.safe_load(path.read_text())
             for path in sorted((ROOT / "workbooks").glob("*.yaml"))}
WORKFLOWS = {f"{name}.{workflow}": content
             for name, workbook in WORKBOOKS.items()
             for workflow, content in workbook["workflows"].items()}


def inputs(workflow: str) -> list[str]:
    """Return the names of a workflow's inputs, in their order."""
    return [next(iter(one)) if isinstance(one, dict) else one
            for one in WORKFLOWS[workflow]["input"]]


# what a recovery starts itself, with its plan and how it stands; a person starts the others
STEPS = [workflow for workflow in WORKFLOWS if "report" in inputs(workflow)]
ENTRIES = [workflow for workflow in WORKFLOWS if workflow not in STEPS]
ACTIONS = [workflow for workflow in ENTRIES if workflow.startswith("recovery.action.")]
