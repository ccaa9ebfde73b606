"""What a policy may say, and the sentences about what it may not."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driver.senlin import model, spec

GOOD = {
    "detection": {
        "interval": 60,
        "node_update_timeout": 300,
        "recovery_conditional": "ANY_FAILED",
        "detection_modes": [
            {"type": "NODE_STATUS_POLLING"},
            {"type": "NODE_STATUS_POLL_URL", "options": {"poll_url": "http://{nodename}/"}},
        ],
    },
    "recovery": {
        "actions": [
            {"name": "WORKFLOW", "params": {"workflow_name": "prepare", "inputs": {"a": 1}}},
            {"name": "REBUILD"},
            {"name": "REBOOT", "params": {"type": "SOFT"}},
            {
                "name": "WORKFLOW",
                "params": {
                    "workflow_name": "migrate",
                    "workflow_namespace": "ours",
                    "timeout": 600,
                    "on_error": "continue",
                    "on_paused": "fail",
                },
            },
            {"name": "RECREATE", "params": None},
        ],
        "fencing": ["COMPUTE"],
        "strict": True,
        "attempts": 3,
        "backoff": 10,
    },
}


def test_a_good_policy_has_no_mistakes():
    assert spec.mistakes(GOOD) == []


def test_a_good_policy_is_read():
    recovery = spec.recovery(GOOD)
    assert [step.title for step in recovery.steps] == [
        "WORKFLOW prepare",
        "REBUILD",
        "REBOOT",
        "WORKFLOW migrate",
        "RECREATE",
    ]
    assert recovery.steps[0] == model.ChainStep("WORKFLOW", workflow="prepare", inputs={"a": 1})
    assert recovery.steps[2].params == {"type": "SOFT"}
    last = recovery.steps[3]
    assert (last.namespace, last.timeout, last.on_error) == ("ours", 600, "continue")
    assert recovery.steps[4].params == {"fence_compute": True}
    assert (recovery.strict, recovery.attempts, recovery.backoff) == (True, 3, 10)
    assert recovery.period == 360


def test_what_is_not_said_has_defaults():
    recovery = spec.recovery(
        {
            "detection": {"detection_modes": [{"type": "NODE_STATUS_POLLING"}]},
            "recovery": {"actions": [{"name": "WORKFLOW", "params": {"workflow_name": "w"}}]},
        }
    )
    step = recovery.steps[0]
    assert (step.timeout, step.on_error, step.on_paused) == (3600, "stop", "wait")
    assert (recovery.strict, recovery.attempts, recovery.backoff) == (False, 5, 60)


def test_what_senlin_reads_as_a_number_true_false_or_a_text_is_read_as_such():
    properties = copy.deepcopy(GOOD)
    properties["detection"] |= {"interval": "60", "node_update_timeout": " +300"}
    properties["detection"]["detection_modes"][1]["options"] |= {
        "poll_url_ssl_verify": "off",
        "poll_url_healthy_response": 200,
        "poll_url_retry_limit": 3.0,
    }
    properties["recovery"] |= {"strict": "Y", "attempts": "3", "node_force_recreate": "f"}
    properties["recovery"]["actions"][3]["params"] |= {"timeout": "600", "inputs": {"timeout": "1"}}
    assert spec.mistakes(properties) == []
    recovery = spec.recovery(properties)
    assert (recovery.strict, recovery.attempts, recovery.period) == (True, 3, 360)
    assert recovery.steps[3].timeout == 600
    assert recovery.steps[3].inputs == {"timeout": "1"}


ACTIONS = ("recovery", "actions")
BAD = [
    (("recovery",), None, "recovery: 'actions' is missing"),
    (("recovery",), [], "recovery: expected a mapping, not an empty list"),
    (("detection",), "x", "detection: expected a mapping, not 'x'"),
    (ACTIONS, [], "recovery.actions: expected a list of at least one, not an empty list"),
    (ACTIONS, {"name": "REBUILD"}, "recovery.actions: expected a list of at least one, not"),
    ((*ACTIONS, 1), "REBUILD", "recovery.actions[1]: expected a mapping, not 'REBUILD'"),
    ((*ACTIONS, 1, "name"), "rebuild", "did you mean 'REBUILD'?"),
    ((*ACTIONS, 1, "name"), "WORKFOLW", "did you mean 'WORKFLOW'?"),
    ((*ACTIONS, 1, "name"), ["REBUILD"], "recovery.actions[1].name: expected one of REBOOT,"),
    ((*ACTIONS, 1, "param"), {}, "did you mean 'params'?"),
    (
        (*ACTIONS, 1, "params"),
        {"type": "SOFT"},
        "recovery.actions[1].params.type: unknown key 'type' in the params of",
    ),
    (
        (*ACTIONS, 1, "params"),
        [],
        "recovery.actions[1].params: expected the params of REBUILD, not",
    ),
    ((*ACTIONS, 2, "params", "type"), "hard", "did you mean 'HARD'?"),
    ((*ACTIONS, 0, "params"), {}, "params: 'workflow_name' is missing in the params of WORKFLOW"),
    ((*ACTIONS, 0, "params", "workflow_nam"), "w", "did you mean 'workflow_name'?"),
    ((*ACTIONS, 0, "params", "workflow_name"), "", "params.workflow_name: expected a name"),
    ((*ACTIONS, 0, "params", "inputs"), "a=1", "expected a mapping of names to values"),
    ((*ACTIONS, 0, "params", "timeout"), "600 s", "a whole number of seconds from 1 to 604800"),
    ((*ACTIONS, 0, "params", "timeout"), True, "a whole number"),
    ((*ACTIONS, 0, "params", "timeout"), 0, "a whole number"),
    ((*ACTIONS, 0, "params", "on_error"), "Continue", "did you mean 'continue'?"),
    ((*ACTIONS, 0, "params", "on_paused"), True, "expected one of wait, fail"),
    (("recovery", "attempt"), 3, "did you mean 'attempts'?"),
    (
        ("recovery", "attempts"),
        0,
        "recovery.attempts: expected a whole number from 1 to 1000, not 0",
    ),
    (ACTIONS, [{"name": "WORKFLOW"}], "'params' is missing in WORKFLOW, which needs workflow_name"),
    ((*ACTIONS, 0, "params"), None, "'workflow_name' is missing in the params of WORKFLOW"),
    (("detection", "detection_modes", 1, "options", "poll_url"), "", "poll_url: expected a URL"),
    (("recovery", "attempts"), "3.0", "recovery.attempts: expected a whole number"),
    (
        ("recovery", "backoff"),
        2.5,
        "recovery.backoff: expected a whole number of seconds from 1 to 3600, not",
    ),
    (("recovery", "strict"), "perhaps", "recovery.strict: expected true or false, not 'perhaps'"),
    (
        ("recovery", "fencing"),
        ["NETWORK"],
        "recovery.fencing[0]: expected one of COMPUTE, not 'NETWORK'",
    ),
    (("detection", "interval"), "60 s", "detection.interval: expected a whole number of seconds"),
    (("detection", "interval"), "0", "detection.interval: expected a whole number of seconds"),
    (
        ("detection", "detection_modes", 1, "options", "poll_url_healthy_response"),
        True,
        "poll_url_healthy_response: expected a text, not true",
    ),
    (
        ("detection", "detection_modes"),
        [],
        "detection.detection_modes: expected a list of at least one, not an",
    ),
    (("detection", "detection_modes", 0, "type"), "LIFECYCLE_EVENTS", "expected one of"),
    (("detection", "detection_modes", 0, "type"), "NODE_STATUS_POLL_URL", "stands there twice"),
    (("detection", "detection_modes", 1, "options"), {}, "options: 'poll_url' is missing"),
    (("detection", "detection_modes", 1, "options", "pol_url"), "", "did you mean 'poll_url'?"),
    (("recover",), {}, "recover: unknown key 'recover'; did you mean 'recovery'?"),
]


@pytest.mark.parametrize(("place", "value", "words"), BAD)
def test_a_mistake_is_told_with_its_place(place, value, words):
    properties = copy.deepcopy(GOOD)
    inner = properties
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    assert words in "; ".join(spec.mistakes(properties))


def test_all_mistakes_are_told_at_once():
    properties = copy.deepcopy(GOOD)
    properties["recovery"]["strict"] = 2
    properties["recovery"]["actions"][0]["params"]["timeout"] = "x"
    del properties["detection"]["detection_modes"]
    assert len(spec.mistakes(properties)) == 3


@pytest.mark.parametrize("properties", [None, [], "x", 3, {}, {"recovery": {}, "detection": {}}])
def test_no_properties_at_all_are_mistakes(properties):
    assert spec.mistakes(properties)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "params", "type", "options", "actions", "timeout"])
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(print_blob=True, deadline=None)
@given(anything, anything, st.lists(anything, max_size=3))
def test_whatever_it_says_a_policy_is_read_or_refused(detection, recovery, actions):
    """No text of a user may end in a traceback."""
    for said in (
        recovery,
        {"actions": actions},
        {"actions": [{"name": "WORKFLOW", "params": x} for x in actions]},
    ):
        properties = {"detection": detection, "recovery": said}
        assert spec.mistakes(properties) or spec.recovery(properties).steps
        assert all("\n" not in text for text in spec.mistakes(properties))
