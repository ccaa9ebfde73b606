"""Watcher's plans: what its client and its API show is read whole, or refused with the place."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driver.plans import watcher
from driver.plans.model import PlanError
from driver.plans.reader import read_plan

PLAN = "00000000-0000-0000-0000-0000000000ff"
A, B, C = (f"00000000-0000-0000-0000-00000000000{n}" for n in "abc")
SERVER = "9f8d3c1a-0000-4000-8000-000000000001"
PRINT_PLAN = f"print it whole with `openstack optimize actionplan show {PLAN} -f json`"
PRINT_LIST = (
    f"print it whole with `openstack optimize action list --action-plan {PLAN} --detail"
    " --limit 0 -f json`"
)
# As python-watcherclient prints them with -f json
SHOW = {
    "UUID": PLAN,
    "Created At": "2026-04-10T11:59:52+00:00",
    "Updated At": None,
    "Deleted At": None,
    "Audit": "abcee106-14d3-4515-b744-5a26885cf6f6",
    "Strategy": "dummy_with_resize",
    "State": "RECOMMENDED",
    "Efficacy indicators": [],
    "Global efficacy": [],
    "Hostname": None,
    "Status Message": None,
}
SLEEP = {
    "UUID": B,
    "Created At": "2026-04-10T11:59:52+00:00",
    "Updated At": None,
    "Deleted At": None,
    "Parents": [A],
    "State": "PENDING",
    "Action Plan": PLAN,
    "Action": "sleep",
    "Parameters": {"duration": 3.2},
    "Description": "Wait for a given interval in seconds.",
    "Status Message": None,
}
RESIZE = {
    **SLEEP,
    "UUID": A,
    "Parents": [],
    "Action": "resize",
    "Parameters": {"resource_id": SERVER, "flavor": "x1"},
}
LIST = [SLEEP, RESIZE]
# The same as the API answers it
REST_SHOW = {
    "uuid": PLAN,
    "strategy_name": "dummy_with_resize",
    "state": "RECOMMENDED",
    "deleted_at": None,
    "links": [{"href": "http://controller/v1/action_plans/x", "rel": "self"}],
    "hostname": None,
}
REST_NAMES = {
    "UUID": "uuid",
    "Action Plan": "action_plan_uuid",
    "Action": "action_type",
    "Parameters": "input_parameters",
    "Parents": "parents",
    "State": "state",
    "Deleted At": "deleted_at",
}
REST_LIST = [
    {ours: one[name] for name, ours in REST_NAMES.items()}
    | {"links": [{"href": "http://controller/v1/actions/x", "rel": "self"}]}
    for one in LIST
]


def printed(*documents):
    return "".join(f"{json.dumps(one, indent=1)}\n" for one in documents)


def read(*documents):
    return read_plan(printed(*documents), "F")


def problems(*documents):
    return problems_of(printed(*documents))


def problems_of(text):
    with pytest.raises(PlanError) as error:
        read_plan(text, "F")
    return [str(problem) for problem in error.value.problems]


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


# ---- what is read


def test_what_watchers_client_prints_is_read():
    """First the plan, then its actions, one output after the other."""
    plan = read(SHOW, LIST)
    assert (plan.uuid, plan.strategy, plan.rule) == (PLAN, "dummy_with_resize", None)
    assert [(one.uuid, one.type, one.parents) for one in plan.actions] == [
        (A, "resize", ()),
        (B, "sleep", (A,)),
    ]
    assert plan.actions[1].parameters == {"duration": 3.2}


def test_what_watchers_api_answers_is_read():
    of_client = read(SHOW, LIST)
    assert read(REST_SHOW, {"actions": REST_LIST}) == of_client
    assert read({**REST_SHOW, "actions": REST_LIST}) == of_client


def test_which_of_the_two_outputs_comes_first_does_not_matter():
    assert read(LIST, SHOW) == read(SHOW, LIST) == read(SHOW, LIST[::-1])


@pytest.mark.parametrize("state", ["SKIPPED", "skipped"])
def test_an_action_that_an_administrator_has_skipped_is_not_carried_out(state):
    skipped = {**RESIZE, "State": state, "Status Message": "Action skipped by user. Reason: no"}
    assert [one.is_skipped for one in read(SHOW, [SLEEP, skipped]).actions] == [True, False]


def test_a_state_counts_in_any_letter_case():
    plan = read({**SHOW, "State": "Recommended"}, [{**one, "State": "pending"} for one in LIST])
    assert plan == read(SHOW, LIST)


def test_what_watcher_says_besides_is_ignored():
    more = {"Zone": "east", "Priority": None, "next_uuid": "", "errors": []}
    assert read({**SHOW, **more}, [{**one, **more} for one in LIST]) == read(SHOW, LIST)


def test_a_plan_may_say_that_it_has_no_strategy():
    assert read({**SHOW, "Strategy": None}, LIST).strategy is None


def test_an_answer_that_says_that_nothing_follows_is_the_whole_list():
    whole = {"actions": REST_LIST, "next": None, "links": [{"rel": "self"}]}
    assert read(REST_SHOW, whole) == read(SHOW, LIST)


# ---- what is not whole


@pytest.mark.parametrize(
    "column", ["UUID", "Action Plan", "Parents", "State", "Action", "Parameters"]
)
def test_a_list_without_a_column_is_refused_with_the_command_that_prints_all(column):
    (problem,) = problems(SHOW, [without(one, column) for one in LIST])
    assert problem == f"F:15: [0]: '{column}' is missing, in 2 of 2 actions; {PRINT_LIST}"


def test_columns_that_are_missing_together_are_told_together():
    short = [without(one, "Parents", "Parameters") for one in LIST]
    (problem,) = problems(SHOW, short)
    assert "'Parents', 'Parameters' are missing, in 2 of 2 actions; " in problem


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_column_that_says_nothing_is_missing(nothing):
    """A newer client prints an empty text for what an older Watcher does not answer."""
    (problem,) = problems(SHOW, [{**SLEEP, "Parents": nothing}, RESIZE])
    assert problem.startswith("F:15: [0]: 'Parents' is missing, in 1 of 2 actions; ")


def test_a_short_answer_of_the_api_is_refused_by_the_names_that_it_uses():
    short = [without(one, "input_parameters") for one in REST_LIST]
    (problem,) = problems(REST_SHOW, {"actions": short})
    assert ": actions[0]: 'input_parameters' is missing, in 2 of 2 actions; " in problem


@pytest.mark.parametrize("column", ["UUID", "State", "Strategy"])
def test_a_plan_without_a_column_is_refused_with_the_command_that_prints_all(column):
    assert problems(without(SHOW, column), LIST) == [f"F:1: '{column}' is missing; {PRINT_PLAN}"]


@pytest.mark.parametrize("listing", [LIST, {"actions": REST_LIST}])
def test_actions_without_their_plan_may_be_under_way_and_are_refused(listing):
    (problem,) = problems(listing)
    assert "the plan is missing, and with it its state and strategy" in problem
    assert problem.endswith(f"; {PRINT_PLAN}, before its actions")


def test_a_page_that_another_one_follows_is_refused_with_the_way_to_the_rest():
    address = "http://controller:9322/v1/actions/?limit=1&marker=x"
    page = {"actions": REST_LIST[1:], "next": address}
    (problem,) = problems(REST_SHOW, page)
    said = f": next: only a part of the list, the rest is at '{address}'; {PRINT_LIST}"
    assert problem.endswith(said)


def test_a_link_to_another_page_is_refused_as_well():
    page = {"actions": REST_LIST[1:], "links": [{"rel": "next", "href": "http://x"}]}
    (problem,) = problems(REST_SHOW, page)
    assert ": links: only a part of the list" in problem


@pytest.mark.parametrize("listing", [[], {"actions": []}])
def test_an_empty_list_is_the_answer_to_another_question(listing):
    (problem,) = problems(SHOW, listing)
    assert problem.endswith(f"there are no actions; {PRINT_LIST}")


def test_an_empty_answer_alone_is_no_plan_of_nothing():
    found = problems({"actions": []})
    assert any("there are no actions" in problem for problem in found)
    assert any("the plan is missing" in problem for problem in found)


def test_a_parent_that_is_not_in_the_list_was_cut_off():
    (problem,) = problems(SHOW, [{**SLEEP, "Parents": [SERVER]}, RESIZE])
    assert problem == f"F:21: [0].Parents[0]: unknown parent {SERVER}; was the list cut?"


def test_an_action_that_is_listed_twice_is_refused():
    (problem,) = problems(SHOW, [*LIST, RESIZE])
    assert f"[2].UUID: the uuid {A} is given again" in problem


def test_an_action_of_another_plan_is_refused():
    (problem,) = problems(SHOW, [SLEEP, {**RESIZE, "Action Plan": C}])
    assert f"[1].Action Plan: an action of another plan, {C}, not {PLAN}" in problem


@pytest.mark.parametrize(
    ("documents", "found"),
    [
        ([SHOW], "plans found: 1, lists of actions: 0"),
        ([SHOW, LIST, LIST], "plans found: 1, lists of actions: 2"),
        ([SHOW, SHOW, LIST], "plans found: 2, lists of actions: 1"),
        ([[SHOW], LIST], "plans found: 0, lists of actions: 2"),
    ],
)
def test_more_or_less_than_one_plan_and_one_list_is_refused(documents, found):
    (problem,) = problems(*documents)
    assert found in problem


# ---- an order that is not read


def test_ocatas_next_action_is_refused_as_an_order_that_is_not_read():
    chain = [
        {**without(RESIZE, "Parents"), "Next Action": None},
        {**without(SLEEP, "Parents"), "Next Action": A},
    ]
    missing, order = problems(SHOW, chain)
    assert "'Parents' is missing, in 2 of 2 actions" in missing
    assert order == (
        "F:44: [1].Next Action: 'Next Action' may say which action comes first, and is not read:"
        " since Pike, Watcher says it by parents; write an older plan as one of your own"
        " (docs/action-plans.md)"
    )


@pytest.mark.parametrize(
    "key",
    ["next", "next_uuid", "Previous", "children", "depends_on", "runAfter", "Before", "priority"],
)
def test_any_key_that_may_say_an_order_is_refused_where_it_first_says_one(key):
    (problem,) = problems(SHOW, [SLEEP, {**RESIZE, key: 1}, {**RESIZE, "UUID": C, key: 2}])
    assert f": [1].{key}: '{key}' may say which action comes first" in problem


def test_a_plan_that_names_its_first_action_is_refused():
    found = problems({**REST_SHOW, "first_action_uuid": B}, {"actions": REST_LIST})
    assert ": first_action_uuid: 'first_action_uuid' may say which" in found[0]


# ---- what is or was somebody else's


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("PENDING", "Watcher was told to carry it out"),
        ("ONGOING", "Watcher is carrying it out"),
        ("SUCCEEDED", "Watcher has carried it out"),
        ("FAILED", "Watcher has tried to carry it out"),
        ("CANCELLING", "Watcher is cancelling it"),
        ("CANCELLED", "it was cancelled there"),
        ("SUPERSEDED", "a newer plan has replaced it there"),
        ("DELETED", "it was deleted there"),
        ("NO STATE", "nobody knows whether it is free"),
        ("pending", "Watcher was told to carry it out"),
    ],
)
def test_only_a_recommended_plan_is_carried_out(state, why):
    assert problems({**SHOW, "State": state}, LIST) == [
        f"F:8: State: the plan is '{state}' in Watcher, not RECOMMENDED: {why};"
        " let an audit recommend a new one"
    ]


@pytest.mark.parametrize(
    "state", ["ONGOING", "SUCCEEDED", "FAILED", "CANCELLING", "CANCELLED", "DELETED", "succeeded"]
)
def test_an_action_that_somebody_has_begun_is_refused(state):
    (problem,) = problems(SHOW, [{**SLEEP, "State": state}, RESIZE])
    assert problem.startswith("F:23: [0].State: expected one of PENDING, SKIPPED, not '")
    assert problem.endswith(": it is or was carried out, or given up, elsewhere")


@pytest.mark.parametrize(
    "documents",
    [
        [{**SHOW, "Deleted At": "2026-04-11"}, LIST],
        [SHOW, [{**SLEEP, "Deleted At": "2026-04-11"}, RESIZE]],
    ],
)
def test_what_was_deleted_in_watcher_is_refused(documents):
    (problem,) = problems(*documents)
    assert problem.endswith("Deleted At: it was deleted in Watcher, at '2026-04-11'")


# ---- what is no document


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error_message": {"faultcode": "Client", "faultstring": "Not found"}}, "Not found"),
        ({"error_message": "Not found"}, "Not found"),
        ({"errors": [{"status": 404, "title": "Gone", "detail": "Not found"}]}, "Not found"),
        ({"error": {"code": 401, "message": "Log in", "title": "Unauthorized"}}, "Log in"),
    ],
)
def test_an_error_of_the_api_is_told_as_one(answer, words):
    for documents in ([answer], [answer, LIST], [SHOW, answer]):
        (problem,) = problems(*documents)
        assert problem.endswith(f"this is an error, no action plan: '{words}'")


@pytest.mark.parametrize("name", ["Parents", "Parameters"])
def test_a_list_or_mapping_as_a_text_is_refused(name):
    """As the client prints it for people, in a table or as CSV."""
    (problem,) = problems(SHOW, [{**one, name: str(one[name])} for one in LIST])
    assert f": [0].{name}: expected a " in problem
    assert problem.endswith(PRINT_LIST)


def test_a_table_is_refused_with_the_option_that_prints_json():
    table = "+------+-------+\n| UUID | State |\n+------+-------+\n"
    assert problems_of(printed(SHOW) + table) == ["F:14: a table for people: print it with -f json"]


def test_an_output_that_was_cut_is_refused_where_it_ends():
    text = printed(SHOW, LIST).rstrip()
    for end in range(1, len(text)):
        (problem,) = problems_of(text[:end])
        if text[:end].rstrip() == printed(SHOW).rstrip():
            assert "lists of actions: 0" in problem
        else:
            line = text[:end].rstrip().count("\n") + 1
            assert problem == f"F:{line}: the JSON ends in the middle: it was cut off here", end


def test_all_that_is_wrong_is_told_at_once():
    ocata = {**without(SLEEP, "Action"), "Next Action": B, "Deleted At": "x"}
    found = problems({**SHOW, "State": "PENDING"}, [ocata])
    assert [problem.split(": ")[1] for problem in found] == [
        "State",
        "[0]",
        "[0].Deleted At",
        "[0].Next Action",
    ]


@pytest.mark.parametrize("value", [1, [1]])
def test_what_is_no_parameters_of_this_type_is_refused(value):
    (problem,) = problems(SHOW, [SLEEP, {**RESIZE, "Parameters": value}])
    assert "[1].Parameters: expected the parameters of resize, not " in problem


# ---- any of it


@st.composite
def less(draw):
    """What Watcher shows, but for one or more of the fields that must be there."""
    show, actions, side = draw(st.sampled_from([(SHOW, LIST, 0), (REST_SHOW, REST_LIST, 1)]))
    needed = [(None, names[side]) for names in watcher.OF_A_PLAN.values()]
    needed += [
        (index, names[side])
        for index in range(len(actions))
        for names in watcher.OF_AN_ACTION.values()
    ]
    taken = draw(st.sets(st.sampled_from(needed), min_size=1, max_size=6))
    nothing = draw(st.sampled_from(["", "gone"]))
    records = {None: dict(show), **{index: dict(one) for index, one in enumerate(actions)}}
    for which, name in taken:
        records[which][name] = nothing
        if nothing == "gone":
            del records[which][name]
    listing = [records[index] for index in range(len(actions))]
    return records[None], {"actions": listing} if side else listing


@settings(max_examples=200, deadline=None, print_blob=True)
@given(less())
def test_whatever_is_taken_from_watchers_documents_nothing_is_read_without_it(documents):
    for problem in problems(*documents):
        assert problem.startswith("F:")


LEAVES = st.none() | st.booleans() | st.integers()
OTHERS = LEAVES | st.sampled_from(["", "x", A, [], {}, [A], [{}]])


@settings(max_examples=300, deadline=None, print_blob=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["show", "page", 0, 1]),
            st.sampled_from([*SHOW, *SLEEP, *REST_LIST[0], "error", "next", "links", "actions"]),
            OTHERS,
        ),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)
def test_whatever_watcher_says_it_is_read_or_refused_with_a_place(changes, of_client):
    actions = [dict(one) for one in (LIST if of_client else REST_LIST)]
    page = {"actions": actions}
    records = {"show": dict(SHOW if of_client else REST_SHOW), "page": page, 0: actions[0]}
    records[1] = actions[1]
    for which, name, value in changes:
        records[which][name] = value
    refused = plan = None
    try:
        plan = read(records["show"], actions if of_client else page)
    except PlanError as error:
        refused = error.problems
    if refused:
        assert all(problem.place.line for problem in refused)
    else:
        assert [len(one.parents) for one in plan.actions] in ([0, 1], [0, 0])
