"""A failed nova-compute is disabled and nothing else is touched, on real services."""

import json
import subprocess

from tests.functional.support import Cloud
from tests.programs import BIN

RECOVER = "recovery.process.recover"


def recover(cloud: Cloud, host: str, **given: object):
    return cloud.end_of(cloud.start(RECOVER, host=host, **given))


def openstack(cloud: Cloud, *arguments: str) -> subprocess.CompletedProcess:
    """Run a command as an operator does."""
    command = [str(BIN / "openstack"), "recovery", *arguments]
    return subprocess.run(
        [*command, "-f", "json"], env=cloud.lab.env, capture_output=True, text=True, check=False
    )


def test_a_dead_nova_compute_that_nova_shows_up_is_disabled(cloud: Cloud) -> None:
    """Nova itself waits for an answer of the dead process; the recovery does not."""
    server = cloud.lab.boot("goes-on", "compute1")
    cloud.lab.kill_host("compute1", noticed=False)
    assert cloud.service("compute1")["state"] == "up"

    ended = recover(cloud, "compute1", process="nova-compute", disable_reason='"it leaks"')

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    service = cloud.service("compute1")
    assert (service["status"], service["disabled_reason"]) == ("disabled", "it leaks")
    assert service["forced_down"] is False
    assert cloud.where(server) == ("ACTIVE", "compute1")
    assert cloud.evacuations("compute1") == {}


def test_a_service_that_is_disabled_already_keeps_its_reason(cloud: Cloud) -> None:
    cloud.update_service("compute2", status="disabled", disabled_reason="repair")

    ended = recover(cloud, "compute2")

    assert (ended.state, ended.report["state"]) == ("SUCCESS", "SKIPPED")
    assert ended.reason == "ALREADY_DISABLED"
    assert cloud.service("compute2")["disabled_reason"] == "repair"


def test_another_process_and_a_dry_run_change_nothing(cloud: Cloud) -> None:
    other = recover(cloud, "compute3", process="libvirtd")
    dry = recover(cloud, "compute3", dry_run='"True"')
    unknown = recover(cloud, "compute99")

    assert (other.report["state"], other.reason) == ("SKIPPED", "NOT_NOVA_COMPUTE")
    assert dry.reason == "DRY_RUN"
    assert (unknown.state, unknown.reason) == ("ERROR", "UNKNOWN_HOST")
    assert cloud.service("compute3")["status"] == "enabled"


def test_the_commands_start_wait_and_tell(cloud: Cloud) -> None:
    server = cloud.lab.boot("by-command", "compute4", metadata={"HA_Enabled": "True"})

    process = openstack(cloud, "process", "compute4", "nova-compute", "--wait")
    instance = openstack(cloud, "instance", "by-command", "--wait")

    assert process.returncode == 0, process.stderr
    assert "SUCCEEDED (RECOVERED): nova-compute on compute4 is disabled" in process.stderr
    assert instance.returncode == 0, instance.stderr
    (row,) = json.loads(instance.stdout)
    assert (row["ID"], row["State"], row["Reason"]) == (server["id"], "RECOVERED", "RESTARTED")
