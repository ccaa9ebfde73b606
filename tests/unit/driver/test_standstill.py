"""When nothing moves, whoever waits lets Mistral look again, and says so."""

import json

import pytest
from keystoneauth1 import exceptions

from driver.recoveries.keeper import LOOK, Standstill, note_in
from tests.unit.driver.fake_mistral import Clock, FakeApi, fake_mistral, refusal

FOUND = "recovery.host.recover root stood still: plan_recovery was never started. It is."
LOOKED = {"state": "SUCCEEDED", "reason": "LOOKED_AGAIN", "message": FOUND,
          "details": {"executions": [{"id": "root", "asked": True}]}}  # fmt: skip
NOTHING = {"state": "SKIPPED", "reason": "NOTHING_STANDS_STILL", "message": "Nothing stands still.",
           "details": {"executions": []}}  # fmt: skip


@pytest.fixture
def api():
    api = FakeApi()
    api.data["workflows"].append({"id": "1", "name": LOOK, "input": ""})
    api.execution("root", host="compute1")
    return api


class Waiting:
    """Somebody who looks each second at what does not move."""

    def __init__(self, api, ends_with=NOTHING):
        self.api, self.clock, self.ends_with = api, Clock(), ends_with
        self.standstill = Standstill(fake_mistral(api, patience=0), "root", self.clock)
        self.told = []

    def wait(self, seconds, sign="still"):
        for _ in range(seconds):
            self.clock.now += 1
            if told := self.standstill.seen(sign):
                self.told.append((self.clock.now, told))
            for look in self.looks():
                if self.ends_with and look["state"] == "RUNNING":
                    self.api.end(look["id"], **self.ends_with)

    def looks(self):
        return [one for one in self.api.data["executions"] if one["workflow_name"] == LOOK]


@pytest.fixture
def own_ids(monkeypatch):
    """Each look is asked for in another half of a minute."""
    times = iter(range(0, 10**6, 30))
    monkeypatch.setattr("driver.recoveries.keeper.time.time", lambda: next(times))


def test_after_30_s_without_a_movement_mistral_looks_at_what_is_waited_for(api):
    waiting = Waiting(api, LOOKED)
    waiting.wait(29)
    assert waiting.looks() == []
    waiting.wait(3)
    (look,) = waiting.looks()
    assert json.loads(look["input"]) == {"execution": "root"}
    assert waiting.told == [(32, f"nothing moves for 31 s: {FOUND.rstrip('.')}")]


def test_nothing_is_said_if_nothing_stands_still_and_it_is_asked_ever_more_seldom(api, own_ids):
    waiting = Waiting(api)
    waiting.wait(1800)
    assert waiting.told == []
    assert len(waiting.looks()) == 9  # after 30, 60, 120, 240, 480 s, then each 300 s


def test_what_moves_is_not_looked_at(api):
    waiting = Waiting(api)
    for number in range(10):
        waiting.wait(25, sign=number)
    assert waiting.looks() == []


def test_a_mistral_that_did_not_answer_for_a_while_does_not_count_as_standing_still(api):
    waiting = Waiting(api)
    waiting.wait(20)
    waiting.clock.now += 50
    waiting.wait(29)
    assert waiting.looks() == []


def test_two_that_wait_for_the_same_thing_ask_for_one_look(api, monkeypatch):
    monkeypatch.setattr("driver.recoveries.keeper.time.time", lambda: 1000)
    first, second = Waiting(api, LOOKED), Waiting(api, LOOKED)
    first.wait(32)
    second.wait(32)
    assert len(first.looks()) == 1
    assert len(first.told) == len(second.told) == 1


def test_a_look_that_is_lost_itself_is_followed_by_another_one(api, own_ids):
    waiting = Waiting(api, ends_with=None)
    waiting.wait(100)
    assert len(waiting.looks()) == 2
    assert waiting.told == []


@pytest.mark.parametrize("answer", [exceptions.ConnectFailure("refused"), refusal(503, "busy")])
def test_a_look_that_gets_no_answer_is_tried_again(api, answer):
    waiting = Waiting(api, LOOKED)
    waiting.wait(29)
    api.faults = [answer]
    waiting.wait(40)
    assert len(waiting.told) == 1


def test_where_the_keeper_is_not_installed_it_is_said_once(api):
    api.data["workflows"].clear()
    waiting = Waiting(api)
    waiting.wait(600)
    ((_, told),) = waiting.told
    assert told.startswith("nothing moves for 30 s, and Mistral does not look again: workflow ")
    assert told.endswith("run `openstack recovery sync`")


@pytest.mark.parametrize(
    ("description", "told"),
    [
        ("", ""),
        ("3 actions, rule ALWAYS", ""),
        ("[looked at again, last 2026 UTC]", "Nothing moved: looked at again, last 2026 UTC."),
        (
            '{"triggered_by": {}, "keeper": "[looked at again, last 2026 UTC]"}',
            "Nothing moved: looked at again, last 2026 UTC.",
        ),
    ],
)
def test_the_note_of_the_keeper_is_read_from_a_description(description, told):
    assert note_in(description) == told
