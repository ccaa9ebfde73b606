"""Plans from files: what is read, and where it is said that something is wrong."""

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driver.errors import DriverError
from driver.plans.model import RULES, Plan, PlanError, choose_rule
from driver.plans.reader import read_plan, schema
from tests.plan_types import ACTION_TYPES

PLAN = "00000000-0000-0000-0000-0000000000ff"
A, B, C = (f"00000000-0000-0000-0000-00000000000{n}" for n in "abc")
SERVER = "9f8d3c1a-0000-4000-8000-000000000001"
OWN = f"""\
uuid: {PLAN}
strategy: host_maintenance
rule: ANY
actions:
  - uuid: {A.upper()}
    type: change_node_power_state
    parameters:
      resource_id: node-1
      state: on
  - uuid: {B}
    type: migrate
    parents: [{A}]
    parameters:
      resource_id: {SERVER}
      resource_name: web-1
      migration_type: live
      source_node: 0123
      destination_node: null
"""


def problems(text):
    with pytest.raises(PlanError) as error:
        read_plan(text, "plan.yaml")
    assert str(error.value).endswith("nothing was started")
    return [str(problem) for problem in error.value.problems]


def test_the_packs_own_format_is_read():
    plan = read_plan(OWN, "plan.yaml")
    assert (plan.uuid, plan.strategy, plan.rule) == (PLAN, "host_maintenance", "ANY")
    first, second = plan.actions
    assert (first.uuid, first.type, first.name) == (A, "change_node_power_state", "node-1")
    assert first.parameters == {"resource_id": "node-1", "state": "on"}
    assert (second.parents, second.name, second.is_skipped) == ((A,), "web-1", False)
    assert second.parameters["destination_node"] is None


def test_only_text_is_text():
    """A number is a number, and must be put in quotes where a text is meant."""
    assert problems(OWN.replace("0123", "123")) == [
        "plan.yaml:17: actions[1].parameters.source_node: expected a text, not 123",
    ]
    quoted = read_plan(OWN.replace("0123", "'123'"), "x")
    assert quoted.actions[1].parameters["source_node"] == "123"


def test_the_order_in_the_file_does_not_matter():
    actions = [stop(A), stop(B, A), stop(C)]
    assert read_plan(own(*actions), "-") == read_plan(own(*actions[::-1]), "-")


def own(*actions, **more):
    return json.dumps({"uuid": PLAN, "actions": list(actions), **more}, indent=1)


def stop(uuid, *parents, **more):
    known = {"uuid": uuid, "type": "stop", "parameters": {"resource_id": SERVER}}
    return {**known, "parents": list(parents), **more}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (own(stop(A, C), stop(B, A), stop(C, B)), f"a cycle, none of them could begin: {A} after"),
        (own(stop(A, A)), f":10: actions[0].parents: a cycle, none of them could begin: {A} after"),
        (own(stop(A), stop(B, C)), f"actions[1].parents[0]: unknown parent {C}; did you mean"),
        (own(stop(A), stop(B, SERVER)), f"unknown parent {SERVER}; was the list cut?"),
        (own(stop(A), stop(A.upper())), f":13: actions[1].uuid: the uuid {A} is given again"),
        (
            own(stop(A, type="migrat")),
            "expected a type of action, not 'migrat'; did you mean 'migrate'?",
        ),
        (
            own(stop(A, type="zz")),
            "expected a type of action, not 'zz'; there are migrate, resize, stop",
        ),
        (
            own(stop(A, kind="x")),
            "actions[0].kind: unknown key 'kind' in an action; there are uuid",
        ),
        (
            own(stop(A), strateg="x"),
            "strateg: unknown key 'strateg' in an action plan; did you mean 'strategy'?",
        ),
        (own(stop(A), rule="any"), "rule: expected a rule, not 'any'; did you mean 'ANY'?"),
        (
            own(stop(A, parameters={})),
            "parameters: 'resource_id' is missing in the parameters of stop",
        ),
        (own(stop(A, parameters=None)), "'resource_id' is missing in the parameters of stop"),
        (own({"uuid": A, "type": "stop"}), "'parameters' is missing in the action stop"),
        (own(stop(A, parameters=[1])), "expected the parameters of stop, not a list"),
        (
            own(stop(A, parameters={"resource_id": SERVER, "resourc_name": "x"})),
            "unknown key 'resourc_name' in the parameters of stop; did you mean 'resource_name'?",
        ),
        (
            own(stop(A, parameters={"resource_id": "web"})),
            "resource_id: expected a UUID, not 'web'",
        ),
        (
            own({"uuid": A, "type": "sleep", "parameters": {"duration": -1}}),
            "expected a number of seconds from 0, not -1",
        ),
        (
            own({"uuid": A, "type": "sleep", "parameters": {"duration": True}}),
            "expected a number of seconds from 0, not true",
        ),
        (
            own(stop(A, state="SUCCEEDED")),
            "expected one of PENDING, SKIPPED, not 'SUCCEEDED': it is or was carried out",
        ),
        (own(stop("a")), "actions[0].uuid: expected a UUID, not 'a'"),
        (own(stop(A + "\n")), f"actions[0].uuid: expected a UUID, not '{A}\\n'"),
        (own({**stop(A), "parents": "x"}), "parents: expected a list of uuids, not 'x'"),
        (
            own({"type": "stop", "parameters": {"resource_id": SERVER}}),
            "'uuid' is missing in an action",
        ),
        (json.dumps({"uuid": PLAN, "actions": 1}), "actions: expected a list of actions, not 1"),
        ("", "plan.yaml:1: expected one plan with its `actions`, or Watcher's"),
        ('{"uuid": 1, "uuid": 2}', "uuid: the key 'uuid' is given again (first in line 1)"),
        ("a: &x 1\nb: *x", "plan.yaml:1: a: the anchor or alias 'x': write the value out"),
        ("a: !!python/name:os.system x", "the tag"),
        ("a: [1", "plan.yaml:1: neither JSON nor YAML"),
        ("\x00", "the character U+0000"),
        ('"\\ud83d"', "half of a character"),
        ("1e999", "1e999 is too large"),
        ("[" * 3000, "more than 20 levels"),
        ("[" * 30 + "]" * 30, "more than 20 levels"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_its_place(text, says):
    found = problems(text)
    assert any(says in problem for problem in found), found


def test_all_that_is_wrong_is_told_at_once_by_line():
    found = problems(own(stop(A, C), stop(B, type="stopp"), stop("x")))
    assert [line.split(": ")[1] for line in found] == [
        "actions[0].parents[0]",
        "actions[1].type",
        "actions[2].uuid",
    ]


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
KEYS = st.sampled_from(
    ["uuid", "UUID", "type", "actions", "parents", "parameters", "Action", "Action Plan", "state"]
)
VALUES = LEAVES | st.sampled_from([A, B, PLAN, "stop", "nop", "PENDING"])
ANYTHING = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None, print_blob=True)
@given(st.text(max_size=80) | ANYTHING.map(json.dumps))
def test_any_text_is_a_plan_or_refused_with_lines_of_the_file(text):
    found = None
    try:
        plan = read_plan(text, "plan.yaml")
    except PlanError as error:
        found = error.problems
    lines = len(text.splitlines()) + text.count("\r") + 1
    if found is None:
        assert isinstance(plan, Plan)
    else:
        assert found
        assert all(1 <= problem.place.line <= lines for problem in found)


# ---- the schema


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(schema())


def test_the_schema_knows_the_rules_and_the_parameters_of_each_type():
    assert schema()["properties"]["rule"]["enum"] == [*RULES, None]
    branches = schema()["definitions"]["action"]["allOf"]
    assert {
        one["if"]["properties"]["type"]["const"]: one["then"]["properties"]["parameters"]["$ref"]
        for one in branches
    } == {name: f"#/definitions/{name}" for name in ACTION_TYPES}
    assert all(one["if"]["required"] == ["type"] for one in branches)


def test_a_plan_without_a_type_or_with_a_null_is_told_once():
    (missing,) = problems(own({"uuid": A, "parameters": {"resource_id": 1}}))
    (null,) = problems(own(stop(A, parameters=None)))
    assert missing.endswith("actions[0]: 'type' is missing in an action")
    assert null.endswith(
        "actions[0].parameters: 'resource_id' is missing in the parameters of stop"
    )


GOOD = {
    "resource_id": SERVER,
    "migration_type": "migrate",
    "source_node": "c1",
    "flavor": "x",
    "duration": 0,
    "state": "on",
}


@st.composite
def plans(draw):
    """Plans of one action, most of them right but for one or two things."""
    type_ = draw(st.sampled_from(sorted(ACTION_TYPES)))
    parameters = {}
    for name, one in ACTION_TYPES[type_]["properties"].items():
        if name in ACTION_TYPES[type_].get("required", ()) or draw(st.booleans()):
            choices = one.get("enum")
            right = draw(st.sampled_from(choices)) if choices else GOOD.get(name, "text")
            parameters[name] = right
    action = {"uuid": A, "type": type_, "parameters": parameters}
    plan = {"uuid": PLAN, "actions": [action]}
    wrong = LEAVES | st.sampled_from([[], {}, SERVER])
    for _ in range(draw(st.integers(0, 2))):
        which = draw(st.sampled_from([plan, action, parameters]))
        known = [*which, "strategy", "rule", "name", "state", "parents", "disabled_reason", "x"]
        which[draw(st.sampled_from(known))] = draw(wrong)
    return plan


@settings(max_examples=300, deadline=None, print_blob=True)
@given(plans())
def test_reader_and_schema_are_of_one_mind(plan):
    """About everything but the graph, which a schema cannot describe."""
    is_valid = jsonschema.Draft7Validator(schema()).is_valid(plan)
    try:
        read_plan(json.dumps(plan), "plan.json")
    except PlanError as error:
        graph = ("unknown parent", "cycle")
        is_read = all(any(word in str(one) for word in graph) for one in error.problems)
    else:
        is_read = True
    assert is_read == is_valid, plan


# ---- the rule


@pytest.mark.parametrize(
    ("given_", "own_", "rules", "rule"),
    [
        (None, None, None, "ALWAYS"),
        (None, None, {"s": "ANY"}, "ANY"),
        (None, None, {"other": "ANY"}, "ALWAYS"),
        (None, "ALWAYS", {"s": "ANY"}, "ALWAYS"),
        ("ANY", "ALWAYS", {}, "ANY"),
        ("any", None, None, "ANY"),
        (None, None, {"s": "Any"}, "ANY"),
    ],
)
def test_the_rule_is_the_one_given_or_the_plans_or_the_strategys(given_, own_, rules, rule):
    plan = Plan(PLAN, (), strategy="s", rule=own_)
    assert choose_rule(plan, given_, {"action_execution_rule": rules}) == rule


@pytest.mark.parametrize(
    ("given_", "settings_", "says"),
    [
        ("AN", {}, "the rule that was given is 'AN'; it can be ALWAYS, ANY; did you mean 'ANY'?"),
        (None, {"action_execution_rule": {"s": 1}}, "action_execution_rule of strategy 's' is 1"),
        (None, {"action_execution_rule": ["s"]}, "must be a mapping of strategies to rules"),
    ],
)
def test_a_rule_that_there_is_not_is_refused(given_, settings_, says):
    with pytest.raises(DriverError, match=says.replace("?", r"\?")):
        choose_rule(Plan(PLAN, (), strategy="s"), given_, settings_)
