"""What the guide of the HTTP API says is what the code does; its commands run in the functional
tests."""

import dataclasses
import re

from driver.api import app, deploy, errors
from tests.docs.documents import ROOT

GUIDE = (ROOT / "docs/api.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    part = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_option_is_in_the_guide_with_its_default_and_no_other() -> None:
    told = {name: default for name, default, _ in rows("Deploy it")}

    assert told == {field.name: field.default for field in dataclasses.fields(deploy.Settings)}


def test_every_reason_of_an_error_is_in_the_guide_and_no_other() -> None:
    source = (ROOT / "driver/api/errors.py").read_text()
    raised = set(re.findall(r'HttpError\(\d+, "([A-Z_]+)"', source))
    known = raised | set(errors._REASONS.values()) | app.REFUSALS.keys()

    assert {reason for _, reason, _ in rows("Errors")} == known


def test_every_refusal_has_the_status_of_the_guide() -> None:
    told = {(int(status), reason) for status, reason, _ in rows("Errors") if status.isdigit()}

    assert {(status, reason) for reason, status in app.REFUSALS.items()} <= told
