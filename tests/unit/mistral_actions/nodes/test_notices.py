"""The notices of a rebuild: what they say, and that they tell no secret."""

import sys
import types

import pytest

from mistral_actions.errors import Failed, Unavailable
from mistral_actions.nodes import notices
from tests.functional.services import WebServer
from tests.unit.mistral_actions.fake_nodes import IMAGE


def post(url, event="rebuild_begins"):
    plan = {
        "server": {"id": IMAGE, "name": "web"},
        "options": {"reason": "no ping", "cluster_id": None},
    }
    report = {"state": "SUCCEEDED", "message": "web was rebuilt."}
    return notices.PostNotice(url, event, plan, report, "e1").act_for(None)


@pytest.fixture
def allowed(monkeypatch):
    """Mistral's executors may connect to this machine."""
    monkeypatch.setattr(notices, "_refuse_by_policy", lambda url, place: None)


def test_a_notice_says_what_happens_to_which_server_and_why(allowed):
    with WebServer() as hook:
        assert post(f"{hook.url}/x")["report"]["reason"] == "NOTIFIED"
        post(f"{hook.url}/x", "rebuild_ended")
    first, last = (request.body for request in hook.requests)
    assert first["text"] == "web is about to be rebuilt: no ping."
    assert (last["text"], last["state"], last["execution"]) == (
        "web was rebuilt.",
        "SUCCEEDED",
        "e1",
    )


@pytest.mark.parametrize(
    ("status", "again"), [(503, True), (429, True), (404, False), (302, False)]
)
def test_a_notice_that_is_not_taken_tells_no_secret(allowed, status, again):
    with WebServer() as hook:
        hook.answers = [status]
        with pytest.raises((Failed, Unavailable), match=f"HTTP {status}") as failure:
            post(f"{hook.url}/T0-secret")
    assert (failure.value.code, failure.value.retriable) == ("NOTICE_FAILED", again)
    assert "T0-secret" not in failure.value.message


def test_a_hook_that_does_not_answer_is_tried_again_and_tells_no_secret(allowed, free_port, caplog):
    with pytest.raises(Unavailable, match="could not be sent") as failure:
        post(f"http://127.0.0.1:{free_port}/T0-secret")
    assert "T0-secret" not in failure.value.message + caplog.text


def test_the_egress_policy_of_mistral_holds_for_notices(monkeypatch):
    def refuse(url):
        raise ValueError(url)

    utils = types.SimpleNamespace(egress=types.SimpleNamespace(validate_url=refuse))
    monkeypatch.setitem(sys.modules, "mistral.utils", utils)
    with pytest.raises(Failed, match="action_std_http") as failure:
        post("http://127.0.0.1:1/T0-secret")
    assert "T0-secret" not in failure.value.message
