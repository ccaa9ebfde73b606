"""The lab is real: Mistral and Nova answer, hosts die and come back, faults bite."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from lab import Lab, LabError
from tests.functional.support import wait_for
from tests.programs import BIN

UNKNOWN_ID = "11111111-1111-4111-8111-111111111111"
POLL = """
version: '2.0'
poll_for_a_while:
  tasks:
    look:
      action: std.noop
      retry: {count: 3, delay: 1, continue-on: <% true %>}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), hosts=("compute1", "compute2", "compute3")) as lab:
        yield lab


@pytest.fixture
def injected(lab):
    """Injects faults; takes them away at the end."""
    yield lab.set_faults
    lab.set_faults({})


def auth_of(lab, cloud="lab"):
    clouds = yaml.safe_load(Path(lab.env["OS_CLIENT_CONFIG_FILE"]).read_text())
    return clouds["clouds"][cloud]["auth"]


def log_in(lab, cloud="lab", **changes):
    auth = auth_of(lab, cloud) | changes
    user = {"name": auth["username"], "password": auth["password"], "domain": {"id": "default"}}
    scope = {"project": {"name": auth["project_name"], "domain": {"id": "default"}}}
    body = {
        "auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    }
    return requests.post(f"{lab.identity_url}/auth/tokens", json=body, timeout=30)


def get_from_nova(lab, path):
    token = log_in(lab).headers["X-Subject-Token"]
    headers = {"X-Auth-Token": token, "OpenStack-API-Version": "compute 2.79"}
    return requests.get(lab.nova_url + path, headers=headers, timeout=60).json()


def state_of_service(lab, host):
    path = f"/os-services?binary=nova-compute&host={host}"
    return get_from_nova(lab, path)["services"][0]["state"]


def run(lab, *command):
    path = BIN / command[0]
    return subprocess.run(
        [path, *command[1:]],
        env={**lab.env, "PYTHONWARNINGS": "ignore"},
        text=True,
        capture_output=True,
        check=False,
    )


def lab_command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments], text=True, capture_output=True, check=False
    )


def test_both_processes_run_and_answer(lab):
    """After ``up`` both processes run, and Mistral and Nova answer."""
    assert [(row["name"], row["running"]) for row in lab.status()] == [
        ("nova", True),
        ("mistral", True),
    ]
    assert all(50 < row["memory"] < 2000 for row in lab.status())  # MB
    assert requests.get(lab.mistral_url, timeout=30).status_code == 200
    hosts = [s["hypervisor_hostname"] for s in get_from_nova(lab, "/os-hypervisors")["hypervisors"]]
    assert sorted(hosts) == ["compute1", "compute2", "compute3"]


def test_a_lab_is_not_started_twice(lab):
    """A second ``up`` on a running lab is refused and says what runs."""
    with pytest.raises(LabError, match="is up already"):
        Lab.attach(lab.state).up()


def test_a_taken_port_is_refused_before_anything_is_started(tmp_path):
    """``up`` names the port that somebody else has, and starts nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = Lab(tmp_path / "state", ports={"mistral": port})
        with pytest.raises(LabError, match=rf"^port {port} \(mistral\) is taken"):
            other.up()
    assert not any(row["running"] for row in other.status())
    assert not (tmp_path / "state").exists()


def test_a_process_that_ends_at_once_is_reported_with_the_end_of_its_log(tmp_path):
    """``up`` fails with what the process said, and leaves nothing running."""
    other = Lab(tmp_path, mistral_options={"scheduler": {"fixed_delay": "soon"}})
    with pytest.raises(LabError, match=r"mistral has ended(.|\n)*soon"), other:
        pytest.fail("the lab is up")
    assert not any(row["running"] for row in other.status())


def test_servers_are_booted_into_the_state_that_was_asked_for(lab):
    """A server lands on its host, stopped, locked and with its metadata."""
    server = lab.boot(
        "web", "compute2", metadata={"HA_Enabled": "True"}, power="stopped", locked=True
    )
    assert server["status"] == "SHUTOFF"
    assert server["locked"] is True
    assert server["metadata"] == {"HA_Enabled": "True"}
    assert server["OS-EXT-SRV-ATTR:host"] == "compute2"
    assert lab.boot("broken", "compute2", power="error")["status"] == "ERROR"


def test_many_servers_are_booted_with_one_request(lab):
    """``boot_many`` returns running servers, numbered from 1."""
    servers = lab.boot_many(3, "compute1", "many")
    assert [(server["name"], server["status"]) for server in servers] == [
        ("many-1", "ACTIVE"),
        ("many-2", "ACTIVE"),
        ("many-3", "ACTIVE"),
    ]


def test_an_injected_failure_fails_a_boot(lab, injected):
    """A server whose spawn fails on its host ends in ERROR."""
    injected({"compute2": {"spawn": {"fail": "disk full"}}})
    with pytest.raises(LabError, match="server unlucky is in ERROR"):
        lab.boot("unlucky", "compute2")
    assert lab.boot("lucky", "compute1")["status"] == "ACTIVE"


def test_a_misspelled_fault_is_refused(lab):
    """Faults that would do nothing are errors."""
    with pytest.raises(LabError, match="unknown operation 'spawm'"):
        lab.set_faults({"*": {"spawm": {"delay": 1}}})


PARTIAL = {
    "id",
    "status",
    "tenant_id",
    "created",
    "links",
    "image",
    "flavor",
    "OS-EXT-AZ:availability_zone",
    "OS-EXT-STS:power_state",
    "user_id",
    "server_groups",
}


@pytest.fixture
def nova(lab):
    """What asks Nova at our microversion, and returns status code and body."""
    token = log_in(lab).headers["X-Subject-Token"]
    headers = {"X-Auth-Token": token, "OpenStack-API-Version": "compute 2.79"}

    def ask(path, method="GET", body=None):
        url = lab.nova_url + path
        answer = requests.request(method, url, json=body, headers=headers, timeout=60)
        return answer.status_code, answer.json() if answer.content else {}

    return ask


def test_a_cell_that_is_down_has_partial_records_no_records_or_a_refusal(lab, injected, nova):
    """Nova's own code answers: what it knows without the cell, with status 200, or 500."""
    server = lab.boot("away", "compute1")
    path = f"/servers/{server['id']}"
    service = nova("/os-services?binary=nova-compute&host=compute1")[1]["services"][0]
    injected({"nova": {"cell_down": True}})

    for query in ("?host=compute1", "?binary=nova-compute&host=compute1"):
        record = {"binary": "nova-compute", "host": "compute1", "status": "UNKNOWN"}
        assert nova(f"/os-services{query}") == (200, {"services": [record]})
    status, body = nova(path)
    assert (status, body["server"]["status"]) == (200, "UNKNOWN")
    assert set(body["server"]) == PARTIAL
    status, body = nova("/servers/detail?all_tenants=1")  # without a filter they are partial
    assert {one["status"] for one in body["servers"]} == {"UNKNOWN"}
    assert set(body["servers"][0]) == {"id", "status", "tenant_id", "created", "links"}
    for query in ("host=compute1", "name=away", "locked=true", "limit=1"):
        assert nova(f"/servers/detail?all_tenants=1&{query}") == (200, {"servers": []})
    assert nova("/os-migrations") == (200, {"migrations": []})
    for refused in (
        (f"{path}/os-instance-actions",),
        (f"{path}/migrations",),
        ("/os-hypervisors/detail",),
        (f"/os-services/{service['id']}", "PUT", {"forced_down": True}),
        (f"{path}/metadata", "POST", {"metadata": {"key": "value"}}),
        (f"{path}/action", "POST", {"lock": None}),
        (f"{path}/action", "POST", {"os-stop": None}),
        (f"{path}/action", "POST", {"evacuate": {}}),
    ):
        status, body = nova(*refused)
        assert (status, list(body)) == (500, ["computeFault"]), refused
    assert nova(f"/servers/{UNKNOWN_ID}")[0] == 404  # known without the cell

    injected({})
    whole = nova(path)[1]["server"]
    assert (whole["status"], whole["locked"], whole["metadata"]) == ("ACTIVE", False, {})
    actions = nova(f"{path}/os-instance-actions")[1]["instanceActions"]
    assert [one["action"] for one in actions] == ["create"]


def test_a_cell_may_be_down_for_some_requests_of_some_resources(lab, injected, nova):
    """Once, or each second time that the same is asked; the lab's own requests look past it."""
    server = lab.boot("at-hand", "compute2")
    injected({"nova": {"drop": ["servers/detail", "os-services"], "every": 2}})
    path = "/servers/detail?name=at-hand"
    assert [len(nova(path)[1]["servers"]) for _ in range(4)] == [1, 0, 1, 0]
    assert nova("/os-services")[1]["services"][0]["status"] == "enabled"
    assert nova("/os-services")[1]["services"][0]["status"] == "UNKNOWN"

    injected({"nova": {"drop": ["servers/ID"], "once": True}})
    assert lab.boot("at-hand-too", "compute2")["status"] == "ACTIVE"
    seen = [nova(f"/servers/{server['id']}")[1]["server"]["status"] for _ in range(2)]
    assert seen == ["UNKNOWN", "ACTIVE"]


def test_a_killed_host_gets_down_does_nothing_more_and_comes_back(lab, injected):
    """A host killed in the middle of a boot leaves the server as it is, until it is started."""
    injected({"compute3": {"spawn": {"delay": 600}}})
    server = lab.boot("unfinished", "compute3", wait=False)

    def now():
        return get_from_nova(lab, f"/servers/{server['id']}")["server"]

    wait_for("the host boots it", lambda: now()["OS-EXT-STS:task_state"] == "spawning")
    lab.kill_host("compute3")
    wait_for("compute3 is down", lambda: state_of_service(lab, "compute3") == "down")
    assert (now()["status"], now()["OS-EXT-STS:task_state"]) == ("BUILD", "spawning")
    with pytest.raises(LabError, match="compute3 is not running"):
        lab.kill_host("compute3")
    lab.start_host("compute3")
    assert state_of_service(lab, "compute3") == "up"
    assert now()["status"] == "ERROR"  # what a real nova-compute does with it when it starts


def test_evacuations_are_listed_by_their_source(lab):
    """A server evacuated from a dead host has one record, and no other host has any."""
    server = lab.boot("moved", "compute3")
    lab.kill_host("compute3")
    nova = requests.Session()
    nova.headers.update(
        {
            "X-Auth-Token": log_in(lab).headers["X-Subject-Token"],
            "OpenStack-API-Version": "compute 2.79",
        }
    )
    with nova:
        path = "/os-services?binary=nova-compute&host=compute3"
        service = nova.get(lab.nova_url + path, timeout=60).json()["services"][0]
        nova.put(
            f"{lab.nova_url}/os-services/{service['id']}", json={"forced_down": True}, timeout=60
        ).raise_for_status()
        nova.post(
            f"{lab.nova_url}/servers/{server['id']}/action", json={"evacuate": {}}, timeout=60
        ).raise_for_status()
    wait_for(
        "the evacuation is done",
        lambda: [m["status"] for m in lab.migrations("compute3")] == ["done"],
    )
    assert lab.migrations("compute3")[0]["instance_uuid"] == server["id"]
    assert lab.migrations("compute1") == []


def test_an_execution_goes_on_after_mistral_was_killed_and_started_again(lab):
    """A SIGKILL in the middle of a polling task does not end its workflow."""
    requests.post(
        f"{lab.mistral_url}/workflows",
        data=POLL,
        headers={"Content-Type": "text/plain"},
        timeout=60,
    ).raise_for_status()
    body = {"workflow_name": "poll_for_a_while"}
    execution = requests.post(f"{lab.mistral_url}/executions", json=body, timeout=60).json()
    url = f"{lab.mistral_url}/executions/{execution['id']}"
    wait_for(
        "the task waits for its next try",
        lambda: "DELAYED" in requests.get(f"{url}/tasks", timeout=60).text,
    )
    lab.kill_mistral()
    assert [row["running"] for row in lab.status()] == [True, False]
    lab.start_mistral()
    wait_for(
        "the execution has ended",
        lambda: requests.get(url, timeout=60).json()["state"] == "SUCCESS",
    )


@pytest.mark.parametrize(
    "command",
    [
        ("mistral", "workbook-list"),
        ("openstack", "workbook", "list"),
        ("openstack", "server", "list", "--all-projects"),
    ],
    ids=" ".join,
)
def test_clients_work_with_the_printed_environment(lab, command):
    """The environment of the lab is all that ``mistral`` and ``openstack`` need."""
    ended = run(lab, *command)
    assert ended.returncode == 0, ended.stderr


def test_identity_answers_as_keystone_does(lab):
    """Good and bad passwords and tokens get the status codes of Keystone."""
    assert log_in(lab, password="wrong").status_code == 401
    answer = log_in(lab)
    assert answer.status_code == 201
    token = answer.headers["X-Subject-Token"]
    url = f"{lab.identity_url}/auth/tokens"

    def look(caller, subject):
        headers = {"X-Auth-Token": caller, "X-Subject-Token": subject}
        return requests.get(url, headers=headers, timeout=30)

    assert look(token, token).json()["token"]["user"]["name"] == "admin"
    assert look("unknown", token).status_code == 401
    assert look(token, "unknown").status_code == 404
    body = {
        "auth": {
            "identity": {"methods": ["token"], "token": {"id": token}},
            "scope": {"project": {"name": "demo", "domain": {"id": "default"}}},
        }
    }
    again = requests.post(url, json=body, timeout=30)
    assert again.status_code == 201
    assert again.json()["token"]["project"]["name"] == "demo"


@pytest.mark.parametrize(("token", "status"), [("unknown", 401), (None, 401), ("demo", 403)])
def test_nova_refuses_who_may_not(lab, token, status):
    """Nova wants a token that is known, and the right role for what only operators may see."""
    if token == "demo":
        token = log_in(lab, "lab-demo").headers["X-Subject-Token"]
    headers = {"X-Auth-Token": token} if token else {}
    answer = requests.get(f"{lab.nova_url}/os-services", headers=headers, timeout=30)
    assert answer.status_code == status


def test_the_command_line_knows_a_lab_by_its_state_directory(lab):
    """``status`` and ``env`` work for a lab that another process started."""
    state = ("--state", str(lab.state))
    status = lab_command("status", *state)
    assert status.returncode == 0
    assert re.findall(r"^(\w+) +running", status.stdout, re.M) == ["nova", "mistral"]
    printed = lab_command("env", *state).stdout.splitlines()
    assert printed == [f"export {name}={value}" for name, value in lab.env.items()]
    assert lab_command("faults", "{}", *state).returncode == 0


def test_the_command_line_says_in_one_line_what_is_wrong(tmp_path):
    """An error is one sentence and exit status 1, not a traceback."""
    ended = lab_command("down", "--state", str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == f"lab: no lab was started in {tmp_path}\n"


def test_passwords_are_in_one_private_file_only(lab):
    """No log and no other file shows a password; the one that has them is private."""
    clouds = lab.state / "clouds.yaml"
    assert clouds.stat().st_mode & 0o777 == 0o600
    passwords = [auth_of(lab, cloud)["password"].encode() for cloud in ("lab", "lab-demo")]
    files = [path for path in lab.state.rglob("*") if path.is_file() and path != clouds]
    assert files
    assert not [path for path in files if any(p in path.read_bytes() for p in passwords)]
    known = json.loads((lab.state / "lab.json").read_text())
    assert known["ports"] == lab.ports


def test_sigterm_ends_mistral_with_status_zero(lab):
    """Mistral stops by itself when it is asked to. The last test: it leaves Mistral stopped."""
    assert lab.stop_mistral() == 0
    assert [row["running"] for row in lab.status()] == [True, False]
