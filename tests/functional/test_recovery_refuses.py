"""What must not be done is refused before anything is written, on real services."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from mistral_lib.actions import context as mistral_context

from mistral_actions.recovery.hosts import PlanHostRecovery
from tests.functional.support import Cloud, wait_for


def service_without_clock(cloud: Cloud, host: str) -> dict:
    service = cloud.service(host)
    service.pop("updated_at")
    return service


def test_a_host_that_answers_is_left_alone(cloud: Cloud) -> None:
    server = cloud.lab.boot("lives", "compute1")
    before = service_without_clock(cloud, "compute1")

    ended = cloud.recover("compute1")

    assert (ended.state, ended.reason) == ("ERROR", "HOST_UP")
    assert "heartbeat" in ended.state_info
    assert service_without_clock(cloud, "compute1") == before
    assert cloud.where(server) == ("ACTIVE", "compute1")
    assert cloud.evacuations("compute1") == {}


def test_a_host_that_nova_still_shows_up_is_recovered_when_its_heartbeats_stop(
    cloud: Cloud,
) -> None:
    server = cloud.lab.boot("unnoticed", "compute7")
    cloud.lab.kill_host("compute7", noticed=False)
    assert cloud.service("compute7")["state"] == "up"

    ended = cloud.recover(
        "compute7", heartbeat_timeout=5, method="reserved_host", reserved_hosts="compute1"
    )

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(server) == ("ACTIVE", "compute1")


def test_an_empty_host_is_skipped_and_nothing_is_written(cloud: Cloud) -> None:
    cloud.kill("compute2")
    before = service_without_clock(cloud, "compute2")

    ended = cloud.recover("compute2")

    assert (ended.state, ended.report["state"]) == ("SUCCESS", "SKIPPED")
    assert ended.reason == "NOTHING_TO_RECOVER"
    assert service_without_clock(cloud, "compute2") == before


def test_dry_run_names_the_servers_and_writes_nothing(cloud: Cloud) -> None:
    server = cloud.lab.boot("would-move", "compute3")
    cloud.kill("compute3")
    before = service_without_clock(cloud, "compute3")

    ended = cloud.recover("compute3", dry_run='"True"')  # as Horizon sends it

    assert (ended.state, ended.reason) == ("SUCCESS", "DRY_RUN")
    assert ended.servers["would-move"]["state"] == "PENDING"
    assert service_without_clock(cloud, "compute3") == before
    assert cloud.evacuations("compute3") == {}
    assert not cloud.server(server)["locked"]


@pytest.mark.parametrize(
    ("given", "reason", "says"),
    [
        ({"host": "compute99"}, "UNKNOWN_HOST", "did you mean 'compute"),
        ({"host": ""}, "BAD_INPUT", "'host' is missing"),
        ({"host": "a b; c"}, "BAD_INPUT", "the name of one host"),
        ({"host": "compute4", "method": "reservd_host"}, "BAD_INPUT", "mean 'reserved_host"),
        ({"host": "compute4", "reserved_hosts": "compute4"}, "BAD_INPUT", "failed host itself"),
        ({"host": "compute4", "reserved_hosts": "nowhere"}, "UNKNOWN_HOST", "'nowhere'"),
        ({"host": "compute4", "method": "reserved_host"}, "NO_RESERVED_HOST", "at least one"),
        ({"host": "compute4", "dry_run": "perhaps"}, "BAD_INPUT", "true or false"),
        ({"host": "compute4", "concurrency": '"x"'}, "BAD_INPUT", "a whole number from 1"),
        ({"host": "compute4", "evacuation_timeout": -5}, "BAD_INPUT", "'-5'"),
        ({"host": "compute4", "evacuate_all": [1]}, "BAD_INPUT", "'evacuate_all'"),
    ],
)
def test_bad_input_is_refused_with_what_was_given_and_what_is_allowed(
    cloud: Cloud, given: dict, reason: str, says: str
) -> None:
    ended = cloud.end_of(cloud.start(**given))

    assert (ended.state, ended.reason) == ("ERROR", reason)
    assert says in ended.state_info
    assert ended.state_info == ended.report["message"]
    assert cloud.service("compute4")["status"] == "enabled"


def test_the_environment_holds_without_being_named_and_inputs_override_it(cloud: Cloud) -> None:
    with cloud.settings(method="rh_priority", concurrency="many"):
        refused = cloud.end_of(cloud.start(host="compute3", dry_run=True))
        assert refused.reason == "BAD_INPUT"
        assert "'concurrency' in the Mistral environment 'recovery'" in refused.state_info

        ended = cloud.end_of(cloud.start(host="compute3", dry_run=True, concurrency=2))
        assert ended.report["details"]["method"] == "rh_priority"


def test_a_caller_without_the_right_is_told_which_one_is_missing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", cloud.lab.env["OS_CLIENT_CONFIG_FILE"])
    monkeypatch.setenv("OS_CLOUD", "lab-demo")
    nobody = mistral_context.ActionContext(mistral_context.SecurityContext())

    result = PlanHostRecovery("compute4").run(nobody)

    assert result.error["code"] == "FORBIDDEN"
    assert "os_compute_api:os-services" in result.error["message"]


def test_a_second_recovery_of_a_host_is_refused_while_one_runs(cloud: Cloud) -> None:
    server = cloud.lab.boot("busy", "compute5")
    cloud.lab.set_faults({"*": {"spawn": {"delay": 4}}})
    cloud.kill("compute5")
    first = cloud.start(host="compute5")
    wait_for("the first has started an evacuation", lambda: cloud.evacuations("compute5"))

    second = cloud.recover("compute5")

    assert (second.state, second.reason) == ("ERROR", "RECOVERY_RUNNING")
    assert first in second.state_info
    assert cloud.end_of(first).reason == "RECOVERED"
    cloud.lab.set_faults({})
    assert cloud.evacuations("compute5")[server["id"]] == ["done"]


def test_of_two_recoveries_that_start_at_the_same_moment_exactly_one_goes_on(
    cloud: Cloud,
) -> None:
    server = cloud.lab.boot("wanted-twice", "compute8")
    cloud.kill("compute8")

    with ThreadPoolExecutor(2) as pool:
        started = list(pool.map(lambda _: cloud.start(host="compute8"), range(2)))
    reasons = sorted(cloud.end_of(one).reason for one in started)

    assert reasons == ["RECOVERED", "RECOVERY_RUNNING"]
    assert cloud.evacuations("compute8")[server["id"]] == ["done"]


def test_evacuate_host_recovers_with_nothing_but_the_name_of_the_host(cloud: Cloud) -> None:
    server = cloud.lab.boot("vitrage", "compute6")
    cloud.kill("compute6")

    ended = cloud.end_of(cloud.start("recovery.host.evacuate_host", host_name="compute6"))

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    assert cloud.where(server)[0] == "ACTIVE"


def test_no_password_and_no_token_is_in_a_log_or_an_answer(cloud: Cloud) -> None:
    clouds = yaml.safe_load(Path(cloud.lab.env["OS_CLIENT_CONFIG_FILE"]).read_text())["clouds"]
    secrets = {entry["auth"]["password"] for entry in clouds.values() if "auth" in entry}
    secrets.add(cloud.lab.connection().session.get_token())

    failed = cloud.recover("compute99")
    dry = cloud.recover("compute3", dry_run=True)

    told = (cloud.lab.state / "mistral.log").read_text()
    told += json.dumps([failed.output, failed.state_info, dry.output])
    assert "UNKNOWN_HOST" in told
    assert not [secret for secret in secrets if secret in told]
