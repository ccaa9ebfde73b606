"""The client of the Mistral API."""

import http.server
import json
import threading

import pytest
from keystoneauth1 import adapter, exceptions, session, token_endpoint

from driver.errors import (
    AuthenticationError,
    DriverError,
    NotFoundError,
    RefusedError,
    ServiceMissingError,
    UnreachableError,
    WorkflowMissingError,
    mask_secrets,
)
from driver.mistral.client import MistralClient
from driver.mistral.records import Execution
from driver.mistral.transport import Transport
from tests.unit.driver.fake_mistral import Clock, FakeApi, Response, fake_mistral, refusal

FERNET = "gAAAAABmZ2h0aGlzaXNub3RhcmVhbHRva2VuYnV0bG9uZw=="
ECHO = {"id": "std.echo", "name": "std.echo", "input": "output"}


@pytest.fixture
def api():
    api = FakeApi()
    api.data["actions"].append(ECHO)
    api.data["workflows"].append({"id": "1", "name": "recovery.host.recover", "input": "host"})
    return api


@pytest.fixture
def server():
    """A Mistral on loopback that gives the answers of a list, and keeps what was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, self.headers["X-Auth-Token"]))
            status, body = self.server.answers.pop(0)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            """Tests print nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.answers = [], []
        server.url = f"http://127.0.0.1:{server.server_port}/v2"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def connect(url, token=FERNET, **options):
    auth = token_endpoint.Token(url, token)
    return adapter.Adapter(session.Session(auth), service_type="workflowv2", **options)


def test_a_request_is_repeated_after_connection_errors(api):
    api.faults = [exceptions.ConnectFailure("refused"), exceptions.ConnectTimeout("slow")]
    assert fake_mistral(api).actions() == [ECHO]
    assert len(api.requests) == 3


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_request_is_repeated_while_a_proxy_says_that_mistral_is_away(api, status):
    api.faults = [Response(status, "<html>Bad gateway</html>")]
    assert fake_mistral(api).actions() == [ECHO]
    assert len(api.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500])
def test_an_answer_that_says_no_is_not_asked_for_again(api, status):
    api.faults = [refusal(status, "because")]
    with pytest.raises(RefusedError, match=f"{status} because") as caught:
        fake_mistral(api).actions()
    assert caught.value.status == status
    assert len(api.requests) == 1


def test_repeating_ends_when_patience_does(api):
    clock = Clock()
    api.faults = [exceptions.ConnectFailure("refused")] * 1000
    with pytest.raises(UnreachableError, match="does not answer: refused"):
        fake_mistral(api, patience=15.0, clock=clock).actions()
    assert 10 < clock.now <= 15
    assert len(api.requests) < 15


def test_a_mistral_that_hangs_is_not_asked_once_more_for_each_timeout(api):
    clock = Clock()

    class Hangs(FakeApi):
        def request(self, *args, timeout, **options):
            clock.now += timeout
            return super().request(*args, timeout=timeout, **options)

    hanging = Hangs()
    hanging.faults = [exceptions.ConnectTimeout("slow")] * 1000
    with pytest.raises(UnreachableError):
        fake_mistral(hanging, patience=45.0, clock=clock).actions()
    assert len(hanging.requests) == 2


def test_a_definition_has_three_minutes_and_all_else_the_timeout_of_the_client(api):
    timeouts = []

    class Timed(FakeApi):
        def request(self, *args, timeout, **options):
            timeouts.append(timeout)
            return super().request(*args, timeout=timeout, **options)

    mistral = MistralClient(Transport(Timed(), timeout=20.0))
    mistral.actions()
    mistral.create_workbook("name: recovery.host\n")
    mistral.add_workbook("name: recovery.plan\n")
    assert timeouts == [20.0, 180.0, 180.0]


def test_the_sessions_own_settings_of_tls_hold(api):
    fake_mistral(api).actions()
    _, _, options = api.requests[0]
    assert options.keys() <= {"headers", "params"}


def test_without_patience_a_request_is_made_once(api):
    api.faults = [exceptions.ConnectFailure("refused")] * 2
    with pytest.raises(UnreachableError):
        fake_mistral(api).with_patience(0).actions()
    assert len(api.requests) == 1


def test_a_real_mistral_that_comes_back_is_asked_again(server):
    server.answers = [(503, {}), (200, {"actions": [ECHO]})]
    mistral = MistralClient(Transport(connect(server.url), sleep=lambda seconds: None))
    assert mistral.actions() == [ECHO]
    assert server.asked == [("/v2/actions?fields=name%2Cinput", FERNET)] * 2


def test_a_refused_connection_is_told_without_python_objects():
    closed = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{closed.server_port}/v2"
    closed.server_close()
    with pytest.raises(UnreachableError) as caught:
        MistralClient(Transport(connect(url), patience=0)).actions()
    assert "Connection refused" in str(caught.value)
    assert url in str(caught.value)
    assert "object at 0x" not in str(caught.value)
    assert "HTTPConnectionPool" not in str(caught.value)


def test_the_callers_token_is_in_no_message(server):
    text = "context: {'auth_token': 'abc123def', u'x': abc123def}"
    server.answers = [(400, {"faultstring": text})]
    with pytest.raises(RefusedError) as caught:
        MistralClient(Transport(connect(server.url, token="abc123def"))).actions()
    assert "abc123def" not in str(caught.value)
    assert "400 context" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"in {{'openstack': {{'auth_token': '{FERNET}'}}}}",
        f"the header was {FERNET}",
        "X-Auth-Token: 0123456789abcdef",
        '"password": "0123456789abcdef"',
        "OS_PASSWORD=0123456789abcdef",
    ],
)
def test_whatever_looks_like_a_secret_is_masked(text):
    masked = mask_secrets(text)
    assert "***" in masked
    assert FERNET not in masked
    assert "0123456789abcdef" not in masked


def test_an_ordinary_sentence_is_left_as_it_is():
    sentence = "host compute1 is up: nothing was changed (checked at 12:00:00)"
    assert mask_secrets(sentence) == sentence


def test_a_token_in_the_state_of_an_execution_is_masked():
    execution = Execution.from_record({"id": "1", "state_info": f"failed with {FERNET}"})
    assert execution.state_info == "failed with ***"


def test_a_cloud_without_mistral_is_told_so(api):
    api.faults = [exceptions.EndpointNotFound("no endpoint")]
    with pytest.raises(ServiceMissingError, match="catalogue has no Mistral"):
        fake_mistral(api).actions()
    assert len(api.requests) == 1


def test_a_refused_login_is_told_as_one_and_not_repeated(api):
    api.faults = [exceptions.Unauthorized("The request you have made requires authentication.")]
    with pytest.raises(AuthenticationError, match="requires authentication"):
        fake_mistral(api).actions()
    assert len(api.requests) == 1


def test_a_wrong_certificate_is_no_reason_to_try_again(api):
    api.faults = [exceptions.SSLError("certificate verify failed")]
    with pytest.raises(DriverError, match="certificate verify failed"):
        fake_mistral(api).actions()
    assert len(api.requests) == 1


def test_an_answer_that_is_not_mistrals_points_at_the_endpoint(api):
    api.faults = [Response(200, "<html>It works!</html>")]
    with pytest.raises(RefusedError, match="check the workflow endpoint"):
        fake_mistral(api).actions()


def test_a_missing_right_is_told_as_one(api):
    api.faults = [refusal(403, "actions:list is disallowed by policy")]
    with pytest.raises(RefusedError, match=r"actions:list .* the account lacks the right"):
        fake_mistral(api).actions()


def test_all_pages_of_a_list_are_read(api):
    for number in range(120):
        api.execution(f"e{number}", host="compute1")
    found = list(fake_mistral(api).executions())
    assert [item.id for item in found] == [f"e{number}" for number in reversed(range(120))]
    assert len(api.requests) == 3


def test_a_server_that_repeats_its_first_page_is_not_asked_for_ever(api):
    api.faults = [Response(200, {"actions": [ECHO], "next": "http://x.invalid"})] * 1000
    assert fake_mistral(api).actions() == [ECHO]
    assert len(api.requests) == 2


def test_a_start_whose_answer_was_lost_starts_one_execution(api):
    mistral = fake_mistral(api)
    api.faults = [exceptions.ConnectFailure("reset")]
    execution = mistral.start("recovery.host.recover", {"host": "compute1"})
    assert [body["json"]["id"] for _, _, body in api.requests] == [execution.id] * 2
    assert len(api.data["executions"]) == 1


def test_starting_with_the_id_of_an_execution_returns_that_one(api):
    mistral = fake_mistral(api)
    first = mistral.start("recovery.host.recover", {"host": "compute1"}, "my-id")
    again = mistral.start("recovery.host.recover", {"host": "compute1"}, "my-id")
    assert first == again
    assert first.input == {"host": "compute1"}
    assert len(api.data["executions"]) == 1


def test_a_workflow_that_is_missing_says_how_to_install_it(api):
    api.data["workflows"].clear()
    expected = "recovery.host.recover is not installed .* run `openstack recovery sync`"
    with pytest.raises(WorkflowMissingError, match=expected):
        fake_mistral(api).start("recovery.host.recover", {"host": "compute1"})


def test_an_unknown_execution_is_told_with_its_id(api):
    with pytest.raises(NotFoundError, match="no execution nowhere/else in this Mistral"):
        fake_mistral(api).execution("nowhere/else")
    assert api.requests[0][1] == "/executions/nowhere%2Felse"


def test_cancelling_sets_the_state_of_the_execution(api):
    api.execution("e1", host="compute1")
    mistral = fake_mistral(api)
    mistral.cancel("e1")
    assert mistral.execution("e1").state == "CANCELLED"
    assert mistral.execution("e1").ended


def test_a_workbook_whose_creation_arrived_unanswered_is_still_installed(api):
    text = "name: recovery.host\n"
    mistral = fake_mistral(api)
    mistral.create_workbook(text)
    mistral.create_workbook(text, public=True)
    assert [(book["definition"], book["scope"]) for book in mistral.workbooks()] == [
        (text, "public")
    ]


def test_a_workbook_that_was_validated_is_not_checked_once_more_when_it_is_written(api):
    mistral = fake_mistral(api)
    mistral.create_workbook("name: recovery.host\n")
    mistral.update_workbook("name: recovery.host\n", public=True)
    asked = [(method, options["params"]) for method, _, options in api.requests]
    assert asked == [("POST", {"scope": "private", "skip_validation": "true"}),
                     ("PUT", {"scope": "public", "skip_validation": "true"})]


def test_the_text_of_a_workbook_is_sent_as_utf_8(api):
    fake_mistral(api).create_workbook("name: recovery.host\ndescription: für alle\n")
    _, _, options = api.requests[0]
    assert options["text"].endswith("für alle\n")
    assert options["headers"] == {"content-type": "text/plain"}
