"""Compiled recovery methods on Mistral's engine, in virtual time."""

import itertools
import types

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from driver.methods.apply import located
from driver.methods.compile import compile_methods, default_workbook
from driver.methods.defaults import default_methods
from driver.methods.model import (
    ChainEntry,
    MethodChain,
    Methods,
    MethodsError,
    Retry,
    TaskSettings,
)
from driver.methods.reader import read_methods
from driver.methods.resolve import resolve
from driver.text.problems import Place
from driver.workbooks import files, lint
from driver.workbooks.literals import Yaql
from tests.unit.driver.methods import random_files

PLAN = {
    "host": "compute1",
    "servers": [{"id": "1", "name": "web"}],
    "reserved_hosts": [],
    "options": {"host_down_timeout": 9, "disable_timeout": 9},
}
REPORT = {
    "state": "FAILED",
    "reason": "NOT_ENDED",
    "message": "The recovery of compute1 has not ended.",
    "details": {"host": "compute1", "servers": []},
}
MOVED = {**REPORT, "state": "SUCCEEDED", "reason": "RECOVERED", "message": "1 server was moved."}
HANGS = "no result"
LOST = {"error": "Heartbeat wasn't received."}
ALERT = """tasks: {alert: {action: std.echo, input: {output: %s}%s}}"""


@pytest.fixture(scope="session")
def known(mistral):
    """What the engine has, as the API would tell it."""
    workflows = {}
    for book in files.read_workbooks():
        tasks = files.child(files.compose(book), "workflows")
        for name, node in files.entries(tasks):
            workflows[f"{book.name}.{name.value}"] = files.signature_of(node)
    actions = {name: lint.parse_signature(text) for name, text in mistral.actions().items()}
    return lint.Catalogue(actions, workflows, frozenset(mistral.functions()))


@pytest.fixture
def carry_out(mistral, known):
    """Install the methods of a file under a name of their own and start one of them."""

    def run(methods, results, failure="host_auto_failure", meanwhile=None):
        if isinstance(methods, str):
            methods = read_methods(methods, "night.yaml")
        text = compile_methods(methods, resolve(methods, known)).workbook.text
        name = f"methods{next(_NUMBERS)}"
        mistral.install(text.replace("recovery.methods", name))
        left = {
            task: itertools.chain(given, itertools.repeat(given[-1]))
            for task, given in results.items()
        }
        calls = []

        def result_of(task, action, inputs):
            calls.append((task, action, inputs))
            if meanwhile:
                meanwhile(task)
            result = next(left[task]) if task in left else None
            if result is HANGS:
                raise TimeoutError(task)  # Mistral logs it, and no result ever comes
            return result

        inputs = {"plan": PLAN, "report": REPORT}
        done = mistral.run(f"{name}.{failure}", inputs, result_of)
        assert done.stopped is None
        return types.SimpleNamespace(
            **vars(done), calls=calls, ran=[task for task, action, _ in calls]
        )

    return run


_NUMBERS = itertools.count()


def inputs_of(done, task):
    return next(inputs for name, _, inputs in done.calls if name == task)


def cancel_the_method():
    """Cancel the one that runs, as a person would over the API."""
    # not at the top: the filters of conftest.py do not hold yet while this file is imported
    from mistral.db.v2 import api
    from mistral.rpc import clients

    with api.transaction(read_only=True):
        (execution,) = [
            one.id
            for one in api.get_workflow_executions(state="RUNNING")
            if one.workflow_name.endswith(".host_auto_failure")
        ]
    clients.get_engine_client().stop_workflow(execution, "CANCELLED", "by hand")


def host_chain(phases):
    return f"host_auto_failure: {{{phases}}}\n"


def test_the_shipped_workbook_is_what_the_defaults_compile_to():
    """To write it anew: python -m driver.methods.compile > workbooks/recovery.methods.yaml."""
    path = files.find_workbooks() / "recovery.methods.yaml"
    assert path.read_text(encoding="utf-8") == default_workbook().text


def test_the_default_host_method_evacuates_after_isolating(carry_out):
    done = carry_out(
        default_methods(),
        {
            "disable_compute_service_task": [
                {"data": {"finished": False, "message": "up"}},
                {"data": {"finished": True}},
            ],
            "prepare_HA_enabled_instances_task": [{"data": {"servers": PLAN["servers"]}}],
            "evacuate_instances_task": [
                {"data": {"finished": False, "done": 0}},
                {"data": {"finished": True, "done": 1, "report": MOVED}},
            ],
        },
    )
    assert (done.state, done.output) == ("SUCCESS", {"report": MOVED})
    assert done.tasks == [
        "disable_compute_service_task",
        "prepare_HA_enabled_instances_task",
        "evacuate_instances_task",
    ]
    assert len(done.calls) == 5


@pytest.mark.parametrize(
    ("failure", "failing", "code"),
    [
        ("host_auto_failure", "disable_compute_service_task", "HOST_UP"),
        ("host_auto_failure", "evacuate_instances_task", "SERVERS_NOT_MOVED"),
        ("process_failure", "disable_compute_node_task", "FORBIDDEN"),
        ("process_failure", "confirm_compute_node_disabled_task", "FORBIDDEN"),
    ],
)
def test_a_block_that_fails_ends_the_method_with_its_sentence_said_once(
    carry_out, failure, failing, code
):
    told = {"state": "FAILED", "reason": code, "message": "It failed.", "details": {}}
    error = {"code": code, "message": "It failed.", "retriable": False, "report": told}
    fine = [{"data": {"finished": True}}]
    results = {
        "disable_compute_service_task": fine,
        "prepare_HA_enabled_instances_task": fine,
        "disable_compute_node_task": fine,
        failing: [{"error": error}],
    }
    done = carry_out(default_methods(), results, failure)
    assert (done.state, done.state_info) == ("ERROR", "It failed.")
    assert (done.output["report"]["reason"], done.output["report"]["message"]) == (
        code,
        "It failed.",
    )
    assert done.ran.count(failing) == 1


HOSTILE = [
    "<% $.plan %>",
    "<%",
    "a <% 1 + 1 %> b <% 2 %> c",
    "<%\n1 %>",
    "{{ _.plan }}",
    "{% if true %}x{% endif %}",
    "{{ a }} <% $.b %> '\"\\",
    "\\x41 \\n \\N{DASH} {{",
    'it\'s <% "quoted" %> `so`',
    "a: b # c\n- d\n\n  e\t",
    "yes",
    "123",
    "null",
    "",
    " ",
    "*alias &anchor !tag @at %percent",
    "\x00\x07\x1b\x85\u2028\ufeff {% \x00\x85\u2028\ufeff",
    "\U0001f600 {{ \U0001f600",
    "fail(msg=x)",
    "std.echo output=1",
]


def echo(value, retry=None, on_error=None, name="say"):
    """Methods with one task that is given this value."""
    place = Place("night.yaml", 1, f"tasks.{name}")
    inputs = {"output": value}
    task = TaskSettings(name, place, "std.echo", "action", inputs, None, retry, on_error, {})
    entries = {"pre": (), "main": (ChainEntry(name, place),), "post": (), "finally": ()}
    chains = dict(default_methods().chains)
    chains["host_auto_failure"] = MethodChain("host_auto_failure", place, entries)
    return Methods("night.yaml", chains, {name: task})


def test_hostile_text_reaches_the_action_exactly_as_it_is(carry_out):
    deep = {"list": [*HOSTILE, 1, -2.5, 1e-7, None, True, {}, []], "on": {"a b": HOSTILE[0]}}
    done = carry_out(echo([HOSTILE, deep]), {})
    assert inputs_of(done, "say") == {"output": [HOSTILE, deep]}
    assert done.state == "SUCCESS"


@settings(
    max_examples=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.text(st.sampled_from("<%>{}'\"\\ $.a\n:#-\x00xnuN\u2028\U0001f600"))
        | st.text(st.characters(exclude_categories=["Cs"])),
        min_size=30,
        max_size=60,
    )
)
def test_any_text_reaches_the_action_exactly_as_it_is(carry_out, texts):
    done = carry_out(echo(texts), {})
    assert inputs_of(done, "say") == {"output": texts}


def test_a_value_that_the_file_calls_an_expression_is_evaluated(carry_out):
    value = [Yaql("$.plan.host"), {"deep": Yaql(" $.report.message ")}, "$.plan.host"]
    done = carry_out(echo(value), {})
    expected = ["compute1", {"deep": REPORT["message"]}, "$.plan.host"]
    assert inputs_of(done, "say") == {"output": expected}


def test_results_are_there_for_every_later_task_across_phases_and_in_finally(carry_out):
    chain = "pre: [first], main: [say.again], post: [say.again], finally: [last, last]"
    told = """tasks:
        first: {action: std.echo, input: {output: one}}
        say.again: {action: std.echo, input: {output: !yaql "$.results"}}
        last: {action: std.echo, input: {output: !yaql "$.results.keys().orderBy($)"}}
    """
    done = carry_out(host_chain(chain) + told, {})
    assert inputs_of(done, "say_again")["output"] == {"first": "one"}
    assert inputs_of(done, "say_again_2")["output"] == {
        "first": "one",
        "say_again": {"first": "one"},
    }
    assert {"first", "say_again", "say_again_2"} <= set(inputs_of(done, "last")["output"])
    assert {"first", "say_again", "last"} <= set(inputs_of(done, "last_2")["output"])


def test_what_a_task_requires_and_the_recovery_has_is_handed_over(carry_out):
    methods = host_chain("main: [std.ssh]") + "tasks: {std.ssh: {input: {cmd: x, username: y}}}"
    done = carry_out(methods, {"std_ssh": [{"data": "done"}]})
    given = inputs_of(done, "std_ssh")
    assert {name: given[name] for name in ("host", "cmd", "username")} == {
        "host": "compute1",
        "cmd": "x",
        "username": "y",
    }


def test_a_method_goes_on_after_a_failure_that_the_file_allows(carry_out):
    chain = host_chain("pre: [alert], main: [no_op], post: [alert]")
    done = carry_out(
        chain + ALERT % ("hello", ", on_error: continue"),
        {"alert": [{"error": "no mail today"}], "alert_2": [{"error": "none either"}]},
    )
    assert done.state == "SUCCESS"
    assert done.ran == ["alert", "no_op", "alert_2"]
    assert done.output["report"]["state"] == "SUCCEEDED"
    assert [one["task"] for one in done.output["report"]["details"]["failed_tasks"]] == [
        "alert",
        "alert_2",
    ]


def test_an_allowed_failure_is_not_the_reason_of_a_later_one(carry_out):
    chain = host_chain("pre: [alert], main: [std.fail], post: [no_op]")
    done = carry_out(
        chain + ALERT % ("hello", ", on_error: continue"),
        {"alert": [{"error": "no mail today"}], "std_fail": [{"error": "the true reason"}]},
    )
    assert done.state == "ERROR"
    assert done.ran == ["alert", "std_fail"]
    assert "the true reason" in done.state_info
    assert "no mail today" not in done.state_info
    assert done.output["report"]["message"] == done.state_info


@pytest.mark.parametrize("result", [LOST, {"error": {"retriable": True}}, {"error": "no"}])
def test_a_foreign_task_without_retry_runs_once_even_if_its_process_was_killed(carry_out, result):
    done = carry_out(
        host_chain("main: [std.echo]") + "tasks: {std.echo: {input: {output: x}}}",
        {"std_echo": [result]},
    )
    assert done.ran.count("std_echo") == 1
    assert done.state == "ERROR"


@pytest.mark.parametrize("data", ["text", {"finished": False}, {"retriable": True}, 0, None])
def test_whatever_a_foreign_task_returns_is_a_success(carry_out, data):
    done = carry_out(
        host_chain("main: [std.echo]") + "tasks: {std.echo: {input: {output: x}}}",
        {"std_echo": [{"data": data}]},
    )
    assert done.ran == ["std_echo"]
    assert done.state == "SUCCESS"


@pytest.mark.parametrize(("failures", "runs", "state"), [(2, 3, "SUCCESS"), (9, 4, "ERROR")])
def test_a_foreign_task_is_tried_again_as_often_as_the_file_says(carry_out, failures, runs, state):
    results = [{"error": "no"}] * failures + [{"data": "yes"}]
    done = carry_out(echo("x", Retry(3, 100)), {"say": results})
    assert (done.ran.count("say"), done.state) == (runs, state)
    assert 100 * (runs - 1) <= done.seconds < 100 * runs


def test_a_timeout_is_for_all_tries_together_and_nothing_is_run_after_it(carry_out):
    told = ", retry: {count: 1000, delay: 10}, timeout: 45, on_error: continue"
    chain = host_chain("pre: [alert], main: [no_op], post: [no_op]")
    done = carry_out(chain + ALERT % ("x", told), {"alert": [{"error": "no"}]})
    assert done.state == "SUCCESS"
    assert done.ran == [*["alert"] * 4, "no_op", "no_op_2"]
    assert 30 <= done.seconds < 60


def test_a_try_that_hangs_is_ended_by_the_timeout_and_what_it_says_later_is_ignored(
    carry_out, mistral
):
    told = ", retry: {count: 1000, delay: 10}, timeout: 45, on_error: continue"
    chain = host_chain("pre: [alert], main: [no_op]")
    done = carry_out(chain + ALERT % ("x", told), {"alert": [HANGS]})
    assert done.state == "SUCCESS"
    assert done.ran == ["alert", "no_op"]
    assert 45 <= done.seconds < 50


def test_a_timeout_ends_a_polled_block(carry_out):
    done = carry_out(
        host_chain("main: [disable_compute_service_task, no_op]")
        + "tasks: {disable_compute_service_task: {timeout: 5, on_error: continue}}",
        {"disable_compute_service_task": [{"data": {"finished": False, "message": "up"}}]},
    )
    assert done.state == "SUCCESS"
    assert done.ran == [*["disable_compute_service_task"] * 5, "no_op"]
    assert [one["task"] for one in done.output["report"]["details"]["failed_tasks"]] == [
        "disable_compute_service_task"
    ]


FINALLY = host_chain("main: [std.fail], finally: [alert, std.noop, alert]") + ALERT % (
    '!yaql "$.report.message"',
    "",
)


def test_finally_knows_how_the_method_ended(carry_out):
    done = carry_out(FINALLY, {"std_fail": [{"error": "the disk is full"}]})
    assert done.ran[0] == "start_finally"
    assert [task for task in done.ran if "alert" in task] == ["alert", "alert_2"]
    assert "the disk is full" in inputs_of(done, "alert")["output"]
    assert inputs_of(done, "alert") == inputs_of(done, "alert_2")


def test_each_task_of_finally_runs_whatever_became_of_those_before_it(carry_out):
    error = [{"error": "no"}]
    done = carry_out(FINALLY, {"std_fail": [{"data": 1}], "alert": error, "std_noop": error})
    assert done.state == "SUCCESS"
    behind = done.ran[done.ran.index("alert") :]
    assert behind == ["alert", "std_noop", "alert_2", "report_end"]


def test_a_failure_that_the_file_allows_is_none_in_finally(carry_out):
    chain = host_chain("main: [no_op], finally: [alert]")
    done = carry_out(chain + ALERT % ("x", ", on_error: continue"), {"alert": [{"error": "no"}]})
    assert done.ran[-2:] == ["alert", "report_end"]


def test_finally_runs_after_a_cancel(carry_out):
    def cancel(task):
        if task == "std_fail":
            cancel_the_method()

    done = carry_out(FINALLY, {"std_fail": [HANGS]}, meanwhile=cancel)
    assert done.state == "CANCELLED"
    assert "CANCELLED" in inputs_of(done, "alert")["output"]
    assert "alert_2" in done.ran


def test_nothing_is_tried_again_after_a_cancel(carry_out):
    def cancel(task):
        if task == "say":
            cancel_the_method()

    done = carry_out(echo("x", Retry(100, 10)), {"say": [{"error": "no"}]}, meanwhile=cancel)
    assert done.state == "CANCELLED"
    assert done.ran == ["say"]


# Without shrinking, which takes minutes here
GENERATE = (Phase.explicit, Phase.reuse, Phase.generate)
RANDOM = settings(deadline=None, print_blob=True, phases=GENERATE)


@settings(RANDOM, max_examples=12)
@given(text=random_files.files)
def test_mistral_accepts_what_any_valid_file_compiles_to(text, mistral, known):
    methods = read_methods(text, "night.yaml")
    book = compile_methods(methods, resolve(methods, known)).workbook
    assert lint.lint([book], known) == []
    mistral.install(book.text.replace("recovery.methods", f"methods{next(_NUMBERS)}"))


@settings(RANDOM, max_examples=60)
@given(text=random_files.damaged | st.text())
def test_any_text_is_compiled_to_what_mistral_accepts_or_refused_with_a_line(text, mistral, known):
    try:
        compiled = compiled_for(text, known)
    except MethodsError as error:
        wrong = [problem for problem in error.problems if not is_located(problem, text)]
        assert (bool(error.problems), wrong) == (True, [])  # noqa: PT017
    else:
        mistral.install(compiled.replace("recovery.methods", f"methods{next(_NUMBERS)}"))


def compiled_for(text, known):
    """Do what `openstack recovery methods check` does."""
    methods = read_methods(text, "night.yaml")
    compiled = compile_methods(methods, resolve(methods, known))
    found = lint.lint([compiled.workbook], known)
    if found:
        raise MethodsError(located(found, compiled, methods))
    return compiled.workbook.text


def is_located(problem, text):
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    in_file = 1 <= problem.place.line <= lines
    return in_file and "compiled workbook" not in problem.message
