"""``openstack recovery methods``, and what ``openstack recovery sync`` does about its work."""

import pytest
from cliff.commandmanager import CommandManager

from driver import osc_plugin
from driver.commands import methods as commands
from driver.commands.sync import Sync
from driver.methods.compile import default_workbook
from driver.methods.model import MethodsError
from driver.workbooks.install import sync
from tests.unit.driver.fake_mistral import FakeApi, fake_mistral
from tests.unit.driver.methods.catalogues import ACTIONS, WORKFLOWS, records
from tests.unit.driver.test_commands import Console

GOOD = """\
host_auto_failure:
  pre: [alert]
  main: [evacuate_instances_task]
  finally: [alert]
tasks:
  alert:
    action: std.echo
    input:
      output: help
    on_error: continue
"""


@pytest.fixture
def api():
    api = FakeApi()
    api.data["actions"] += records(ACTIONS)
    api.data["workflows"] += records(WORKFLOWS)
    return api


@pytest.fixture
def console(api):
    return Console(api)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "recovery-methods.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def writes(api):
    return [
        (method, path)
        for method, path, _ in api.requests
        if method != "GET" and path != "/workbooks/validate"
    ]


def installed(api):
    return {book["name"]: book["definition"] for book in api.data["workbooks"]}


def test_every_command_of_the_metadata_can_be_loaded():
    found = CommandManager(f"openstack.{osc_plugin.API_NAME}.v{osc_plugin.DEFAULT_API_VERSION}")
    names = ("check", "compile", "apply", "diff")
    kinds = [found.find_command(["recovery", "methods", name])[0] for name in names]
    assert kinds == [
        commands.CheckMethods,
        commands.CompileMethods,
        commands.ApplyMethods,
        commands.DiffMethods,
    ]


def test_check_shows_what_would_be_run_and_writes_nothing(api, console, path):
    assert console.run(commands.CheckMethods, str(path), "-f", "json") == 0
    assert console.stderr.getvalue() == (
        f"{path}: 4 recovery methods, 11 tasks: can be carried out by this Mistral\n"
    )
    rows = [tuple(row.values()) for row in console.json if row["Failure"] == "host_auto_failure"]
    assert rows == [
        ("host_auto_failure", "pre", "alert", "line 1"),
        ("host_auto_failure", "main", "evacuate_instances_task", "line 1"),
        ("host_auto_failure", "finally", "alert", "line 1"),
    ]
    assert {row["Given"] for row in console.json if row["Failure"] != "host_auto_failure"} == {
        "default"
    }
    assert writes(api) == []


def test_every_command_takes_masakaris_file_as_it_is(api, tmp_path):
    path = tmp_path / "custom.conf"
    path.write_text(
        "[taskflow_driver_recovery_flows]\n"
        "process_failure_recovery_tasks = pre:[no_op],\n  main:['no_op']\n"
    )
    console = Console(api)
    assert console.run(commands.CheckMethods, str(path), "-f", "json") == 0
    rows = [tuple(row.values()) for row in console.json if row["Failure"] == "process_failure"]
    assert rows == [
        ("process_failure", "pre", "no_op", "line 2"),
        ("process_failure", "main", "no_op", "line 2"),
    ]
    ends = [Console(api).run(kind, str(path)) for kind in KINDS]
    assert ends == [0, 0, 0, 0]


KINDS = [
    commands.CheckMethods,
    commands.CompileMethods,
    commands.ApplyMethods,
    commands.DiffMethods,
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_problems_is_refused_with_all_of_them_and_nothing_is_written(
    kind, api, console, path
):
    path.write_text(GOOD.replace("std.echo", "std.ehco").replace("pre: [", "pre: [nowhere, "))
    with pytest.raises(MethodsError) as caught:
        console.run(kind, str(path))
    assert str(caught.value).splitlines() == [
        f"{path}:2: host_auto_failure.pre[0]: this Mistral has no task, action or workflow"
        " 'nowhere'",
        f"{path}:7: tasks.alert.action: this Mistral has no action 'std.ehco';"
        " did you mean 'std.echo'?",
        "2 problems: nothing was compiled or installed",
    ]
    assert console.stdout.getvalue() == ""
    assert writes(api) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"\xff\xfe", "it is not UTF-8: invalid start byte at byte 0")],
)
def test_a_file_that_cannot_be_read_is_refused(content, message, console, path):
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(MethodsError, match=f"cannot be read: {message}"):
        console.run(commands.CheckMethods, str(path))


def test_what_the_linter_finds_is_told_at_its_place_in_the_file(console, path):
    path.write_text(
        GOOD.replace("output: help", 'delay: 0\n      output:\n      - 1\n      - !yaql "$.plann"'),
    )
    with pytest.raises(MethodsError) as caught:
        console.run(commands.CheckMethods, str(path))
    (problem, _) = str(caught.value).splitlines()
    assert problem == (
        f"{path}:10: tasks.alert.input.output: unknown variable 'plann'; did you mean 'plan'?"
    )


def test_what_mistral_itself_refuses_is_told(api, console, path):
    assert console.run(commands.CompileMethods, str(path)) == 0
    api.invalid[console.stdout.getvalue()] = "Invalid DSL: no reason"
    with pytest.raises(MethodsError, match=r"methods.yaml: in the .*Mistral says.*no reason"):
        console.run(commands.ApplyMethods, str(path))
    assert writes(api) == []


def test_compile_writes_the_workbook_to_stdout_or_to_a_file(api, console, path, tmp_path):
    assert console.run(commands.CompileMethods, str(path)) == 0
    out = tmp_path / "recovery.methods.yaml"
    assert console.run(commands.CompileMethods, str(path), "-o", str(out)) == 0
    text = out.read_text(encoding="utf-8")
    assert text.startswith(
        "# Compiled by `openstack recovery methods` from the file recovery-methods.yaml.\n"
    )
    assert console.stdout.getvalue() == text
    assert writes(api) == []


def test_apply_installs_and_says_what_it_did(api, console, path):
    results = []
    for change in ("", "", "# one more line\n", "process_failure:\n  main: [no_op]\n"):
        path.write_text(GOOD + change, encoding="utf-8")
        fresh = Console(api)
        assert fresh.run(commands.ApplyMethods, str(path), "-f", "json") == 0
        results += [row["Result"] for row in fresh.json]
    assert results == ["created", "unchanged", "unchanged", "updated"]
    assert fresh.run(commands.ApplyMethods, str(path), "--public") == 0
    assert [book["scope"] for book in api.data["workbooks"]] == ["public"]


def test_diff_shows_what_would_change_and_has_the_exit_status_of_diff(api, console, path):
    assert console.run(commands.DiffMethods, str(path)) == 1
    assert "+name: recovery.methods\n" in console.stdout.getvalue()
    console.run(commands.ApplyMethods, str(path))
    same, other = Console(api), Console(api)
    assert same.run(commands.DiffMethods, str(path)) == 0
    assert same.stdout.getvalue() == ""
    path.write_text(GOOD.replace("help", "more help"), encoding="utf-8")
    assert other.run(commands.DiffMethods, str(path)) == 1
    assert '-          output: "help"\n+          output: "more help"\n' in other.stdout.getvalue()


def test_sync_keeps_the_recovery_methods_of_an_operator(api, console, path):
    console.run(commands.ApplyMethods, str(path))
    before = installed(api)
    assert sync(fake_mistral(api), [default_workbook()]) == {"recovery.methods": "kept"}
    assert installed(api) == before


def test_sync_brings_the_shipped_recovery_methods_up_to_date(api):
    older = default_workbook()
    text = older.text.replace("What is done about", "All about")
    fake_mistral(api).create_workbook(text)
    assert sync(fake_mistral(api), [older]) == {"recovery.methods": "updated"}
    assert sync(fake_mistral(api), [older]) == {"recovery.methods": "unchanged"}


def test_sync_of_a_directory_with_an_operators_own_workbook_installs_it(
    api, console, path, tmp_path
):
    console.run(commands.ApplyMethods, str(path))
    path.write_text(GOOD.replace("help", "more help"), encoding="utf-8")
    directory = tmp_path / "workbooks"
    directory.mkdir()
    out = directory / "recovery.methods.yaml"
    console.run(commands.CompileMethods, str(path), "-o", str(out))
    fresh = Console(api)
    assert fresh.run(Sync, "--directory", str(directory), "-f", "json") == 0
    assert fresh.json == [{"Workbook": "recovery.methods", "Result": "updated"}]
