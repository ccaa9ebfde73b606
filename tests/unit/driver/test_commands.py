"""The ``openstack recovery`` commands, run as openstack runs them but without a cloud."""

import io
import json
import types

import pytest
from cliff.commandmanager import CommandManager
from keystoneauth1 import session

from driver import osc_plugin
from driver.commands.executions import ListRecoveries, ShowRecovery
from driver.commands.host import RecoverHost
from driver.commands.instance import RecoverInstance
from driver.commands.process import RecoverProcess
from driver.commands.sync import Sync
from driver.errors import DriverError, WorkflowMissingError
from driver.recoveries import progress
from driver.workbooks.files import InvalidWorkbooksError
from tests.unit.driver.fake_mistral import Clock, FakeApi, Response, fake_mistral

MOVED = {
    "id": "1",
    "name": "web",
    "from": "compute1",
    "to": "compute2",
    "was": "active",
    "state": "MOVED",
    "reason": "EVACUATED",
    "message": "",
}
ODD_NAMES = ('"web"', "'web'", "None", "null", "123", "-5", "a=b", "a b", "{", "<% $.x %>")
DONE = {"state": "SUCCEEDED", "reason": "RECOVERED", "message": "1 server was moved"}
FAILED = {"state": "FAILED", "reason": "HOST_UP", "message": "host compute1 is up"}


@pytest.fixture
def api():
    api = FakeApi()
    for number, subject in enumerate(("host", "instance", "process")):
        workflow = {"id": str(number), "name": f"recovery.{subject}.recover", "input": ""}
        api.data["workflows"].append(workflow)
    return api


@pytest.fixture
def clock(monkeypatch):
    """Waiting takes no time; what happens meanwhile is in the plan."""
    clock = Clock()
    real = progress.wait

    def wait(mistral, execution_id, reporter, timeout=None):
        return real(mistral, execution_id, reporter, timeout, clock.sleep, clock)

    monkeypatch.setattr("driver.commands.base.wait", wait)
    return clock


class Console:
    """Runs commands against one Mistral and keeps what they write."""

    def __init__(self, api):
        self.stdout, self.stderr = io.StringIO(), io.StringIO()
        clients = types.SimpleNamespace(recovery=fake_mistral(api))
        self.app = types.SimpleNamespace(
            stdout=self.stdout, stderr=self.stderr, client_manager=clients
        )

    def run(self, kind, *arguments):
        command = kind(self.app, None)
        return command.run(command.get_parser("openstack").parse_args(arguments))

    @property
    def json(self):
        return json.loads(self.stdout.getvalue())


@pytest.fixture
def console(api):
    return Console(api)


def newest(api):
    return api.data["executions"][-1]["id"]


def test_every_command_of_the_metadata_can_be_loaded():
    found = CommandManager(f"openstack.{osc_plugin.API_NAME}.v{osc_plugin.DEFAULT_API_VERSION}")
    names = ("sync", "host", "instance", "process", "list", "show")
    kinds = [found.find_command(["recovery", name])[0] for name in names]
    starters = [RecoverHost, RecoverInstance, RecoverProcess]
    assert kinds == [Sync, *starters, ListRecoveries, ShowRecovery]


def test_only_what_the_person_gave_is_sent(api, console):
    assert console.run(RecoverHost, "compute1") == 0
    assert json.loads(api.data["executions"][0]["input"]) == {"host": "compute1"}


def test_every_option_becomes_an_input_of_the_workflow(api, console):
    options = [
        *("compute1", "--method", "rh_priority", "--only-ha", "--ignore-error-servers"),
        *("--reserved-host", "spare1", "--reserved-host", "spare2"),
        *("--concurrency", "5", "--evacuation-timeout", "600"),
    ]
    assert console.run(RecoverHost, *options) == 0
    assert json.loads(api.data["executions"][0]["input"]) == {
        "host": "compute1",
        "method": "rh_priority",
        "reserved_hosts": "spare1,spare2",
        "evacuate_all": False,
        "ignore_error_servers": True,
        "concurrency": 5,
        "evacuation_timeout": 600,
    }


@pytest.mark.parametrize(
    ("command", "arguments", "inputs"),
    [
        (RecoverInstance, ["web"], {"server": "web"}),
        (
            RecoverInstance,
            ["web", "--all", "--stop-timeout", "9", "--start-timeout", "8"],
            {
                "server": "web",
                "process_all_instances": True,
                "stop_timeout": 9,
                "start_timeout": 8,
            },
        ),
        (RecoverInstance, ["--", "-web"], {"server": "-web"}),
        *[(RecoverInstance, [name], {"server": name}) for name in ODD_NAMES],
        (RecoverHost, ["c1", "--method", "RH_Priority"], {"host": "c1", "method": "rh_priority"}),
        (RecoverProcess, ["c1", "nova-compute"], {"host": "c1", "process": "nova-compute"}),
        (
            RecoverProcess,
            ["c1", "libvirtd", "--disable-reason", "it leaks"],
            {"host": "c1", "process": "libvirtd", "disable_reason": "it leaks"},
        ),
    ],
)
def test_a_server_and_a_process_are_recovered_with_what_the_person_gave(
    api, console, command, arguments, inputs
):
    assert console.run(command, *arguments) == 0
    assert json.loads(api.data["executions"][0]["input"]) == inputs


@pytest.mark.parametrize("command", [RecoverInstance, RecoverProcess])
def test_a_dry_run_is_waited_for(api, console, clock, command):
    arguments = ["web"] if command is RecoverInstance else ["compute1", "nova-compute"]
    clock.plan = [lambda: api.end(newest(api), state="SUCCEEDED", reason="DRY_RUN", message="no")]
    assert console.run(command, *arguments, "--dry-run", "-f", "json") == 0
    assert json.loads(api.data["executions"][0]["input"])["dry_run"] is True
    assert "SUCCEEDED (DRY_RUN): no\n" in console.stderr.getvalue()


def test_the_recovery_of_a_server_is_listed_with_the_server_and_when_known_its_host(api, console):
    api.execution("e1", "recovery.instance.recover", server="web")
    api.execution("e2", "recovery.instance.recover", server="db")
    api.end("e1", **DONE, details={"host": "compute1", "servers": []})
    console.run(ListRecoveries, "-f", "json")
    assert [(row["Host"], row["Server"]) for row in console.json] == [
        ("", "db"),
        ("compute1", "web"),
    ]


def test_without_wait_the_execution_is_printed(api, console):
    assert console.run(RecoverHost, "compute1", "-f", "json") == 0
    assert console.json == [
        {
            "ID": newest(api),
            "Workflow": "recovery.host.recover",
            "Host": "compute1",
            "Server": "",
            "State": "RUNNING",
            "Created At": "2026-01-31 12:00:00",
        }
    ]


@pytest.mark.parametrize("option", ["--wait", "--dry-run"])
def test_waiting_ends_with_the_servers_and_success(api, console, clock, option):
    clock.plan = [lambda: api.end(newest(api), **DONE, details={"servers": [MOVED]})]
    assert console.run(RecoverHost, "compute1", option, "-f", "json") == 0
    assert console.json == [
        {
            "Name": "web",
            "ID": "1",
            "From": "compute1",
            "To": "compute2",
            "State": "MOVED",
            "Reason": "EVACUATED",
        }
    ]
    assert "SUCCEEDED (RECOVERED): 1 server was moved\n" in console.stderr.getvalue()


def test_a_recovery_with_nothing_to_do_is_a_success(api, console, clock):
    clock.plan = [lambda: api.end(newest(api), state="SKIPPED", reason="NOTHING_TO_RECOVER")]
    assert console.run(RecoverHost, "compute1", "--wait") == 0


@pytest.mark.parametrize("ended", ["ERROR", "CANCELLED"])
def test_the_exit_status_of_a_recovery_that_failed_is_1(api, console, clock, ended):
    servers = [{**MOVED, "state": "FAILED", "reason": "NO_VALID_HOST", "to": None}]
    end = lambda: api.end(newest(api), ended, **FAILED, details={"servers": servers})  # noqa: E731
    clock.plan = [end]
    assert console.run(RecoverHost, "compute1", "--wait") == 1
    assert "NO_VALID_HOST" in console.stdout.getvalue()
    assert "(HOST_UP): host compute1 is up\n" in console.stderr.getvalue()


def test_progress_goes_to_the_error_stream(api, console, clock):
    def count():
        api.task("t1", newest(api), "evacuate_servers")
        api.counted("t1", done=1, total=2)

    wait_for_it = [lambda: None] * 3
    clock.plan = [count, *wait_for_it, lambda: api.end(newest(api), **DONE)]
    assert console.run(RecoverHost, "compute1", "--wait", "-f", "json") == 0
    assert "evacuate_servers: 1 done, 0 running, 0 failed of 2" in console.stderr.getvalue()
    assert console.json == []


def test_ctrl_c_leaves_the_recovery_alone_and_says_how_to_watch_it_again(api, console, clock):
    def interrupt():
        raise KeyboardInterrupt

    clock.plan = [interrupt]
    assert console.run(RecoverHost, "compute1", "--wait") == 130
    again = f"`openstack recovery show {newest(api)} --wait`"
    assert console.stderr.getvalue().endswith(f"{again}\n")
    assert "goes on" in console.stderr.getvalue()
    assert api.data["executions"][0]["state"] == "RUNNING"
    assert console.stdout.getvalue() == ""


def test_a_timeout_is_an_error_that_says_the_recovery_goes_on(api, console, clock):
    with pytest.raises(DriverError, match="still running after 3 s; the recovery goes on"):
        console.run(RecoverHost, "compute1", "--wait", "--timeout", "3")
    assert api.data["executions"][0]["state"] == "RUNNING"


def test_a_recovery_cannot_be_started_before_the_workbooks_are_installed(api, console):
    api.data["workflows"].clear()
    with pytest.raises(WorkflowMissingError, match="run `openstack recovery sync`"):
        console.run(RecoverHost, "compute1")
    assert api.data["executions"] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--method", "magic"], "invalid choice: 'magic'"),
        (["--concurrency", "0"], "'0' is not a whole number above 0"),
        (["--concurrency", "1.5"], "'1.5' is not a whole number above 0"),
        (["--evacuation-timeout", "-5"], "'-5' is not a whole number above 0"),
        (["--timeout", "soon"], "'soon' is not a number above 0"),
        (["--timeout", "nan"], "'nan' is not a number above 0"),
    ],
)
def test_malformed_options_are_refused_before_anything_is_asked(
    api, console, capsys, arguments, sentence
):
    with pytest.raises(SystemExit) as caught:
        console.run(RecoverHost, "compute1", *arguments)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err
    assert api.requests == []


def some_recoveries(api):
    for number, host in enumerate(["compute1", "compute2", "compute1", "compute3"]):
        api.execution(f"e{number}", host=host)
    api.end("e0", **DONE)
    api.end("e1", "ERROR", **FAILED)
    api.end("e3", state="SKIPPED", reason="NOTHING_TO_RECOVER")
    api.execution("sub", "recovery.evacuation.to_reserved_hosts", "e0", "t1", host="compute1")
    api.execution("other", "my.recovery.flow", host="compute1")
    api.execution("entry", "recovery.host.evacuate_host", host_name="compute4")


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ([], ["entry", "e3", "e2", "e1", "e0"]),
        (["--host", "compute1"], ["e2", "e0"]),
        (["--host", "compute4"], ["entry"]),
        (["--state", "failed"], ["e1"]),
        (["--state", "SUCCEEDED"], ["e0"]),
        (["--state", "SKIPPED"], ["e3"]),
        (["--limit", "2"], ["entry", "e3"]),
        (["--state", "RUNNING", "--host", "compute1", "--limit", "1"], ["e2"]),
    ],
)
def test_the_list_has_the_packs_own_root_executions_newest_first(api, console, arguments, ids):
    some_recoveries(api)
    assert console.run(ListRecoveries, *arguments, "-f", "json") == 0
    assert [row["ID"] for row in console.json] == ids


def test_a_host_that_was_given_by_its_hypervisor_is_listed_by_its_name(api, console):
    api.execution("e1", "recovery.process.recover", host="compute1.example.org")
    api.end("e1", state="SUCCEEDED", reason="RECOVERED", details={"host": "compute1"})
    console.run(ListRecoveries, "--host", "compute1", "-f", "json")
    assert [(row["ID"], row["Host"]) for row in console.json] == [("e1", "compute1")]


def test_the_list_tells_state_and_reason(api, console):
    some_recoveries(api)
    console.run(ListRecoveries, "--host", "compute2", "-f", "json")
    assert console.json == [
        {
            "ID": "e1",
            "Workflow": "recovery.host.recover",
            "Host": "compute2",
            "Server": "",
            "State": "FAILED",
            "Reason": "HOST_UP",
            "Created At": "2026-01-31 12:00:01",
        }
    ]


def test_a_list_goes_on_over_pages_until_there_are_enough(api, console):
    for number in range(130):
        api.execution(f"e{number}", host=f"compute{number}")
    console.run(ListRecoveries, "--host", "compute5", "-f", "json")
    assert [row["ID"] for row in console.json] == ["e5"]


def test_show_of_an_ended_recovery_has_servers_and_tasks(api, console):
    api.execution("e1", host="compute1")
    api.end("e1", **DONE, details={"servers": [MOVED]})
    times = {"started_at": "2026-01-31 12:00:00", "finished_at": "2026-01-31 12:00:09"}
    api.task("t1", "e1", "evacuate_servers", state="SUCCESS", **times)
    assert console.run(ShowRecovery, "e1", "-f", "json") == 0
    assert console.json == {
        "id": "e1",
        "workflow": "recovery.host.recover",
        "host": "compute1",
        "server": "",
        "state": "SUCCEEDED",
        "reason": "RECOVERED",
        "message": "1 server was moved",
        "created_at": "2026-01-31 12:00:00",
        "updated_at": "2026-01-31 12:05:00",
        "servers": [MOVED],
        "tasks": [{"name": "evacuate_servers", "state": "SUCCESS", "seconds": 9}],
    }


def test_show_prints_servers_and_tasks_in_aligned_lines(api, console):
    api.execution("e1", host="compute1")
    servers = [MOVED, {**MOVED, "name": "database", "to": None}]
    api.end("e1", **DONE, details={"servers": servers})
    assert console.run(ShowRecovery, "e1") == 0
    lines = [line.strip("| ") for line in console.stdout.getvalue().splitlines()]
    assert "servers    | web       1  compute1  compute2  MOVED  EVACUATED" in lines
    assert "database  1  compute1  -         MOVED  EVACUATED" in [
        line.removeprefix("|").strip() for line in lines
    ]


def test_show_of_a_running_recovery_has_its_counts(api, console):
    api.execution("e1", host="compute1")
    api.task("t1", "e1", "evacuate_servers")
    api.counted("t1", done=1, running=2, total=3)
    assert console.run(ShowRecovery, "e1", "-f", "json") == 0
    assert console.json["progress"]["step"] == "evacuate_servers"
    assert console.json["progress"]["servers"]["running"] == 2
    assert "servers" not in console.json


def test_show_can_wait_and_its_exit_status_tells_the_end(api, console, clock):
    api.execution("e1", host="compute1")
    clock.plan = [lambda: api.end("e1", "ERROR", **FAILED)]
    assert console.run(ShowRecovery, "e1", "--wait", "-f", "json") == 1
    assert console.json["state"] == "FAILED"


def test_show_of_a_failed_recovery_without_waiting_is_no_error(api, console):
    api.execution("e1", host="compute1")
    api.end("e1", "ERROR", **FAILED)
    assert console.run(ShowRecovery, "e1") == 0
    assert "host compute1 is up" in console.stdout.getvalue()


def test_sync_tells_what_it_did_with_each_workbook(api, console, monkeypatch):
    results = iter([{"recovery.host": "created"}])
    monkeypatch.setattr("driver.commands.sync.sync", lambda mistral, books, public: next(results))
    assert console.run(Sync, "-f", "json") == 0
    assert console.json == [{"Workbook": "recovery.host", "Result": "created"}]


def test_sync_of_a_broken_directory_says_what_is_broken(api, console, tmp_path):
    (tmp_path / "recovery.a.yaml").write_text("{")
    with pytest.raises(InvalidWorkbooksError, match=r"recovery\.a\.yaml"):
        console.run(Sync, "--directory", str(tmp_path))
    assert api.requests == []


@pytest.mark.parametrize("override", [None, "http://mistral.example/v2"])
def test_the_client_is_made_for_the_cloud_of_the_connection(override):
    config = types.SimpleNamespace(
        get_interface=lambda service: "internal",
        get_region_name=lambda service: "two",
        get_endpoint=lambda service: override,
    )
    calls = []

    class Session(session.Session):
        def request(self, url, method, endpoint_filter=None, endpoint_override=None, **options):
            calls.append((url, endpoint_filter, endpoint_override))
            return Response(200, {"actions": []})

    connection = types.SimpleNamespace(session=Session(), config=config)
    client = osc_plugin.make_client(types.SimpleNamespace(sdk_connection=connection))
    assert client.actions() == []
    wanted = {"service_type": "workflowv2", "interface": "internal", "region_name": "two"}
    assert calls == [("/actions?fields=name%2Cinput", wanted, override)]
