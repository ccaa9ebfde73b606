"""A file of recovery methods is read as its author meant it, or refused line by line."""

import pytest

from driver.methods import model
from driver.methods.methods_yaml import schema
from driver.methods.model import Retry
from driver.methods.names import NAME
from driver.methods.reader import read_methods
from driver.text.problems import Place
from driver.workbooks.literals import Yaql
from tests.unit.driver.methods.test_masakari_ini import (
    GUIDE,
    SAMPLE,
    names,
    problem_of,
    problems_of,
)

OURS = """\
host_rh_failure:
  pre:
    - alert
    - disable_compute_service_task
  # servers come before the bill
  main: [prepare_HA_enabled_instances_task, evacuate_instances_task]
  post:
    - billing  # over HTTP
  finally:
    - alert

tasks:
  alert:
    action: std.email
    input:
      to_addrs: [night@example.org]
      smtp_server: 127.0.0.1:2525
      subject: Recovery
      body: !yaql "$.report.message"
    timeout: 30                             # seconds
    retry:
      count: 3
      delay: 5
    on_error: continue
  billing:
    workflow: billing.update
    retry: 2
"""

CHAIN = """\
host_rh_failure:
  pre: [alert]
  %s
"""


def test_a_chain_is_read_with_the_place_of_each_name():
    chain = read_methods(OURS, "F").chains["host_rh_failure"]
    assert names(chain) == {
        "pre": ["alert", "disable_compute_service_task"],
        "main": ["prepare_HA_enabled_instances_task", "evacuate_instances_task"],
        "post": ["billing"],
        "finally": ["alert"],
    }
    assert list(chain.phases) == list(model.PHASES)
    assert chain.place == Place("F", 1, "host_rh_failure")
    assert [str(entry.place) for entries in chain.phases.values() for entry in entries] == [
        "F:3: host_rh_failure.pre[0]",
        "F:4: host_rh_failure.pre[1]",
        "F:6: host_rh_failure.main[0]",
        "F:6: host_rh_failure.main[1]",
        "F:8: host_rh_failure.post[0]",
        "F:10: host_rh_failure.finally[0]",
    ]


def test_a_failure_that_the_file_does_not_name_keeps_its_default_chain():
    methods = read_methods(OURS, "F")
    assert list(methods.chains) == list(model.FAILURES)
    assert [failure for failure, chain in methods.chains.items() if chain.place] == [
        "host_rh_failure"
    ]
    assert names(methods.chains["instance_failure"])["main"] == ["start_instance_task"]
    assert methods.source == "F"


def test_a_file_that_says_nothing_has_the_defaults_and_is_the_operators():
    methods = read_methods("# as by default\n{}\n", "F")
    assert {chain.place for chain in methods.chains.values()} == {None}
    assert (methods.source, methods.tasks) == ("F", {})


@pytest.mark.parametrize(
    "phases",
    [
        "main: [b, c]",
        "main:\n    - b\n    - c\n  post: []",
        "main:\n  - b\n  - 'c'",
        'finally: []\n  "main": ["b", c,]',
    ],
)
def test_a_chain_is_read_in_any_style_of_yaml(phases):
    chain = read_methods(CHAIN % phases, "F").chains["host_rh_failure"]
    assert names(chain) == {"pre": ["alert"], "main": ["b", "c"]}
    assert list(chain.phases) == list(model.PHASES)


def test_json_is_read():
    text = '{"host_rh_failure": {\n\t"main": ["a"]},\n "tasks": {"a": {"retry": 3}}}'
    methods = read_methods(text, "F")
    assert names(methods.chains["host_rh_failure"]) == {"main": ["a"]}
    assert methods.tasks["a"].retry == Retry(3, 10)


def test_settings_are_read_with_the_place_of_each():
    methods = read_methods(OURS, "F")
    alert, billing = methods.tasks["alert"], methods.tasks["billing"]
    assert (alert.calls, alert.kind, alert.timeout) == ("std.email", "action", 30)
    assert (alert.retry, alert.on_error) == (Retry(3, 5), "continue")
    assert alert.input == {
        "to_addrs": ["night@example.org"],
        "smtp_server": "127.0.0.1:2525",
        "subject": "Recovery",
        "body": Yaql("$.report.message"),
    }
    assert {key: place.line for key, place in alert.places.items()} == {
        "action": 14,
        "input": 15,
        "input.to_addrs": 16,
        "input.smtp_server": 17,
        "input.subject": 18,
        "input.body": 19,
        "timeout": 20,
        "retry": 21,
        "on_error": 24,
    }
    assert alert.place == Place("F", 13, "tasks.alert")
    assert alert.places["input.body"].path == "tasks.alert.input.body"
    assert (billing.calls, billing.kind, billing.retry) == (
        "billing.update",
        "workflow",
        Retry(2, 10),
    )
    assert (billing.input, billing.timeout, billing.on_error) == ({}, None, None)


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ("post: [b]", "1: host_rh_failure: 'main' is missing"),
        (
            "main: []",
            "3: host_rh_failure.main: expected at least one task, such as no_op, not an empty li",
        ),
        ("main: [a]\n  manin: [b]", "4: host_rh_failure.manin: unknown key 'manin'; did you mean"),
        ("main: [a]\n  Post: []", "4: host_rh_failure.Post: unknown key 'Post'"),
        ("main: [a]\n  main: [b]", "4: host_rh_failure.main: the key 'main' is given again"),
        ("main: a", "3: host_rh_failure.main: expected a list of names of tasks, not 'a'"),
        (
            "main: {a: b}",
            "3: host_rh_failure.main: expected a list of names of tasks, not a mapping",
        ),
        ("main:", "3: host_rh_failure.main: a value is missing"),
        ("main: [7]", "3: host_rh_failure.main[0]: expected a name ("),
        ("main:\n  - a: {action: b}", "4: host_rh_failure.main[0]: expected a name ("),
        ("main: [[a]]", "3: host_rh_failure.main[0]: expected a name ("),
        ("main: [no]", "3: host_rh_failure.main[0]: 'no' can be read in two ways"),
        ("main: [*a]", "3: host_rh_failure.main[0]: the anchor or alias 'a'"),
        ("main: [!yaql $.x]", "3: host_rh_failure.main[0]: expected a name ("),
        ("main: ['a]", "3: neither JSON nor YAML: "),
        ("main: [a", "3: neither JSON nor YAML: "),
        ("main [a]", "3: neither JSON nor YAML: "),
        ("main:\n\t- a", "4: neither JSON nor YAML: "),
    ],
)
def test_a_chain_that_cannot_be_carried_out_is_refused_at_its_line(phases, message):
    assert problem_of(CHAIN % phases).startswith(f"F:{message}")


@pytest.mark.parametrize(
    "name",
    [
        "<% $.x %>",
        "{{ x }}",
        "a: b",
        "a b",
        "-a",
        "9a",
        "../a",
        "!yaql x",
        "&a",
        "*a",
        "a#b",
        "$a",
        "ü",
        "",
        " a",
        "a\\x1b[0m",
        "a\\n",
        "a\u2028b",
        "x" * 65,
        "a'b",
        "a,b",
        "\U0001f600",
        "a\\0b",
    ],
)
@pytest.mark.parametrize("where", ["main: [{}]", "main: [a]\ntasks: {{a: {{action: {}}}}}"])
def test_a_name_is_a_name_and_nothing_else(name, where):
    problem = problem_of(CHAIN % where.format(f'"{name}"'))
    assert problem.startswith("F:")
    assert "expected a name (letters, digits, _ . and -" in problem
    assert problem.isprintable()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("host_auto_failur: {main: [a]}", "host_auto_failur: unknown key 'host_auto_failur'; did"),
        ("HOST_RH_FAILURE: {main: [a]}", "HOST_RH_FAILURE: unknown key 'HOST_RH_FAILURE'; did you"),
        ("host_auto_failure_recovery_tasks: x", "host_auto_failure_recovery_tasks: unknown key"),
        ("taks: {alert: {}}", "taks: unknown key 'taks'; did you mean 'tasks'?"),
        ("host_auto_failure: [a]", "host_auto_failure: expected a mapping, not a list"),
        ("tasks: [alert]", "tasks: expected a mapping, not a list"),
        ("tasks: {alert: retry}", "tasks.alert: expected a mapping, not 'retry'"),
        ("tasks: {alret: {}}", "tasks.alret: no chain has a task 'alret'; did you mean 'alert'?"),
        ("tasks: {main: {}}", "tasks.main: no chain has a task 'main'"),
        ("host_rh_failure: {main: [a]}", "host_rh_failure: the key 'host_rh_failure' is given aga"),
        ("1: {}", "1: a key must be text"),
    ],
)
def test_a_key_that_means_nothing_is_refused(line, message):
    assert problem_of(CHAIN % "main: [alert]" + line + "\n").startswith(f"F:4: {message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "F:1: there is nothing in it"),
        ("# nothing\n", "F:1: there is nothing in it"),
        ("---\n", "F:"),
        ("- a\n", "F:1: expected a mapping, not a list"),
        ("a\n", "F:1: expected a mapping, not 'a'"),
        ("{}\n---\n{}\n", "F:3: more than one document"),
        ("[a, b]\n", "F:1: expected a mapping, not a list"),
        ("host_rh_failure = main:[a]\n", "F:1: "),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(text, message):
    assert problem_of(text).startswith(message)


NUMBER = "expected a whole number from 1 to"
RETRY = "retry: expected a whole number from 1 to 1000, or a mapping of count and delay, not"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("timout: 3", "timout: unknown key 'timout'; did you mean 'timeout'?"),
        ("zzz: 3", "zzz: unknown key 'zzz'; there are action, workflow, input, timeout, retry, on"),
        ("timeout: 0", f"timeout: {NUMBER} 86400, not 0"),
        ("timeout: 86401", f"timeout: {NUMBER} 86400, not 86401"),
        ("timeout: 1.5", f"timeout: {NUMBER} 86400, not 1.5"),
        ("timeout: true", f"timeout: {NUMBER} 86400, not true"),
        ('timeout: "30"', f"timeout: {NUMBER} 86400, not '30'"),
        ("timeout: null", f"timeout: {NUMBER} 86400, not null"),
        ("timeout: !yaql $.x", f"timeout: {NUMBER} 86400, not !yaql $.x"),
        ("retry: 0", f"{RETRY} 0"),
        ("retry: 1001", f"{RETRY} 1001"),
        ("retry: [3]", f"{RETRY} a list"),
        ("retry: {count: 0}", f"retry.count: {NUMBER} 1000, not 0"),
        ("retry: {count: 3, delay: 0}", f"retry.delay: {NUMBER} 3600, not 0"),
        ("retry: {count: 3, delay: 3601}", f"retry.delay: {NUMBER} 3600, not 3601"),
        ("retry: {delay: 3}", "retry: 'count' is missing"),
        ("retry: {count: 3, dely: 3}", "retry.dely: unknown key 'dely'; did you mean 'delay'?"),
        ("on_error: ignore", "on_error: expected one of fail, continue, not 'ignore'"),
        ("on_error: contine", "on_error: expected one of fail, continue, not 'contine'; did you m"),
        ("on-error: fail", "on-error: unknown key 'on-error'; did you mean 'on_error'?"),
        ("on_error: [fail]", "on_error: expected one of fail, continue, not a list"),
        ("on_error: *x", "on_error: the anchor or alias 'x'"),
        ("input: [a]", "input: expected a mapping, not a list"),
        ("input: !yaql $.x", "input: expected a mapping, not !yaql $.x"),
        ('input: {"a b": 1}', "input.a b: expected a name (letters"),
        ("action: 7", "action: expected a name (letters"),
        ('action: "std.echo output=1"', "action: expected a name (letters"),
        ('workflow: "<% $.x %>"', "workflow: expected a name (letters"),
        ("action: !yaql $.x", "action: expected a name (letters"),
        ("action: a\n    workflow: b", ": either an action or a workflow, not both"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_its_line(setting, message):
    text = CHAIN % "main: [alert]" + f"tasks:\n  alert:\n    {setting}\n"
    line, place = (5, "") if message.startswith(":") else (6, ".")
    assert problem_of(text).startswith(f"F:{line}: tasks.alert{place}{message}")


def test_a_wrong_name_of_a_task_is_refused_where_its_settings_stand():
    text = CHAIN % "main: [alert]" + "tasks:\n  a b: {}\n"
    assert "expected a name (letters" in problems_of(text)[0]
    assert problems_of(text)[0].startswith("F:5: tasks.a b: ")


def test_the_limits_themselves_are_allowed():
    settings = "{timeout: 86400, retry: {count: 1000, delay: 3600}, on_error: fail}"
    text = CHAIN % "main: [alert]" + f"tasks: {{alert: {settings}}}\n"
    task = read_methods(text, "F").tasks["alert"]
    assert (task.timeout, task.retry, task.on_error) == (86400, Retry(1000, 3600), "fail")


def test_settings_without_a_setting_say_nothing():
    task = read_methods(CHAIN % "main: [alert]" + "tasks: {alert: {}}\n", "F").tasks["alert"]
    assert (task.calls, task.kind, task.input, task.places) == (None, None, {}, {})


def test_settings_may_be_for_a_name_of_a_default_chain_or_of_a_broken_one():
    chain = CHAIN % "manin: [x]\n  main: {y: x}"
    tasks = "tasks:\n  x: {}\n  no: {}\n  stop_instance_task: {}\n"
    found = problems_of(chain + tasks)
    assert [problem.split(": ")[0:2] for problem in found] == [
        ["F:3", "host_rh_failure.manin"],
        ["F:4", "host_rh_failure.main"],
        ["F:7", "tasks.no"],
    ]


def test_all_problems_of_a_file_are_reported_by_line():
    text = """\
host_auto_failur:
  main: [a]
host_rh_failure:
  manin: ["a b"]
  pre: [no, "<% x %>"]
tasks:
  a: {timeout: 0, retry: x, input: {text: !yacl x, more: *y}}
  unused: {on_error: never}
"""
    assert [problem.split(": ")[:2] for problem in problems_of(text)] == [
        ["F:1", "host_auto_failur"],
        ["F:3", "host_rh_failure"],
        ["F:4", "host_rh_failure.manin"],
        ["F:5", "host_rh_failure.pre[0]"],
        ["F:5", "host_rh_failure.pre[1]"],
        ["F:7", "tasks.a.input.text"],
        ["F:7", "tasks.a.input.more"],
        ["F:7", "tasks.a.timeout"],
        ["F:7", "tasks.a.retry"],
        ["F:8", "tasks.unused.on_error"],
        ["F:8", "tasks.unused"],
    ]


@pytest.mark.parametrize("text", [SAMPLE, GUIDE])
def test_a_file_with_a_section_is_masakaris_whatever_its_name(text):
    assert names(read_methods(text, "recovery-methods.yaml").chains["host_auto_failure"])


@pytest.mark.parametrize("text", ["[taskflow_driver_recovery_flows", "x = 1\n[", "[ \n"])
def test_a_broken_section_is_reported_as_one(text):
    assert any("is no section: write [name]" in problem for problem in problems_of(text))


def test_schema_and_model_name_the_same_things_in_the_same_order():
    whole = schema()
    assert list(whole["properties"]) == [*model.FAILURES, "tasks"]
    assert list(whole["definitions"]["chain"]["properties"]) == list(model.PHASES)
    assert NAME.pattern in whole["definitions"]["name"]["pattern"]


INPUT = CHAIN % "main: [alert]" + "tasks:\n  alert:\n    input:\n      a: 1\n      c: %s\n"


def test_yaql_is_an_expression_wherever_a_value_may_stand():
    text = """
        - !yaql "$.x + 1"
        - [!yaql $.y, {c: !yaql '$.get("z")'}]
        - "!yaql $.x"
        - !yaql >-
          $.x +
          $.y
    """
    assert read_methods(INPUT % text, "F").tasks["alert"].input["c"] == [
        Yaql("$.x + 1"),
        [Yaql("$.y"), {"c": Yaql('$.get("z")')}],
        "!yaql $.x",
        Yaql("$.x + $.y"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('!yaql "<% $.x %>"', "!yaql with <% in it: write only the expression, without <% %>"),
        ('!yaql "$.x %> <% $.y"', "!yaql with %> in it"),
        ("!yaql \"'{{ x }}'\"", "!yaql with {{ in it"),
        ('!yaql "$.x\\n+ 1"', "!yaql with a line break"),
        ('!yaql "$.("', "not YAQL: '$.('"),
        ('!yaql ""', "not YAQL: ''"),
        (f"!yaql {'1' * 5000}", "not YAQL: '1111"),
        ("!yaql {b: c}", "the tag '!yaql': only !yaql may stand before a text"),
        ("yes", "'yes' can be read in two ways"),
        ("", 'a value is missing: write it, or null, or ""'),
    ],
)
def test_what_is_no_expression_or_plain_value_is_refused_with_its_line(text, problem):
    assert problem_of(INPUT % text).startswith(f"F:8: tasks.alert.input.c: {problem}")
