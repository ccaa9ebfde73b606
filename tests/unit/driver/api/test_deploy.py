"""The example's deployment file: keystonemiddleware in front, a small Keystone and Mistral behind.

Both answer over HTTP on the loopback interface: the Keystone of the lab, and a Mistral that knows
no plan, but notes what it is asked with.
"""

import configparser
import importlib
import json
import logging
import sys
import threading
from pathlib import Path

import pytest
from paste import deploy
from werkzeug import serving
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client
from werkzeug.wsgi import get_input_stream

from driver.api.deploy import app_factory
from driver.errors import DriverError
from lab.identity import Identity, Tokens, catalog, users
from tests.unit.driver.api.fake_plans import PLAN

EXAMPLE = Path(__file__).resolve().parents[4] / "examples/api/api-paste.ini"
PATH = f"/v1/action_plans/{PLAN}"
PASSWORDS = {"admin": "password-of-admin", "demo": "password-of-demo"}


class Cloud:
    """A Keystone and a Mistral; ``asked`` has the headers of what the latter was asked."""

    def __init__(self):
        application = DispatcherMiddleware(self._nothing, {"/v2": self._mistral})
        self.server = serving.make_server("127.0.0.1", 0, application, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        services = [("identity", "keystone", "identity"), ("workflowv2", "mistral", "v2")]
        endpoints = catalog((kind, name, f"{self.url}/{path}") for kind, name, path in services)
        self.tokens = Tokens(users(PASSWORDS), endpoints, "token-of-services")
        self._keystone = Identity(f"{self.url}/identity", self.tokens)
        application.mounts["/identity"] = self._identity
        self.asked = []

    def _identity(self, environ, start_response):
        # the lab's reads until the end, which this server leaves open
        environ["wsgi.input"] = get_input_stream(environ)
        return self._keystone(environ, start_response)

    def _mistral(self, environ, start_response):
        self.asked.append({k: v for k, v in environ.items() if k.startswith("HTTP_X_")})
        data = json.dumps({"faultstring": "no such execution"}).encode()
        start_response("404 Not Found", [("Content-Type", "application/json")])
        return [data]

    @staticmethod
    def _nothing(environ, start_response):
        start_response("404 Not Found", [])
        return [b""]

    def token(self, user):
        password = {"user": {"name": user, "domain": {}, "password": PASSWORDS[user]}}
        identity = {"methods": ["password"], "password": password}
        scope = {"project": {"name": "demo"}}
        return self.tokens.issue({"auth": {"identity": identity, "scope": scope}})[0]


@pytest.fixture
def cloud():
    cloud = Cloud()
    thread = threading.Thread(target=cloud.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield cloud
    cloud.server.shutdown()
    thread.join()
    cloud.server.server_close()


@pytest.fixture
def deployment(cloud, tmp_path):
    """The example, with the addresses and the account of this cloud; nothing else is changed."""
    file = configparser.RawConfigParser()
    file.read(EXAMPLE)
    authtoken = file["filter:authtoken"]
    authtoken["www_authenticate_uri"] = authtoken["auth_url"] = f"{cloud.url}/identity"
    authtoken["username"], authtoken["password"] = "admin", PASSWORDS["admin"]
    authtoken["project_name"] = "admin"
    path = tmp_path / "api-paste.ini"
    with path.open("w") as written:
        file.write(written)
    return path


@pytest.fixture
def ask(deployment):
    """Ask the deployed application; return status, headers and what stands in the body."""
    application = deploy.loadapp(f"config:{deployment}")

    def call(token=None, method="GET", path=PATH, headers=None):
        sent = {**({"X-Auth-Token": token} if token else {}), **(headers or {})}
        return Client(application).open(path, method=method, headers=sent)

    return call


def test_mistral_is_asked_with_the_callers_own_token_and_no_other(cloud, ask):
    token = cloud.token("admin")

    answer = ask(token)

    assert answer.status_code == 404
    assert answer.json["error"]["reason"] == "UNKNOWN_PLAN"
    assert [one["HTTP_X_AUTH_TOKEN"] for one in cloud.asked] == [token]
    assert "HTTP_X_SERVICE_TOKEN" not in cloud.asked[0]


@pytest.mark.parametrize("token", [None, "made-up"])
def test_without_a_valid_token_the_answer_is_401_as_json_and_says_where_to_get_one(
    cloud, ask, token
):
    answer = ask(token)

    assert answer.status_code == 401
    assert answer.json["error"]["message"] == "The request you have made requires authentication."
    assert cloud.url in answer.headers["WWW-Authenticate"]
    assert cloud.asked == []


def test_headers_of_the_middleware_that_a_client_sends_itself_are_dropped(cloud, ask):
    forged = {"X-Identity-Status": "Confirmed", "X-Roles": "admin", "X-User-Id": "me"}

    assert ask(cloud.token("demo"), headers=forged).status_code == 403
    assert ask(None, headers=forged).status_code == 401
    assert cloud.asked == []


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("POST", "/cancel"), ("POST", "/rollback")]
)
def test_without_the_role_the_answer_is_403_and_names_it(cloud, ask, method, path):
    answer = ask(cloud.token("demo"), method, PATH + path)

    assert answer.status_code == 403
    assert "the role 'admin'" in answer.json["error"]["message"]
    assert cloud.asked == []


def test_no_token_reaches_the_log(cloud, ask, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = [cloud.token("admin"), cloud.token("demo"), "made-up-token-of-a-stranger"]

    statuses = [ask(token).status_code for token in tokens]

    assert statuses == [404, 403, 401]
    assert caplog.text
    assert [token for token in tokens if token in caplog.text] == []
    assert PASSWORDS["admin"] not in caplog.text


def test_a_wsgi_server_finds_the_application_of_the_file_that_the_variable_names(
    deployment, monkeypatch
):
    monkeypatch.setenv("RECOVERY_API_PASTE", str(deployment))
    monkeypatch.delitem(sys.modules, "driver.api.wsgi", raising=False)
    module = importlib.import_module("driver.api.wsgi")

    assert Client(module.application).get(PATH).status_code == 401


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"role": "admin"}, "no option 'role'; did you mean 'roles'"),
        ({"roles": "admin,"}, "roles is 'admin,'"),
        ({"roles": ""}, "roles is ''"),
        ({"auth_strategy": "none"}, "auth_strategy is 'none'; it can be keystone or noauth"),
        ({"auth_strategy": "noauth"}, "needs mistral_endpoint"),
        ({"patience": "long"}, "patience is 'long'"),
        ({"patience": "nan"}, "patience is 'nan'"),
    ],
)
def test_an_option_that_cannot_be_used_is_told_when_the_service_starts(options, told):
    with pytest.raises(DriverError) as caught:
        app_factory({}, **options)

    assert told in str(caught.value)


def test_without_authentication_whoever_calls_mistral_is_asked_without_a_real_token(cloud):
    app = app_factory({}, auth_strategy="noauth", mistral_endpoint=f"{cloud.url}/v2")

    answer = app.test_client().get(PATH, headers={"X-Auth-Token": "of-somebody"})

    assert answer.status_code == 404
    assert [one["HTTP_X_AUTH_TOKEN"] for one in cloud.asked] == ["notused"]


def test_a_mistral_that_does_not_answer_is_503_without_its_address_in_python(cloud):
    app = app_factory(
        {}, auth_strategy="noauth", mistral_endpoint="http://127.0.0.1:1/v2", patience="0"
    )

    answer = app.test_client().get(PATH)

    assert (answer.status_code, answer.json["error"]["reason"]) == (503, "MISTRAL_UNAVAILABLE")
    assert "object at 0x" not in answer.text
