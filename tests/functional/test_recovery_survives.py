"""Whatever process dies, every server is evacuated exactly once."""

from tests.functional.support import Cloud, wait_for


def test_mistral_killed_in_the_middle_goes_on_and_moves_every_server_once(cloud: Cloud) -> None:
    servers = cloud.lab.boot_many(8, "compute1", "once")
    cloud.lab.set_faults({"*": {"spawn": {"delay": 2}}})
    cloud.kill("compute1")
    execution = cloud.start(host="compute1", concurrency=2)
    wait_for(
        "two servers are done",
        lambda: sum(s == ["done"] for s in cloud.evacuations("compute1").values()) >= 2,
    )

    cloud.lab.kill_mistral()
    cloud.lab.start_mistral()
    ended = cloud.end_of(execution)

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    records = cloud.evacuations("compute1")
    assert records == {server["id"]: ["done"] for server in servers}
    for server in servers:
        assert cloud.where(server)[0] == "ACTIVE"
        assert not cloud.server(server)["locked"]


def test_a_recovery_cancelled_in_the_middle_is_finished_by_the_next_one(cloud: Cloud) -> None:
    servers = cloud.lab.boot_many(4, "compute2", "cancelled")
    cloud.lab.set_faults({"*": {"spawn": {"delay": 2}}})
    cloud.kill("compute2")
    execution = cloud.start(host="compute2", concurrency=2)
    wait_for("one has started", lambda: cloud.evacuations("compute2"))
    cloud.cancel(execution)
    wait_for(
        "what was started has ended",
        lambda: all(s == ["done"] for s in cloud.evacuations("compute2").values()),
    )

    ended = cloud.recover("compute2")

    assert (ended.state, ended.reason) == ("SUCCESS", "RECOVERED"), ended.state_info
    records = cloud.evacuations("compute2")  # of servers of earlier tests, too
    assert {server["id"] for server in servers} <= records.keys()
    assert all(states == ["done"] for states in records.values())
    assert {server["name"] for server in servers} <= ended.servers.keys()
    assert not any(cloud.server(server)["locked"] for server in servers)


def test_never_more_servers_are_under_way_than_the_window_allows(cloud: Cloud) -> None:
    cloud.lab.boot_many(6, "compute3", "window")
    cloud.lab.set_faults({"*": {"spawn": {"delay": 1}}})
    cloud.kill("compute3")
    execution = cloud.start(host="compute3", concurrency=2)
    most = 0

    def ended() -> bool:
        nonlocal most
        states = [s for found in cloud.evacuations("compute3").values() for s in found]
        most = max(most, sum(state not in ("done", "error", "failed") for state in states))
        return cloud.execution(execution)["state"] != "RUNNING"

    wait_for("the recovery has ended", ended)

    assert most == 2
    assert cloud.end_of(execution).reason == "RECOVERED"
