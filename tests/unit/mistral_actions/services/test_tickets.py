"""A ticket says for whom an action is done, and is good for this action and for minutes only."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistral_actions.errors import Unauthorized
from mistral_actions.services import tickets

KEY = b"k" * 64
CALLER = tickets.Caller("u1", "ann", "p1", "blue", ("member", "reader"))
NOW = 1_800_000_000


def ticket(**other):
    given = {"action": "Step", "execution": "e1", "root": "r1", "caller": CALLER, "now": NOW}
    return tickets.sign(KEY, **{**given, **other})


def read(text, key=KEY, action="Step", execution="e1", now=NOW):
    return tickets.read(key, text, action, execution, now)


def parts(text):
    body, _, signature = text.rpartition(".")
    return json.loads(base64.urlsafe_b64decode(body)), signature


def test_an_executor_with_the_same_key_reads_who_it_is():
    assert read(ticket()) == CALLER
    assert read(ticket(caller=CALLER._replace(roles=())), now=NOW + 599).roles == ()


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"key": b"x" * 64}, "not signed with the ticket_key of this executor"),
        ({"action": "Another"}, "is for another action, Step"),
        ({"execution": "e2"}, "is for another execution, e1"),
        ({"execution": None}, "is for another execution, e1"),
        ({"execution": "r1"}, "is for another execution, e1"),
        ({"now": NOW + 601}, "601 s old"),
        ({"now": NOW - 121}, "-121 s old"),
    ],
)
def test_one_of_another_key_action_execution_or_time_is_refused(other, told):
    with pytest.raises(Unauthorized, match=told) as refused:
        read(ticket(), **other)
    assert "Nothing was changed" in refused.value.message


values = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
wishes = {
    "version": values,
    "action": values,
    "execution": values,
    "root": values,
    "time": st.integers(),
    "caller": st.fixed_dictionaries(
        {
            "user": values,
            "user_name": values,
            "project": values,
            "project_name": values,
            "roles": st.lists(st.sampled_from(["admin", "member", "recovery"]), max_size=3),
        }
    ),
}


@given(st.fixed_dictionaries({}, optional=wishes).filter(bool))
def test_whatever_is_changed_in_a_ticket_it_is_no_ticket_any_more(changed):
    body, signature = parts(ticket())
    forged = {**body, **changed}
    text = base64.urlsafe_b64encode(json.dumps(forged, sort_keys=True).encode()).decode()
    if forged == body:
        return
    with pytest.raises(Unauthorized, match="not signed"):
        read(f"{text}.{signature}")


@given(st.none() | st.text() | st.binary() | st.integers() | st.lists(st.text()))
def test_whatever_else_comes_as_a_ticket_is_none(anything):
    with pytest.raises(Unauthorized, match="not signed"):
        read(anything)


@given(st.integers(0, 1000), st.characters(codec="ascii"))
def test_a_ticket_with_a_character_changed_is_none(place, other):
    text = ticket()
    place %= len(text)
    forged = text[:place] + other + text[place + 1 :]
    if forged == text:
        return
    with pytest.raises(Unauthorized, match="not signed"):
        read(forged)


def test_a_ticket_tells_no_key_and_no_token():
    body, _ = parts(ticket())
    assert set(body) == {"version", "action", "execution", "root", "caller", "time"}
