"""Installing workbooks: all checked first, then only what changed is written."""

import pathlib

import pytest
from keystoneauth1 import exceptions

from driver.errors import RefusedError
from driver.workbooks.files import InvalidWorkbooksError, read_workbooks
from driver.workbooks.install import catalogue, check, sync
from tests.unit.driver.fake_mistral import FakeApi, fake_mistral, refusal

WORKBOOK = """\
version: '2.0'
name: {name}
description: A workbook for tests.
workflows:
  run:
    description: Says something.
    tags: [recovery]
    input:
      - text
    output:
      report: <% ending() %>
    output-on-error:
      report: <% ending() %>
    task-defaults:
      on-error:
        - fail(msg=<% ending().message %>)
    tasks:
      say:
        description: Says it.
        {call}
"""


@pytest.fixture
def api():
    api = FakeApi()
    api.data["actions"] += [
        {"id": "std.echo", "name": "std.echo", "input": "output"},
        {"id": "std.noop", "name": "std.noop", "input": ""},
    ]
    return api


@pytest.fixture
def directory(tmp_path):
    write(tmp_path, "recovery.one")
    write(tmp_path, "recovery.two")
    return tmp_path


def write(directory, name, call="action: std.echo output=<% $.text %>", more=""):
    path = directory / f"{name}.yaml"
    path.write_text(WORKBOOK.format(name=name, call=call) + more)
    return path


def writes(api):
    return [
        (method, path)
        for method, path, _ in api.requests
        if method != "GET" and path != "/workbooks/validate"
    ]


def test_a_second_sync_changes_nothing(api, directory):
    mistral = fake_mistral(api)
    assert sync(mistral, read_workbooks(directory)) == {
        "recovery.one": "created",
        "recovery.two": "created",
    }
    api.requests.clear()
    assert sync(mistral, read_workbooks(directory)) == {
        "recovery.one": "unchanged",
        "recovery.two": "unchanged",
    }
    assert writes(api) == []


def test_only_the_workbook_whose_text_changed_is_written(api, directory):
    mistral = fake_mistral(api)
    sync(mistral, read_workbooks(directory))
    write(directory, "recovery.two", more="# changed\n")
    api.requests.clear()
    assert sync(mistral, read_workbooks(directory)) == {
        "recovery.one": "unchanged",
        "recovery.two": "updated",
    }
    assert writes(api) == [("PUT", "/workbooks")]


def test_another_scope_is_a_change(api, directory):
    mistral = fake_mistral(api)
    sync(mistral, read_workbooks(directory))
    assert set(sync(mistral, read_workbooks(directory), public=True).values()) == {"updated"}
    assert [book["scope"] for book in mistral.workbooks()] == ["public", "public"]
    assert set(sync(mistral, read_workbooks(directory), public=True).values()) == {"unchanged"}


def test_nothing_is_written_if_one_workbook_is_invalid_and_every_problem_is_named(api, directory):
    bad = write(directory, "recovery.bad", call="action: nowhere.do text=<% $.text %>")
    text = (directory / "recovery.two.yaml").read_text()
    api.invalid[text] = "Invalid DSL: task 'say'\n is wrong on line 17, column 3"
    with pytest.raises(InvalidWorkbooksError) as caught:
        sync(fake_mistral(api), read_workbooks(directory))
    *ours, theirs = map(str, caught.value.problems)
    assert any(line.startswith(f"{bad}:") and "nowhere.do" in line for line in ours)
    assert theirs == (
        f"{directory / 'recovery.two.yaml'}:17: Mistral says: Invalid DSL: task 'say' is wrong"
        " on line 17, column 3"
    )
    assert str(caught.value).endswith("problems: nothing was written to Mistral")
    assert writes(api) == []


def test_every_file_that_cannot_be_read_is_named(directory):
    (directory / "recovery.a.yaml").write_text("{")
    (directory / "recovery.b.yaml").write_text("- list\n")
    with pytest.raises(InvalidWorkbooksError) as caught:
        read_workbooks(directory)
    names = [pathlib.Path(problem.place.file).stem for problem in caught.value.problems]
    assert names == ["recovery.a", "recovery.b"]


def test_a_directory_without_workbooks_is_told(tmp_path):
    with pytest.raises(InvalidWorkbooksError, match="no workbook"):
        read_workbooks(tmp_path)


def test_workbooks_may_call_each_others_workflows_before_any_is_installed(api, directory):
    call = "workflow: recovery.nowhere.run text=<% $.text %>"
    path = write(directory, "recovery.caller", call)
    (problem,) = check(fake_mistral(api), read_workbooks(directory))
    assert problem.place.file == str(path)
    write(directory, "recovery.nowhere")
    assert check(fake_mistral(api), read_workbooks(directory)) == []


def test_a_workflow_that_the_new_text_no_longer_has_does_not_count(api, directory):
    api.data["workflows"] = [
        {"id": "1", "name": "recovery.one.gone", "input": ""},
        {"id": "2", "name": "other.flow", "input": "a, b=null"},
    ]
    known = catalogue(fake_mistral(api), read_workbooks(directory)).workflows
    assert list(known) == ["other.flow"]
    assert known["other.flow"].required == {"a"}
    assert known["other.flow"].optional == {"b"}


def test_the_inputs_of_a_workflow_are_read_from_its_interface_where_there_is_one(api):
    api.data["workflows"] = [
        {
            "id": "1",
            "name": "other.flow",
            "input": 'a, b="x, c"',
            "interface": '{"input": ["a", {"b": "x, c"}], "output": []}',
        }
    ]
    known = catalogue(fake_mistral(api)).workflows["other.flow"]
    assert (known.required, known.optional) == ({"a"}, {"b"})


def test_another_projects_public_workbook_is_not_taken_for_ones_own(api, directory):
    api.project_id = "theirs"
    sync(fake_mistral(api), read_workbooks(directory), public=True)
    api.project_id = "ours"
    done = sync(fake_mistral(api), read_workbooks(directory), public=True)
    assert set(done.values()) == {"created"}
    owners = {(book["name"], book["project_id"]) for book in api.data["workbooks"]}
    assert len(owners) == 4


def test_making_workbooks_public_without_the_right_says_who_may(api, directory):
    real = api._post_workbooks

    def forbid(parts, options):
        if parts[-1] == "validate":
            return real(parts, options)
        return refusal(403, "Operation forbidden (insufficient permissions)")

    api._post_workbooks = forbid
    with pytest.raises(RefusedError, match="only an administrator may make a workbook public"):
        sync(fake_mistral(api), read_workbooks(directory), public=True)
    assert api.data["workbooks"] == []


def test_a_lost_connection_during_a_sync_is_survived(api, directory):
    api.faults = [exceptions.ConnectFailure("refused")] * 3
    assert set(sync(fake_mistral(api), read_workbooks(directory)).values()) == {"created"}


def test_a_mistral_that_the_pack_refuses_is_refused_before_anything_is_looked_at(api, directory):
    sentence = "Mistral 99 has changed inside, and recoveries cannot run in it."
    api.data["actions"].append({"id": "r", "name": "recovery.refused", "description": sentence})
    with pytest.raises(RefusedError, match=sentence):
        sync(fake_mistral(api), read_workbooks(directory))
    assert api.data["workbooks"] == []
