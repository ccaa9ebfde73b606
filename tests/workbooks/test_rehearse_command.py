"""``openstack recovery rehearse`` and ``methods compile --cases``, without a cloud."""

import io
import sys
import types
from pathlib import Path
from xml.etree import ElementTree

import pytest

from driver.commands.rehearse import Rehearse
from driver.methods.apply import load_methods
from driver.rehearsals.cases import CasesError, read_cases
from driver.rehearsals.drafts import drafts
from driver.rehearsals.loading import ExtraMissingError, open_mistral, quietly
from driver.rehearsals.suite import Suite, compile_here
from driver.workbooks.files import InvalidWorkbooksError

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "examples/recovery_methods/first/recovery-methods.yaml"
NIGHT = """\
version: '2.0'
name: night
workflows:
  watch:
    input: [host]
    output:
      said: <% $.said %>
    tasks:
      look:
        action: night.look host=<% $.host %>
        publish:
          said: <% task().result %>
        on-success:
          - page: <% task().result = bad %>
        on-error:
          - tell
      page:
        action: night.page
      tell:
        action: night.page
"""
GOOD = """\
claim: A bad look pages somebody.
workflow: night.watch
input: {host: compute1}
results: {look: {data: bad}, page: {data: null}}
inputs: {look: {host: compute1}}
tasks: [look, page]
state: SUCCESS
output: {said: bad}
"""


@pytest.fixture
def night(tmp_path):
    """A directory with a workbook of one's own, whose actions are not installed, and a case."""
    (tmp_path / "cases").mkdir()
    (tmp_path / "night.yaml").write_text(NIGHT, encoding="utf-8")
    (tmp_path / "cases" / "good.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def rehearse(*words):
    """Return the exit status and what is printed; there is no client manager to ask for a cloud."""
    app = types.SimpleNamespace(stdout=io.StringIO())
    command = Rehearse(app, types.SimpleNamespace(debug=False))
    status = command.run(command.get_parser("rehearse").parse_args([str(word) for word in words]))
    return status, app.stdout.getvalue().splitlines()


def test_the_command_needs_no_cloud():
    assert Rehearse.auth_required is False


def test_a_case_of_a_workbook_of_ones_own_passes_with_actions_that_are_not_installed(night):
    status, lines = rehearse(night / "cases", "--workbook", night / "night.yaml")
    assert status == 0
    assert lines == [
        "night.look is not installed here: a stand-in takes any input",
        "night.page is not installed here: a stand-in takes any input",
        f"passed  {night}/cases/good.yaml: A bad look pages somebody.",
        "",
        "Branches that no case took:",
        "  night.watch: look on-error tell",
        "1 passed, 0 failed, 1 branch not taken",
    ]


def test_a_case_that_fails_says_what_would_have_led_to_the_task_that_did_not_run(night):
    text = GOOD.replace("[look, page]", "[look, tell]").replace(
        "page: {data: null}", "tell: {data: 1}"
    )
    (night / "cases" / "bad.yaml").write_text(text.replace("data: bad", "data: fine"))
    text = GOOD.replace("data: bad", "data: fine").replace(", page: {data: null}", "")
    (night / "cases" / "condition.yaml").write_text(text.replace("said: bad", "said: fine"))
    status, lines = rehearse(night / "cases", "--workbook", night / "night.yaml")
    assert status == 1
    shown = [line.strip() for line in lines if line.startswith("   ")]
    assert shown == [
        "tasks: there is no task 2, but tell was expected",
        "expected look, tell",
        "got      look",
        "tell runs when look fails; look ended with SUCCESS",
        "its result would have to be {error: ...}",
        "output.said:",
        "expected 'bad'",
        "got      'fine'",
        "results has task tell, which never ran",
        "tasks: there is no task 2, but page was expected",
        "expected look, page",
        "got      look",
        "page runs when look succeeds and <% task().result = bad %>; look ended with SUCCESS",
    ]
    assert lines[-1] == "1 passed, 2 failed, 1 branch not taken"


def test_a_case_that_starts_a_workflow_that_there_is_not_is_refused(night):
    case = night / "cases" / "good.yaml"
    case.write_text(GOOD.replace("night.watch", "night.wach"), encoding="utf-8")
    with pytest.raises(
        CasesError, match=r"no workflow 'night\.wach'; did you mean 'night\.watch'\?"
    ):
        rehearse(case, "--workbook", night / "night.yaml")


def test_a_workbook_that_mistral_does_not_take_is_refused_with_what_it_says(night):
    book = night / "night.yaml"
    book.write_text(NIGHT.replace("on-error:", "on-eror:"), encoding="utf-8")
    with pytest.raises(InvalidWorkbooksError, match=r"night\.yaml:\d+: Mistral says: .*on-eror"):
        rehearse(night / "cases", "--workbook", book)


def test_the_outcomes_are_written_as_junit_xml(night):
    text = GOOD.replace("state: SUCCESS", "state: ERROR").replace("A bad", "A \x7f<bad>")
    (night / "cases" / "wrong.yaml").write_text(text.replace("\x7f", ""), encoding="utf-8")
    rehearse(night / "cases", "--workbook", night / "night.yaml", "--junit-xml", night / "out.xml")
    root = ElementTree.parse(night / "out.xml").getroot()
    assert root.tag == "testsuites"
    (suite,) = root
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "2", "failures": "1", "errors": "0", "skipped": "0"}
    passed, failed = suite.findall("testcase")
    assert (passed.get("classname"), passed.get("name")) == (
        "night.watch",
        "A bad look pages somebody.",
    )
    assert len(passed) == 0
    (failure,) = failed
    assert failed.get("name") == "A <bad> look pages somebody."
    assert (failure.tag, failure.get("message")) == ("failure", "state:")
    assert failure.text == "state:\n  expected ERROR\n  got      SUCCESS"
    assert suite.find("system-out").text.splitlines()[1:] == ["night.watch: look on-error tell"]
    assert all(float(one.get("time")) >= 0 for one in (suite, passed, failed))


def test_without_the_extra_one_sentence_says_what_to_install(night, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "mistral"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mistral", None)
    with pytest.raises(ExtraMissingError) as missing:
        rehearse(night / "cases", "--workbook", night / "night.yaml")
    assert str(missing.value).endswith("pip install 'mistral-recovery[rehearse]'")
    assert "\n" not in str(missing.value)


def test_the_first_cases_of_methods_pass_as_they_are_written_and_take_every_branch(tmp_path):
    with quietly():
        mistral = open_mistral()
        compiled = compile_here(mistral, load_methods(FIRST))
        suite = Suite(mistral, [compiled.workbook])
        for name, text in drafts(mistral, compiled):
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        outcomes = list(suite.run(read_cases([tmp_path])))
        mistral.close()
    assert [outcome.problems for outcome in outcomes if outcome.problems] == []
    assert {outcome.case.state for outcome in outcomes} == {"SUCCESS", "ERROR"}
    assert [line for line in suite.untaken(outcomes) if "_finally:" not in line] == []
