"""Each rule of the linter finds the workbook that breaks it, and nothing else."""

import pathlib

import pytest

from driver.workbooks import files, lint

GOOD = """\
version: '2.0'
name: recovery.example
description: A workbook without problems.

actions:
  shout:
    base: std.echo
    base-input:
      output: <% $.text %>!
    input:
      - text

workflows:
  greet:
    description: Greets.
    tags: [example]
    input:
      - who
      - loud: false
    vars:
      greeting: hello
    output:
      report: <% ending() %>
    output-on-error:
      report: <% ending() %>
    task-defaults:
      safe-rerun: true
      retry:
        count: 3
        delay: 1
      on-error:
        - fail(msg=<% ending().message %>)
    tasks:
      look:
        description: Looks.
        action: nova.look host=<% $.who %> deep=true
        publish:
          seen: <% task().result %>
        on-success:
          publish:
            branch:
              report: <% $.seen.report %>
            global:
              everywhere: <% $.seen.where($.state = up).select($.name) %>
          next:
            - tell: <% $.loud and $.everywhere.any() %>
            - shout_it: <% not $.loud %>

      tell:
        description: Calls a sub-workflow for each.
        with-items: name in <% $.seen.names %>
        workflow: tell
        input:
          name: <% $.name %>

      shout_it:
        description: Calls an action of this workbook.
        action: shout text=<% $.greeting %>

        on-error:
          - shout_back

      shout_back:
        description: What has failed.
        action: shout text=<% task(look).result %>

  tell:
    description: Tells one, by polling itself.
    tags: [example]
    input:
      - name
    output:
      report: <% ending() %>
    output-on-error:
      report: <% ending() %>
    task-defaults:
      on-error:
        - fail
    tasks:
      look:
        description: Looks.
        action: nova.look
        safe-rerun: true
        retry:
          count: 1
          delay: 1
        input:
          host: <% $.name %>
        publish-on-error:
          report: <% task().result %>
        on-success:
          - look_again: <% $.report.more %>
      look_again:
        description: Looks on.
        action: std.noop
        publish:
          state: <% switch($.name = a => FINE, true => $.report.state) %>
          reason: <% let(code => $.report.reason) -> $code + $.name %>
          message: <% $.report.get(message, none) %>
          details: <% $.get(report) %>
          both: <% with(1, 2) -> $ + $2 %>
          more: <% dict($.report.items().select([$[0], $[1].more])) %>
        on-complete: look_again
"""
CATALOGUE = lint.Catalogue(
    actions={
        "nova.look": lint.parse_signature("host, deep=null"),
        "std.echo": lint.parse_signature("output, delay=0"),
        "std.noop": lint.parse_signature(""),
        "std.anything": lint.parse_signature("**kwargs"),
    },
    workflows={"recovery.other.run": lint.parse_signature("a, b=1")},
    functions=frozenset({"task", "env", "ending"}),
)


def problems_of(text, catalogue=CATALOGUE, path="recovery.example.yaml"):
    book = files.Workbook("recovery.example", pathlib.Path(path), text, {})
    return lint.lint([book], catalogue)


def test_a_good_workbook_has_no_problems():
    assert list(map(str, problems_of(GOOD))) == []


CASES = {
    # what is replaced, by what, (the part of) the text that is at the problem, problem
    "unknown key of the workbook": (
        "actions:\n", "triggers: 1\nactions:\n", "triggers", "unknown key 'triggers'",
    ),
    "unknown key of a workflow": (
        "    vars:", "    var: 1\n    vars:", "    var:", "unknown key 'var'; did you mean 'vars'?",
    ),
    "unknown key of task-defaults": (
        "      safe-rerun: true\n      retry",
        "      safe-return: 1\n      safe-rerun: 1\n      retry", "safe-return",
        "unknown key 'safe-return'; did you mean 'safe-rerun'?",
    ),
    "ignored publish": (
        "      on-error:\n        - fail(msg=<% ending().message %>)",
        "      on-error:\n        publish:\n          branch:\n            x: 1\n"
        "        next: fail",
        "          branch", "Mistral ignores publish in task-defaults on-error",
    ),
    "a key that is given twice": (
        "        description: Looks on.", "        description: Looks on.\n        description: x",
        "description: x", "the key 'description' is given again",
    ),
    "key of Mistral 16": (
        "        on-complete: look_again", "        on-complete: look_again\n        on-skip: fail",
        "on-skip", "on-skip: unknown to Mistral before release 16",
    ),
    "unknown action": (
        "action: nova.look\n", "action: nova.lok\n", "nova.lok",
        "unknown action 'nova.lok'; did you mean 'nova.look'?",
    ),
    "unknown workflow": (
        "workflow: tell", "workflow: tel", "workflow: tel", "unknown workflow 'tel'",
    ),
    "missing input, as a map": (
        "          host: <% $.name %>", "          deep: 1", "action: nova.look\n",
        "action nova.look needs the input 'host'",
    ),
    "missing input, inline": (
        "look host=<% $.who %>", "look", "nova.look deep",
        "action nova.look needs the input 'host'",
    ),
    "missing input of a sub-workflow": (
        "        workflow: tell\n        input:\n          name: <% $.name %>",
        "        workflow: tell", "workflow: tell", "workflow tell needs the input 'name'",
    ),
    "unknown input, as a map": (
        "          host: <% $.name %>", "          host: 1\n          deeep: 1", "deeep",
        "action nova.look has no input 'deeep'; did you mean 'deep'?",
    ),
    "unknown input, inline": (
        "deep=true", "deeper=true", "deeper", "no input 'deeper'; did you mean 'deep'?",
    ),
    "unknown input of an action of the workbook": (
        "shout text=", "shout txt='' text=", "txt", "no input 'txt'; did you mean 'text'?",
    ),
    "unknown input of a workflow elsewhere": (
        "        workflow: tell\n        input:\n          name",
        "        workflow: recovery.other.run a=1\n        input:\n          name",
        "name: <% $.name %>", "workflow recovery.other.run has no input 'name'",
    ),
    "inline input that Mistral drops": (
        "deep=true", "deep=yes", "deep=yes", "Mistral ignores 'deep=yes'",
    ),
    "undefined variable": (
        "host=<% $.who %>", "host=<% $.whom %>", "whom",
        "unknown variable 'whom'; did you mean 'who'?",
    ),
    "undefined variable in the argument of a plain function": (
        "<% not $.loud %>", "<% task(look).get($.lowd) %>", "lowd", "unknown variable 'lowd'",
    ),
    "undefined variable before a lambda": (
        "<% $.seen.where(", "<% $.sen.where(", "sen.where", "unknown variable 'sen'",
    ),
    "undefined variable by index": (
        "<% not $.loud %>", "<% $[lowd] %>", "lowd", "unknown variable 'lowd'",
    ),
    "undefined variable by get": (
        "<% $.get(report) %>", "<% $.get(rapport) %>", "rapport", "unknown variable 'rapport'",
    ),
    "undefined variable in output": (
        "<% switch($.name", "<% switch($.nam", "$.nam =", "unknown variable 'nam'",
    ),
    "undefined variable behind let": (
        "$code + $.name", "$code + $.nam", "$code", "unknown variable 'nam'",
    ),
    "variable of with-items elsewhere": (
        "text=<% $.greeting %>", "text=<% $.name %>", "text=<%", "unknown variable 'name'",
    ),
    "unknown task": (
        "<% task(look).result %>", "<% task(lok).result %>", "task(lok)",
        "unknown task 'lok'; did you mean 'look'?",
    ),
    "unknown function": (
        "<% not $.loud %>", "<% $.loud.firstOrDefault() %>", "firstOr",
        "unknown function 'firstOrDefault'",
    ),
    "broken YAQL": ("<% $.seen.report %>", "<% $.seen. %>", "$.seen. ", "not YAQL: $.seen."),
    "no description of the workbook": (
        "description: A workbook without problems.\n", "", "version", "no description",
    ),
    "no description of a workflow": (
        "    description: Greets.\n", "", "  greet:", "no description",
    ),
    "no description of a task": (
        "        description: Looks on.\n", "", "look_again:\n", "no description",
    ),
    "no tags": ("    tags: [example]\n    input:\n      - who", "    input:\n      - who",
                "  greet:", "no tags"),
    "no output": (
        "    output:\n      report: <% ending() %>\n    output-on-error:\n"
        "      report: <% ending() %>\n    task-defaults:\n      on-error:\n        - fail\n",
        "    output-on-error:\n"
        "      report: <% ending() %>\n    task-defaults:\n      on-error:\n        - fail\n",
        "\n  tell:\n", "output must be `report: <% ending() %>`, and only that",
    ),
    "another output": (
        "    output-on-error:\n      report: <% ending() %>\n    task-defaults:\n      on",
        "    output-on-error:\n      why: <% ending() %>\n    task-defaults:\n      on",
        "      why:", "output-on-error must be `report: <% ending() %>`, and only that",
    ),
    "an output beside the report": (
        "    output-on-error:\n      report: <% ending() %>\n    task-defaults:\n      on",
        "    output-on-error:\n      more: 1\n      report: <% ending() %>\n    task-defaults:\n"
        "      on",
        "      more: 1", "output-on-error must be `report: <% ending() %>`, and only that",
    ),
    "Jinja": ("greeting: hello", "greeting: '{{ _.who }}'", "_.who", "a Jinja expression"),
    "Jinja block": ("greeting: hello", "greeting: '{% if 1 %}'", "if 1", "a Jinja expression"),
    "an expression over two lines": (
        "greeting: hello", "greeting: |\n        <% $.who\n        %>", "greeting: |",
        "an expression without end on its line stays plain text",
    ),
    "an anchor": ("greeting: hello", "greeting: &a hello", "&a", "anchor or alias 'a'"),
    "flow style with an expression": (
        "          - look_again: <% $.report.more %>", "          [look_again: <% $.report %>]",
        "[look_again", "flow style",
    ),
    "flow style with fail": (
        "        - fail\n", '        ["fail(msg=1)"]\n', "[\"fail", "flow style",
    ),
    "no retry": (
        "        retry:\n          count: 1\n          delay: 1\n", "", "  look:\n        "
        "description: Looks.\n        action: nova.look\n", "no retry, here or in task-defaults",
    ),
    "no safe-rerun": (
        "        safe-rerun: true\n        retry", "        retry", "  look:\n        "
        "description: Looks.\n        action: nova.look\n", "no safe-rerun, here or in",
    ),
    "no error path": (
        "    task-defaults:\n      on-error:\n        - fail\n", "", "  tell:\n    desc",
        "no on-error in task-defaults or in look: ",
    ),
    "a task that nothing leads to": (
        "            - shout_it: <% not $.loud %>\n", "", "      shout_it:",
        "no task leads here: Mistral starts it at once, beside look",
    ),
    "a task that cannot be reached": (
        "          - look_again: <% $.report.more %>", "          - fail", "look_again:\n",
        "can never be reached",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "message"), CASES.values(), ids=CASES)
def test_a_rule_that_is_broken_is_found_with_its_line(old, new, where, message):
    """The only problem is the expected one, on the line where it was made."""
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    (problem,) = problems_of(text)
    assert message in problem.message
    assert problem.place.line == text[: text.index(where)].count("\n") + (where[0] == "\n") + 1


def test_a_problem_says_where_it_is():
    (problem,) = problems_of(GOOD.replace("deep=true", "depth=true"))
    line = GOOD[: GOOD.index("deep=true")].count("\n") + 1
    assert str(problem) == (
        f"recovery.example.yaml:{line}: workflow greet, task look:"
        " action nova.look has no input 'depth'; did you mean 'deep'?"
    )


def test_all_problems_are_found_at_once_in_the_order_of_the_lines():
    text = GOOD.replace("deep=true", "depth=true").replace("$.greeting", "$.grating")
    found = problems_of(text)
    assert [problem.place.path for problem in found] == [
        "workflow greet, task look",
        "workflow greet, task shout_it",
    ]


def test_the_file_is_called_like_the_workbook():
    (problem,) = problems_of(GOOD, path="other.yaml")
    assert "must be called recovery.example.yaml" in problem.message


def test_an_alias_that_contains_itself_is_reported_and_not_followed():
    problems = problems_of("version: '2.0'\nname: recovery.example\nworkflows: &w\n  a: *w\n")
    assert [problem.place.line for problem in problems] == [3, 4]


def test_workbooks_may_call_each_others_workflows():
    caller = GOOD.replace("recovery.example", "recovery.caller").replace(
        "workflow: tell", "workflow: recovery.example.tell"
    )
    books = [
        files.Workbook(name, pathlib.Path(f"{name}.yaml"), text, {})
        for name, text in (("recovery.caller", caller), ("recovery.example", GOOD))
    ]
    assert lint.lint(books, CATALOGUE) == []
    (problem,) = lint.lint(books[:1], CATALOGUE)
    assert "unknown workflow 'recovery.example.tell'" in problem.message


def test_functions_are_not_checked_when_the_catalogue_knows_none():
    catalogue = lint.Catalogue(CATALOGUE.actions, CATALOGUE.workflows)
    text = GOOD.replace("<% not $.loud %>", "<% whatever($.loud) %>")
    assert problems_of(text, catalogue) == []
    assert len(problems_of(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("action: nova.look host", "action: <% $.who %> host"),  # chosen at run time
        GOOD.replace("action: nova.look host", "action: std.anything host"),  # **kwargs
        GOOD.replace("          host: <% $.name %>\n", "").replace(
            "        input:\n        publish-on-error", "        input: <% $.name %>\n"
            "        publish-on-error"
        ),  # the inputs are known only at run time
        GOOD.replace("<% $.seen.report %>", "<% $.openstack.project_id %>"),  # Mistral's own
    ],
)  # fmt: skip
def test_what_only_a_run_can_tell_is_no_problem(text):
    assert text != GOOD
    assert problems_of(text) == []


@pytest.mark.parametrize(
    ("text", "required", "optional", "takes_any"),
    [
        ("", "", "", False),
        (None, "", "", False),
        ("host", "host", "", False),
        ("a, b=null, c='x'", "a", "b c", False),
        ('url, method="GET, or \\"PUT\\"", verify=null', "url", "method verify", False),
        ("a=[1, 2], b={\"c\": 1, \"d\": 2}, e", "e", "a b", False),
        ("plan, **kwargs", "plan", "", True),
    ],
)  # fmt: skip
def test_the_inputs_of_an_action_are_read_from_the_text_of_the_api(
    text, required, optional, takes_any
):
    assert lint.parse_signature(text) == lint.Signature(
        frozenset(required.split()), frozenset(optional.split()), takes_any
    )
