"""The move of a server while Nova does not show its migrations."""

import pytest

from mistral_actions.servers import moves
from tests.unit.mistral_actions.fake_moves import FakeMoves
from tests.unit.mistral_actions.planning import act, carry_out, check, cold, ended, live, step_of


@pytest.fixture
def nova():
    return FakeMoves()


def hide(nova, times):
    """Leave out the migrations of a server from the next answers."""
    left = [times]

    def shown(name, answer):
        if name == "migrations" and left[0]:
            left[0] -= 1
            return []
        return answer

    nova.shown = shown


def test_a_move_of_another_time_is_not_taken_for_this_one(nova):
    """The check must know the newest record, and asks for it twice if there seems to be none."""
    web = nova.add("web")
    assert ended(carry_out(nova, live(nova, web))) == ("SUCCEEDED", "DONE")
    back = {"source_node": "compute2", "destination_node": "compute1"}
    hide(nova, 1)
    todo = live(nova, web, **back)
    assert ended(carry_out(nova, todo)) == ("SUCCEEDED", "DONE")
    assert nova.server(web["id"])["OS-EXT-SRV-ATTR:host"] == "compute1"
    assert nova.requests(web) == ["live-migration"] * 2


@pytest.mark.parametrize("plan", [live, cold])
@pytest.mark.parametrize("polls", [1, 2, 8])
def test_a_move_that_nova_does_not_show_has_not_failed(nova, plan, polls):
    """It is elsewhere, or resized: then there is a record of it."""
    web = nova.add("web")
    todo = plan(nova, web)
    act(step_of(todo), nova)
    nova.advance(10)
    hide(nova, polls)
    assert ended(carry_out(nova, todo)) == ("SUCCEEDED", "DONE")
    assert len(set(nova.requests(web))) == len(nova.requests(web))


def test_a_resize_in_its_place_that_nova_does_not_show_has_not_failed(nova):
    web = nova.add("web")
    todo = check(nova, "resize", web, flavor="m1.small")
    act(step_of(todo), nova)
    nova.advance(10)
    web["OS-EXT-SRV-ATTR:host"] = "compute1"
    hide(nova, 2)
    assert ended(carry_out(nova, todo)) == ("SUCCEEDED", "DONE")


def test_whether_an_abort_was_refused_is_not_told_without_the_record(nova):
    web = nova.add("web")
    nova.ends[web["id"]] = "stuck"
    todo = live(nova, web)
    act(step_of(todo), nova)
    nova.advance(4)
    record = nova.records[-1]
    record["status"] = "post-migrating"  # too late for an abort
    hide(nova, 1)
    step = moves.AbortMigration(todo, record["id"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mistral_actions.base.nova_of", lambda context: nova)
        first, second = step.run(None), step.run(None)
    assert first.error["retriable"] is True
    assert second == {"finished": True, "abort_error": None}
