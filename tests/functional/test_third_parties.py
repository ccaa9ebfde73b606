"""Tasks of others: a package installed beside Mistral, mail, and an operator's web service.

The package is the one in examples/, installed by pip; mail server and web service record what
arrives.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from lab import Lab
from tests.functional.services import MailServer, WebServer
from tests.functional.support import Cloud, Ended, wait_for
from tests.programs import BIN

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OPENSTACK = BIN / "openstack"

WORKBOOK = """
version: '2.0'
name: third_parties
workflows:
  confirm:
    input: [servers, report]
    output:
      result: <% task(confirm).result %>
    output-on-error:
      result: <% task(confirm).result %>
    tasks:
      confirm:
        action: night_watch.confirm_servers
        input:
          servers: <% $.servers %>
          report: <% $.report %>
  tell:
    tasks:
      mail:
        action: std.email
        input:
          smtp_server: <% recovery_settings().smtp_server %>
          from_addr: <% recovery_settings().alert_from %>
          to_addrs: <% recovery_settings().alert_to %>
          subject: Größe
          body: |
            one
            .
            two
        on-success:
          - update
      update:
        action: std.http
        input:
          method: PUT
          url: <% recovery_settings().billing_url %>
          headers:
            Authorization: <% recovery_settings().billing_authorization %>
          json:
            host: compute1
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, installed by pip without the network and without a trace in examples."""
    directory = tmp_path_factory.mktemp("package")
    source = shutil.copytree(
        EXAMPLES / "third_party_tasks",
        directory / "source",
        ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"),
    )
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps"]
    options = ["--no-build-isolation", "--target", directory / "installed"]
    subprocess.run([*pip, *options, source], check=True, timeout=300)
    return directory / "installed"


@pytest.fixture(scope="module")
def cloud(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A lab whose Mistral has the package, with its option set, and the workbook from above."""
    lab = Lab(
        tmp_path_factory.mktemp("lab"),
        hosts=tuple(f"compute{n}" for n in range(1, 9)),
        mistral_options={"night_watch": {"tolerated_servers": 1}},
        plugins=[package],
    )
    lab.up()
    try:
        subprocess.run([OPENSTACK, "recovery", "sync"], env=lab.env, check=True)
        answer = requests.post(f"{lab.mistral_url}/workbooks", data=WORKBOOK.encode(), timeout=60)
        answer.raise_for_status()
        yield Cloud(lab)
    finally:
        lab.down()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def addresses(cloud: Cloud, mail: MailServer, web: WebServer) -> Iterator[None]:
    """The example's Mistral environment, with the addresses of the two servers."""
    url = f"{cloud.lab.mistral_url}/environments"
    variables = yaml.safe_load(example("environment.yaml").read_text())["variables"]
    variables |= {"smtp_server": mail.address, "billing_url": f"{web.url}/v1/moves"}
    body = {"name": "recovery", "variables": json.dumps(variables)}
    requests.post(url, json=body, timeout=60).raise_for_status()
    yield
    requests.delete(f"{url}/recovery", timeout=60).raise_for_status()


def openstack(cloud: Cloud, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [OPENSTACK, *command],
        env={**cloud.lab.env, "PYTHONWARNINGS": "ignore"},
        text=True,
        capture_output=True,
        check=False,
    )


def apply(cloud: Cloud, file: Path) -> None:
    """Install an operator's file, as an operator does."""
    done = openstack(cloud, "recovery", "methods", "apply", str(file))
    assert done.returncode == 0, done.stderr


def example(name: str) -> Path:
    return EXAMPLES / "recovery_methods" / name


def methods(name: str) -> Path:
    return example(name) / "recovery-methods.yaml"


def subjects(mail: MailServer, count: int) -> list[str]:
    """Return the subjects of the mails as soon as there are so many: `finally` runs afterwards."""
    wait_for(f"{count} mails are there", lambda: len(mail.mails) >= count)
    return [got.subject for got in mail.mails]


def moved(cloud: Cloud, server: dict, host: str) -> bool:
    """Whether a server is up on another host, after exactly one evacuation."""
    status, now = cloud.where(server)
    return status == "ACTIVE" and now != host and cloud.evacuations(host)[server["id"]] == ["done"]


def tasks_of(cloud: Cloud, ended: Ended) -> dict[str, str]:
    """Return the tasks of the chain that a recovery ran, with their states."""
    api = cloud.lab.mistral_url
    found = requests.get(f"{api}/executions?root_execution_id={ended.id}", timeout=60).json()
    (chain,) = [
        execution["id"]
        for execution in found["executions"]
        if execution["workflow_name"].startswith("recovery.methods.")
    ]
    tasks = requests.get(f"{api}/tasks?workflow_execution_id={chain}", timeout=60).json()["tasks"]
    return {task["name"]: task["state"] for task in tasks}


def report_of(**states: str) -> dict:
    """Return as much of a report as the package reads: the state of each server."""
    return {"details": {"servers": [{"id": id_, "state": states[id_]} for id_ in states]}}


# ---- the package in Mistral


def test_an_installed_package_adds_its_action_to_mistral(cloud: Cloud) -> None:
    shown = openstack(
        cloud, "action", "definition", "show", "night_watch.confirm_servers", "-f", "json"
    )

    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert found["Name"] == "night_watch.confirm_servers"
    assert found["Input"] == "servers, report"
    assert found["Description"].startswith("Confirm that the servers of a recovery are up")


def test_the_option_of_the_package_is_read_from_mistral_conf(cloud: Cloud) -> None:
    """By default no server may be missing; this Mistral's configuration tolerates one."""
    servers = [{"id": "a", "name": "app1"}, {"id": "b", "name": "app2"}]
    one = cloud.start("third_parties.confirm", servers=servers, report=report_of(a="MOVED"))
    none = cloud.start("third_parties.confirm", servers=servers, report=report_of(a="FAILED"))

    enough, too_few = cloud.end_of(one), cloud.end_of(none)

    assert enough.state == "SUCCESS", enough.state_info
    assert enough.output["result"] == {"servers": 2, "missing": ["app2"], "tolerated": 1}
    assert too_few.state == "ERROR"
    assert too_few.output["result"]["reason"] == "SERVERS_MISSING"
    assert too_few.output["result"]["message"] == (
        "2 of 2 servers are not up, and 1 are tolerated: app1, app2."
    )


@pytest.mark.usefixtures("addresses")
def test_mail_and_requests_reach_the_addresses_of_the_environment(
    cloud: Cloud, mail: MailServer, web: WebServer
) -> None:
    ended = cloud.end_of(cloud.start("third_parties.tell"))

    assert ended.state == "SUCCESS", ended.state_info
    (got,) = mail.mails
    assert (got.sender, got.recipients) == ("recovery@example.org", ["night@example.org"])
    assert (got.subject, got.text) == ("Größe", "one\n.\ntwo")
    (request,) = web.requests
    assert (request.method, request.path, request.body) == (
        "PUT", "/v1/moves", {"host": "compute1"},
    )
    assert request.headers["Authorization"] == "Bearer change-me"
    assert "change-me" not in cloud.lab.mistral.log.read_text()


@pytest.mark.usefixtures("addresses")
@pytest.mark.parametrize("broken", ["mail", "web"])
def test_a_service_that_refuses_fails_the_task(
    cloud: Cloud, mail: MailServer, web: WebServer, broken: str
) -> None:
    mail.refusal = "451 try later" if broken == "mail" else ""
    web.answers = [503]

    ended = cloud.end_of(cloud.start("third_parties.tell"))

    assert ended.state == "ERROR"
    assert ("451" if broken == "mail" else "503") in ended.state_info
    assert len(web.requests) == (0 if broken == "mail" else 1)
    assert len(mail.mails) == (0 if broken == "mail" else 1)


# ---- the chains that operators ask for


@pytest.mark.usefixtures("addresses")
def test_alert_recover_update_the_billing_confirm_alert(
    cloud: Cloud, mail: MailServer, web: WebServer
) -> None:
    servers = cloud.lab.boot_many(2, "compute1", "billed")
    apply(cloud, methods("billing"))
    cloud.kill("compute1")

    ended = cloud.recover("compute1")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert all(moved(cloud, server, "compute1") for server in servers)
    assert subjects(mail, 2) == ["Recovery: NOT_ENDED", "Recovery: RECOVERED"]
    assert mail.mails[-1].text == ended.report["message"]
    (request,) = web.requests
    assert (request.method, request.body["host"]) == ("PUT", "compute1")
    assert {line["id"]: line["host"] for line in request.body["servers"]} == {
        server["id"]: cloud.where(server)[1] for server in servers
    }
    assert request.headers["Authorization"] == "Bearer change-me"
    tasks = tasks_of(cloud, ended)
    assert set(tasks.values()) == {"SUCCESS"}
    assert tasks.keys() - {"start_finally"} == {
        "alert",
        "disable_compute_service_task",
        "prepare_HA_enabled_instances_task",
        "evacuate_instances_task",
        "billing",
        "confirm",
    }


@pytest.mark.usefixtures("addresses")
def test_a_billing_that_refuses_is_reported_and_moves_no_server_again(
    cloud: Cloud, mail: MailServer, web: WebServer, tmp_path: Path
) -> None:
    """After the tries that the file gives it; the other method, auto_priority's, stays unused."""
    quick = tmp_path / "recovery-methods.yaml"
    quick.write_text(methods("billing").read_text().replace("delay: 10", "delay: 1"))
    server = cloud.lab.boot("unbilled", "compute2")
    apply(cloud, quick)
    web.answers = [503] * 10
    cloud.kill("compute2")

    ended = cloud.recover("compute2", method="auto_priority", reserved_hosts="compute8")

    assert ended.state == "ERROR"
    assert "billing" in ended.report["message"]
    assert moved(cloud, server, "compute2")
    assert [request.answered for request in web.requests] == [503] * 4
    assert len({request.path for request in web.requests}) == 1
    assert subjects(mail, 2)[-1] == f"Recovery: {ended.reason}"
    assert "confirm" not in tasks_of(cloud, ended)


@pytest.mark.usefixtures("addresses")
def test_a_mail_server_that_refuses_does_not_stop_a_recovery(
    cloud: Cloud, mail: MailServer, web: WebServer
) -> None:
    server = cloud.lab.boot("silent", "compute3")
    apply(cloud, methods("billing"))
    mail.refusal = "451 try later"
    cloud.kill("compute3")

    ended = cloud.recover("compute3")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert moved(cloud, server, "compute3")
    assert len(web.requests) == 1
    assert tasks_of(cloud, ended)["alert"] == "ERROR"
    assert "alert" in ended.report["message"]


@pytest.mark.usefixtures("addresses")
def test_without_billing_each_kind_of_failure_is_recovered_between_two_alerts(
    cloud: Cloud, mail: MailServer, web: WebServer
) -> None:
    failed = cloud.lab.boot("guest", "compute5", metadata={"HA_Enabled": "True"})
    server = cloud.lab.boot("reserved", "compute4")
    apply(cloud, methods("without_billing"))

    def run(workflow: str, **given: object) -> Ended:
        mail.mails.clear()
        ended = cloud.end_of(cloud.start(workflow, **given))
        assert ended.state == "SUCCESS", ended.state_info
        assert subjects(mail, 2) == ["Recovery: NOT_ENDED", f"Recovery: {ended.reason}"]
        return ended

    run("recovery.instance.recover", server=failed["id"])
    run("recovery.process.recover", host="compute7", process="nova-compute")
    cloud.kill("compute4")
    evacuated = run(
        "recovery.host.recover",
        host="compute4",
        method="reserved_host",
        reserved_hosts="compute6",
    )

    assert cloud.where(failed) == ("ACTIVE", "compute5")
    assert cloud.service("compute7")["status"] == "disabled"
    assert cloud.where(server) == ("ACTIVE", "compute6")
    assert tasks_of(cloud, evacuated)["confirm"] == "SUCCESS"
    assert web.requests == []


@pytest.mark.usefixtures("addresses")
def test_alert_only_tells_somebody_and_changes_nothing(
    cloud: Cloud, mail: MailServer, web: WebServer
) -> None:
    server = cloud.lab.boot("left-alone", "compute5")
    apply(cloud, methods("alert_only"))
    cloud.kill("compute5")
    before = cloud.service("compute5")

    ended = cloud.recover("compute5")

    assert (ended.state, ended.reason) == ("SUCCESS", "CARRIED_OUT"), ended.state_info
    assert subjects(mail, 1) == ["Failure: nothing was done, please decide"]
    assert "compute5" in mail.mails[0].text
    assert cloud.where(server)[1] == "compute5"
    assert server["id"] not in cloud.evacuations("compute5")
    assert cloud.service("compute5") == before
    assert web.requests == []
