"""The guide to the recovery of nodes tells of every workflow, input and reason that there is."""

import re

import yaml

from tests.docs.documents import ROOT, words_in_capitals

GUIDE = (ROOT / "docs/recovery-of-nodes.md").read_text()
WORKFLOWS = yaml.safe_load((ROOT / "workbooks/recovery.node.yaml").read_text())["workflows"]
# Words in capitals that are no reason codes: states, methods of HTTP.
OTHER = {"SUCCEEDED", "SKIPPED", "FAILED", "PENDING", "MOVED", "RECOVERED", "GET", "POST", "ACTIVE"}
OTHER |= {"NOT_ENDED", "SERVERS_NOT_MOVED", "UNAUTHORIZED"}  # never the end; told in host-recovery


def test_every_reason_of_the_actions_is_in_the_guide_and_no_other_one() -> None:
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", GUIDE))

    assert words_in_capitals("nodes/*.py") - OTHER - told == set(), "not in the guide"
    # these are put together from the type of the action
    made = {"MIGRATE_FAILED", "REBUILD_FAILED"}
    assert told - words_in_capitals("**/*.py") - made == set(), "nowhere in the code"


def test_every_workflow_is_in_the_guide_in_its_order() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", GUIDE, re.MULTILINE)

    assert rows == list(WORKFLOWS)


def test_every_input_is_explained_in_the_description_of_its_workflow() -> None:
    for name, workflow in WORKFLOWS.items():
        inputs = [key if isinstance(key, str) else next(iter(key)) for key in workflow["input"]]
        told = re.findall(r"^(\w+): ", workflow["description"], re.MULTILINE)
        assert sorted(told) == sorted(inputs), name
        assert "Needs the r" in workflow["description"], name
