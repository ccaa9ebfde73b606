"""The HTTP API as it is deployed: the example's file, a WSGI server, tokens of a Keystone.

The Mistral of the lab has no authentication, but the API asks for it; the guide's own commands
are what is sent.
"""

import configparser
import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openstack
import pytest
import requests

from tests.docs.documents import ROOT, blocks
from tests.functional.support import Cloud, wait_for
from tests.programs import BIN, REAL

GET, CANCEL, ROLLBACK, ROLLBACK_WITHIN = [
    command
    for block in blocks(ROOT / "docs/api.md")
    for command in block.commands
    if command.startswith("curl")
]


def config(cloud: Cloud, name: str) -> Any:
    """Return what clouds.yaml of the lab says of one of its accounts."""
    path = str(cloud.lab.state / "clouds.yaml")
    loader = openstack.config.OpenStackConfig(config_files=[path], load_envvars=False)
    return loader.get_one(cloud=name)


def deployment(cloud: Cloud, path: Path) -> None:
    """Write the example's file, with this cloud's addresses and account."""
    file = configparser.RawConfigParser()
    file.read(ROOT / "examples/api/api-paste.ini")
    file["app:recovery"]["mistral_endpoint"] = cloud.lab.mistral_url
    account = config(cloud, "lab").config["auth"]
    known = ("auth_url", "username", "password", "project_name")
    file["filter:authtoken"].update({name: account[name] for name in known})
    file["filter:authtoken"]["www_authenticate_uri"] = account["auth_url"]
    with path.open("w") as written:
        file.write(written)


@pytest.fixture(scope="module")
def api(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the API, served by a process of its own."""
    directory = tmp_path_factory.mktemp("api")
    deployment(cloud, directory / "api-paste.ini")
    log = directory / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [REAL / "waitress-serve", "--listen=127.0.0.1:0", "driver.api.wsgi:application"],
            env={**os.environ, "RECOVERY_API_PASTE": str(directory / "api-paste.ini")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield wait_for("the API has started", lambda: address(server, log))
    finally:
        server.terminate()
        server.wait(30)


def address(server: subprocess.Popen, log: Path) -> str | None:
    """Return where the server says that it listens, None if it does not yet."""
    assert server.poll() is None, log.read_text()
    return next((part for part in log.read_text().split() if part.startswith("http://")), None)


@pytest.fixture(scope="module")
def curl(cloud: Cloud, api: str) -> Callable[..., Any]:
    """Run a command of the guide; return status and body."""
    tokens = {
        "admin": cloud.lab.connection().session.get_token(),
        "demo": config(cloud, "lab-demo").get_session().get_token(),
        "nobody": "made-up",
    }

    def run(command: str, plan: str, user: str = "admin") -> tuple[int, dict[str, Any]]:
        names = {"RECOVERY_API": api, "TOKEN": tokens[user], "PLAN": plan}
        done = subprocess.run(
            ["bash", "-euc", command.replace("curl ", "curl -w '\\n%{http_code}' ", 1)],
            env={**os.environ, **names},
            capture_output=True,
            text=True,
            check=True,
            timeout=90,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)

    return run


def start(cloud: Cloud, *actions: dict) -> str:
    """Start a plan; return its uuid."""
    plan = str(uuid.uuid4())
    subprocess.run(
        [BIN / "openstack", "recovery", "plan", "run", "-"],
        env={**cloud.lab.env, "PYTHONWARNINGS": "ignore"},
        input=json.dumps({"uuid": plan, "actions": actions}),
        text=True,
        check=True,
    )
    return plan


def action(type_: str, *parents: dict, **parameters: Any) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid4()),
        "type": type_,
        "parameters": parameters,
        "parents": [parent["uuid"] for parent in parents],
    }


def disable(host: str) -> dict[str, Any]:
    return action(
        "change_nova_service_state", resource_id=host, state="disabled", disabled_reason="api"
    )


def ended(curl: Callable[..., Any], plan: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        _, body = curl(GET, plan)
        return body if body["state"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    return wait_for(f"plan {plan} has ended", look)


def test_a_plan_is_read_and_rolled_back_once(cloud: Cloud, curl: Callable[..., Any]) -> None:
    first = disable("compute5")
    second = action("nop", first, message="hello")
    plan = start(cloud, first, second)

    told = ended(curl, plan)
    assert told["state"] == "SUCCEEDED", told
    assert [(one["uuid"], one["state"]) for one in told["actions"]] == [
        (first["uuid"], "SUCCEEDED"),
        (second["uuid"], "SUCCEEDED"),
    ]
    assert told["actions"][1]["parents"] == [first["uuid"]]
    assert cloud.service("compute5")["status"] == "disabled"

    status, undone = curl(ROLLBACK, plan)
    assert (status, undone["action_plan_uuid"]) == (200, plan)
    wait_for("it is undone", lambda: curl(GET, plan)[1]["rollback"]["state"] == "SUCCEEDED")
    assert cloud.service("compute5")["status"] == "enabled"

    status, again = curl(ROLLBACK_WITHIN, plan)
    assert (status, again["error"]["reason"]) == (400, "ALREADY_ROLLED_BACK")
    assert undone["uuid"] in again["error"]["message"]


def test_a_plan_is_cancelled_and_then_it_cannot_be_again(
    cloud: Cloud, curl: Callable[..., Any]
) -> None:
    plan = start(cloud, action("sleep", duration=600))
    wait_for("it runs", lambda: curl(GET, plan)[1]["actions"][0]["state"] == "ONGOING")

    assert curl(ROLLBACK, plan)[1]["error"]["reason"] == "WRONG_STATE"
    status, told = curl(CANCEL, plan)

    assert (status, told["state"] in ("CANCELLING", "CANCELLED")) == (200, True)
    assert ended(curl, plan)["actions"][0]["state"] == "CANCELLED"
    status, again = curl(CANCEL, plan)
    assert (status, again["error"]["reason"]) == (400, "PLAN_ENDED")


@pytest.mark.parametrize("command", [GET, CANCEL, ROLLBACK], ids=["get", "cancel", "rollback"])
def test_a_plan_that_was_never_run_is_unknown(curl: Callable[..., Any], command: str) -> None:
    status, told = curl(command, str(uuid.uuid4()))

    assert (status, told["error"]["reason"]) == (404, "UNKNOWN_PLAN")


@pytest.mark.parametrize("command", [GET, CANCEL, ROLLBACK], ids=["get", "cancel", "rollback"])
def test_only_an_administrator_with_a_valid_token_is_let_in(
    curl: Callable[..., Any], command: str
) -> None:
    plan = str(uuid.uuid4())

    status, told = curl(command, plan, "demo")
    assert (status, "the role 'admin'" in told["error"]["message"]) == (403, True)
    assert curl(command, plan, "nobody")[0] == 401


def test_an_address_that_is_no_plan_is_refused(api: str, cloud: Cloud) -> None:
    headers = {"X-Auth-Token": cloud.lab.connection().session.get_token()}

    answer = requests.get(f"{api}/v1/action_plans/42", headers=headers, timeout=60)

    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "BAD_INPUT")
