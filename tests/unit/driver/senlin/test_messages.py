"""What a person reads in the status of a node."""

import dataclasses

from driver.senlin import messages
from driver.senlin.model import REBUILD, WORKFLOW, ChainStep, RecoveryChain
from driver.senlin.state import State

STEPS = (ChainStep(WORKFLOW, workflow="prepare"), ChainStep(REBUILD))
RECOVERY = RecoveryChain(STEPS, attempts=3, backoff=60)
STATE = dataclasses.replace(State("a", "d", "s"), notes=("1 WORKFLOW prepare",), failed=0.0)


def failed(state=STATE, active=False, failure="step 2 of 2, REBUILD: no", recovery=RECOVERY):
    return messages.failed(failure, state, recovery, "web-1", active)


def test_a_failure_says_where_why_what_was_done_and_when_it_goes_on():
    assert failed() == (
        "Recovery failed: step 2 of 2, REBUILD: no. Done before: 1 WORKFLOW prepare. "
        "Attempt 1 of 3; the next one not before 1970-01-01 00:01:00 UTC."
    )


def test_the_last_failure_says_what_to_do():
    assert failed(dataclasses.replace(STATE, attempt=3)).endswith(
        "Attempt 3 of 3, the last one: remove the cause, then run "
        "`openstack cluster node recover web-1`."
    )


def test_an_active_server_is_told_because_nobody_asks_for_it_again():
    assert "the health manager will not ask again, for its server is ACTIVE" in failed(active=True)


def test_a_long_failure_keeps_its_end_and_fits_the_database():
    text = failed(failure="x" * 100_000 + "\U0001f600")
    assert text.endswith("UTC.")
    assert len(text.encode()) <= 65_535
    wide = failed(failure="\u20ac" * 100_000)
    assert len(wide.encode()) <= 65_535


def test_a_letter_that_senlins_database_refuses_is_replaced():
    assert "a?b" in failed(failure="a\U0001f600b")


def test_a_node_left_alone_says_until_when():
    assert messages.held(STATE, RECOVERY, "web-1").endswith("not before 1970-01-01 00:01:00 UTC")
    spent = dataclasses.replace(STATE, attempt=3)
    assert "openstack cluster node recover web-1" in messages.held(spent, RECOVERY, "web-1")


def test_a_step_past_the_last_is_the_check():
    assert messages.place(STEPS, 1) == "step 2 of 2, REBUILD"
    assert messages.place(STEPS, 2) == "the check after the last step"
