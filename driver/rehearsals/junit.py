"""The outcomes of cases as JUnit XML, which CI systems read."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from driver.rehearsals.rehearse import Outcome


def write_junit(path: Path, outcomes: Sequence[Outcome], untaken: Sequence[str]) -> None:
    """Write a file with one test suite: a test case for each case.

    :param untaken: the branches that no case took: what the suite has to say besides.
    """
    suite = ElementTree.Element(
        "testsuite",
        name="openstack recovery rehearse",
        tests=str(len(outcomes)),
        failures=str(sum(bool(outcome.problems) for outcome in outcomes)),
        errors="0",
        skipped="0",
        time=_seconds(sum(outcome.seconds for outcome in outcomes)),
    )
    for outcome in outcomes:
        suite.append(_test_case(outcome))
    if untaken:
        said = ElementTree.SubElement(suite, "system-out")
        said.text = _text("\n".join(["branches that no case took:", *untaken]))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    ElementTree.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def _test_case(outcome: Outcome) -> ElementTree.Element:
    case = outcome.case
    element = ElementTree.Element(
        "testcase",
        classname=_text(case.workflow),
        name=_text(case.claim),
        file=_text(case.file),
        time=_seconds(outcome.seconds),
    )
    if outcome.problems:
        first = outcome.problems[0].splitlines()[0]
        failure = ElementTree.SubElement(element, "failure", message=_text(first))
        failure.text = _text("\n".join(outcome.problems))
    return element


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _text(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(one if one.isprintable() or one in "\n\t" else "?" for one in text)
