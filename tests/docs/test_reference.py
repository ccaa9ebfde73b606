"""Tables of the documents: complete, and nothing in them that the code does not have."""

import re

import pytest
import yaml

from driver.recoveries.model import STATES
from mistral_actions import inputs
from mistral_actions.recovery import instances, processes
from mistral_actions.recovery.hosts import METHODS, OPTIONS
from tests.docs.documents import DOCUMENTS, ROOT, words_in_capitals

GUIDE = (ROOT / "docs/host-recovery.md").read_text()
SECOND = (ROOT / "docs/instance-and-process.md").read_text()
KEEPER = (ROOT / "docs/keeper.md").read_text()
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
ENVIRONMENT = yaml.safe_load((ROOT / "examples/environment.yaml").read_text())

# Words in capitals that are no reason codes: states, of whatever, and methods of HTTP.
OTHER = {*STATES, *STATES.values(), "PENDING", "MOVED", "DELAYED", "GET", "PUT", "POST"}
OTHER |= {"ENDED"}  # of a run, see `run_state`
OTHER |= {"DELETE", "OS_CLOUD"}  # of HTTP; a variable in the environment
OTHER |= {"DOWN", "UNKNOWN", "MAINTENANCE"}  # host_status of a server
OTHER |= {"IDLE", "WAITING"}  # of a task in Mistral
OTHER |= {"WORKFLOW"}  # the type of a task in Mistral


def rows(document: str, columns: int) -> list[list[str]]:
    """Return the cells of all tables with so many columns, without their heads."""
    found = [line.strip("|").split("|") for line in document.splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in row] for row in found if len(row) == columns]
    return [row for row in cells if row[0].startswith("`") or row[0] in OTHER]


def test_every_reason_code_of_a_recovery_is_in_its_guides_and_no_other() -> None:
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", GUIDE + SECOND + KEEPER))
    engine = "engine/[!a]*.py"  # without those of action plans
    bases = ("errors.py", "base.py", "inputs.py", "recovery/*.py", "keeper.py")
    used = words_in_capitals(*bases, engine)

    assert used - OTHER - told == set(), "in none of the guides"
    assert told - words_in_capitals("**/*.py") - OTHER == set(), "not in the code"


def test_every_reason_code_that_recoveries_nodes_and_plans_share_is_in_a_guide() -> None:
    guides = "".join(document.read_text() for document in DOCUMENTS)
    used = words_in_capitals("steps.py", "servers/*.py", "services/*.py")

    assert used - OTHER - set(re.findall(r"`([A-Z][A-Z_]+)`", guides)) == set()


def test_every_state_of_a_recovery_is_in_the_guide() -> None:
    assert [state for state in STATES if not re.search(rf"\b{state}\b", GUIDE)] == []


def test_every_task_of_the_recovery_is_in_the_guide_in_its_order() -> None:
    told = [row[0] for row in rows(GUIDE.partition("## States")[0], 3)]

    assert re.findall(r"\w+", " ".join(told)) == tasks_of("host", "host_auto_failure")


def tasks_of(subject: str, method: str) -> list[str]:
    """Return the tasks of a recovery, then those of a recovery method as shipped."""
    found = []
    for book, name in ((f"recovery.{subject}", "recover"), ("recovery.methods", method)):
        workbook = yaml.safe_load((ROOT / f"workbooks/{book}.yaml").read_text())
        found += list(workbook["workflows"][name]["tasks"])
    return found


PARTS = SECOND.partition("## A process")


@pytest.mark.parametrize(("subject", "part"), [("instance", PARTS[0]), ("process", PARTS[2])])
def test_every_task_is_in_the_second_guide_in_its_order(subject: str, part: str) -> None:
    told = [row[0].strip("`") for row in rows(part, 3)]
    tasks = tasks_of(subject, f"{subject}_failure")
    assert [name for name in told if name.islower()] == tasks


@pytest.mark.parametrize(
    ("part", "options"), [(PARTS[0], instances.OPTIONS), (PARTS[2], processes.OPTIONS)]
)
def test_every_option_in_the_second_guide_has_its_default(part: str, options: dict) -> None:
    told = {row[0].strip("`"): row[1].strip("`") for row in rows(part, 4)}

    assert list(told) == list(options)
    defaults = {name: option.default for name, option in options.items()}
    assert {name: options[name].parse(told[name]) for name in told} == defaults


def told_options() -> dict[str, str]:
    return {row[0].strip("`"): row[1].strip("`") for row in rows(CONFIGURATION, 3)}


def test_every_option_is_documented_in_its_order() -> None:
    assert list(told_options()) == list(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_documented_default_is_the_default(name: str) -> None:
    default = OPTIONS[name].default

    told = told_options()[name]

    assert (OPTIONS[name].parse(told) if told else []) == default


def test_every_method_is_explained() -> None:
    assert [method for method in METHODS if f"`{method}`: " not in CONFIGURATION] == []


def test_the_example_of_an_environment_has_only_options_with_values_that_are_accepted() -> None:
    variables = ENVIRONMENT["variables"]

    assert ENVIRONMENT["name"] == "recovery"
    assert set(variables) <= set(OPTIONS)
    merged = inputs.merge(OPTIONS, {}, variables)
    assert merged["reserved_hosts"] == ["compute7", "compute8"]
