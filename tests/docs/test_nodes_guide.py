"""The guide to the recovery of nodes tells of every workflow, input and reason that there is."""

import ast
import re

import yaml

from tests.docs.documents import ROOT

GUIDE = (ROOT / "docs/recovery-of-nodes.md").read_text()
WORKFLOWS = yaml.safe_load((ROOT / "workbooks/recovery.node.yaml").read_text())["workflows"]
CODE = re.compile(r"[A-Z]+(_[A-Z]+)*")
# Words in capitals that are no reason codes: states, methods of HTTP.
OTHER = {"SUCCEEDED", "SKIPPED", "FAILED", "PENDING", "MOVED", "RECOVERED", "GET", "POST", "ACTIVE"}
OTHER |= {"NOT_ENDED", "SERVERS_NOT_MOVED", "UNAUTHORIZED"}  # never the end; told in host-recovery


def codes(pattern: str) -> set[str]:
    trees = [ast.parse(path.read_text()) for path in (ROOT / "mistral_actions").glob(pattern)]
    texts = [n.value for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    return {text for text in texts if isinstance(text, str) and CODE.fullmatch(text)}


def test_every_reason_of_the_actions_is_in_the_guide_and_no_other_one() -> None:
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", GUIDE))

    assert codes("nodes/*.py") - OTHER - told == set(), "not in the guide"
    # these are put together from the type of the action
    made = {"MIGRATE_FAILED", "REBUILD_FAILED"}
    assert told - codes("**/*.py") - made == set(), "nowhere in the code"


def test_every_workflow_is_in_the_guide_in_its_order() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", GUIDE, re.MULTILINE)

    assert rows == list(WORKFLOWS)


def test_every_input_is_explained_in_the_description_of_its_workflow() -> None:
    for name, workflow in WORKFLOWS.items():
        inputs = [key if isinstance(key, str) else next(iter(key)) for key in workflow["input"]]
        told = re.findall(r"^(\w+): ", workflow["description"], re.MULTILINE)
        assert sorted(told) == sorted(inputs), name
        assert "Needs the r" in workflow["description"], name
