"""The guide to recovery methods says what the code knows, and nothing else."""

import dataclasses
import json
import re

import pytest

from driver.methods.blocks import BLOCKS, OFFERED
from driver.methods.compile import compile_methods
from driver.methods.masakari_ini import OPTIONS, SECTION
from driver.methods.model import FAILURES, PHASES, MethodsError
from driver.methods.reader import read_methods
from driver.methods.resolve import resolve
from driver.workbooks.files import parse_signature
from driver.workbooks.lint import Catalogue
from tests.docs.documents import ROOT, Block, blocks, words_in_capitals
from tests.docs.test_reference import OTHER
from tests.unit.driver.methods.catalogues import KNOWN

PATH = ROOT / "docs/recovery-methods.md"
GUIDE = PATH.read_text()
BLOCKS_OF_GUIDE = list(blocks(PATH))
FILES = [block for block in BLOCKS_OF_GUIDE if block.kind == "yaml"]
MASAKARIS = [block for block in BLOCKS_OF_GUIDE if block.kind == "ini"]
EXAMPLES = ROOT / "examples/recovery_methods"
SCHEMA = json.loads((ROOT / "driver/methods/schema.json").read_text())

STD_EMAIL = "from_addr, to_addrs, smtp_server, smtp_password=null, subject=null, body=null"


def mistral() -> Catalogue:
    """Return what a Mistral has that can carry out the guide's files."""
    actions = {**KNOWN.actions, "std.email": parse_signature(STD_EMAIL)}
    return dataclasses.replace(KNOWN, actions=actions)


def table(head: str) -> list[list[str]]:
    """Return the cells of the table whose first line begins so, without that line."""
    (found,) = re.findall(rf"^\| {re.escape(head)} .*\n\|[-|]+\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found.splitlines()]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def first_names(head: str) -> list[str]:
    return [names(row[0])[0] for row in table(head)]


def problems(
    text: str, known: Catalogue | None = None, file: str = "recovery-methods.yaml"
) -> list[str]:
    """Return what is wrong in a file, as the commands print it."""
    try:
        methods = read_methods(text, file)
        compile_methods(methods, resolve(methods, known or mistral()))
    except MethodsError as error:
        return [str(problem) for problem in error.problems]
    return []


def told_of(block: Block) -> list[str]:
    """Return the problems that the guide shows behind a file: the next block, if it is text."""
    behind = BLOCKS_OF_GUIDE[BLOCKS_OF_GUIDE.index(block) + 1 :][:1]
    return behind[0].text.splitlines() if behind and behind[0].kind == "text" else []


@pytest.mark.parametrize("block", FILES, ids=lambda block: f"line {block.line}")
def test_a_file_in_the_guide_compiles_or_is_refused_as_the_guide_says(block: Block) -> None:
    assert problems(block.text) == told_of(block)


@pytest.mark.parametrize("block", MASAKARIS, ids=lambda block: f"line {block.line}")
def test_a_file_of_masakaris_in_the_guide_compiles_or_is_refused_as_it_says(block: Block) -> None:
    assert problems(block.text, file="masakari.conf") == told_of(block)


def test_the_guide_shows_the_first_example_as_it_is() -> None:
    assert FILES[0].text in (EXAMPLES / "first/recovery-methods.yaml").read_text()


@pytest.mark.parametrize("name", ["masakari.conf", "first/recovery-methods.yaml"])
def test_an_example_of_the_guide_compiles(name: str) -> None:
    assert problems((EXAMPLES / name).read_text()) == []


def test_every_failure_is_in_the_guide_in_its_order() -> None:
    assert first_names("failure") == list(FAILURES)


def test_every_phase_is_in_the_guide_in_its_order() -> None:
    assert first_names("phase") == list(PHASES)


def test_every_key_of_the_file_is_in_the_guide() -> None:
    told = [name for row in table("key") for name in names(row[0])]

    assert told == list(SCHEMA["properties"])


def test_masakaris_section_is_in_the_guide_with_all_of_its_options() -> None:
    told = {names(row[0])[0]: (names(row[1]), names(row[2])) for row in table("section")}

    assert told == {f"[{SECTION}]": (list(OPTIONS), list(PHASES[:-1]))}


def with_task(settings: str) -> str:
    return f"host_auto_failure: {{main: [no_op]}}\ntasks: {{no_op: {settings}}}\n"


def test_every_setting_of_a_task_is_in_the_guide_and_no_other() -> None:
    assert first_names("setting") == list(SCHEMA["definitions"]["task"]["properties"])


@pytest.mark.parametrize(
    ("key", "settings"),
    [("timeout", "{timeout: 0}"), ("retry", "{retry: 0}"), ("retry", "{retry: {count: 0}}"),
     ("retry", "{retry: {count: 1, delay: 0}}")],
)
def test_the_range_of_a_number_is_the_one_that_the_code_has(key: str, settings: str) -> None:
    (message,) = problems(with_task(settings))

    (least, most) = re.findall(r"from (\d+) to (\d+)", message)[0]
    (row,) = (row for row in table("setting") if row[0] == f"`{key}`")
    assert f"{least} to {most}" in row[1]


def test_every_task_is_in_the_guide_with_the_failures_that_it_is_for() -> None:
    told = {names(row[0])[0]: names(row[1]) for row in table("task")}

    assert list(told) == list(BLOCKS)
    assert {name: set(failures) for name, failures in told.items()} == {
        name: set(blocks) for name, blocks in BLOCKS.items()
    }


def test_what_is_handed_over_in_the_guide_is_what_is_offered() -> None:
    told = {
        (name, failure)
        for row in table("input")
        for name in names(row[0])
        for failure in names(row[1])
    }

    assert told == {(name, failure) for failure, offered in OFFERED.items() for name in offered}


def test_every_reason_code_in_the_guide_is_known() -> None:
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", GUIDE)) - {"NAME"}

    assert told
    assert told - words_in_capitals("**/*.py") - OTHER == set()
