"""Recoveries that a person starts by the form do what was typed into it."""

from tests.functional.services import WebServer
from tests.functional.support import Cloud
from tests.horizon.browser import Person

# ---- a host


def test_dry_run_means_what_was_typed(admin: Person, cloud: Cloud) -> None:
    typed = {"compute2": "true", "compute7": '"True"', "compute3": "false"}
    servers = {host: cloud.lab.boot(f"on-{host}", host) for host in typed}
    for host in typed:
        cloud.kill(host)
    started = {host: admin.execute("recovery.host.recover", host=host, dry_run=typed[host],
                                   method="reserved_host", reserved_hosts="compute9, compute10")
               for host in typed}
    reasons = {host: cloud.end_of(execution).reason for host, execution in started.items()}
    assert reasons == {"compute2": "DRY_RUN", "compute7": "DRY_RUN", "compute3": "RECOVERED"}
    now = {host: cloud.where(server)[1] for host, server in servers.items()}
    assert now == {"compute2": "compute2", "compute7": "compute7", "compute3": "compute9"}


def test_the_thin_entry_recovers_a_host_too(admin: Person, cloud: Cloud) -> None:
    server = cloud.lab.boot("h4", "compute4")
    cloud.kill("compute4")
    started = admin.execute("recovery.host.evacuate_host", host_name=" compute4 ")
    assert cloud.end_of(started).state == "SUCCESS"
    assert cloud.where(server)[1] != "compute4"


# ---- a server, a process


def test_a_server_is_left_alone_by_default_and_restarted_when_asked(
    admin: Person, cloud: Cloud
) -> None:
    server = cloud.lab.boot("hangs", "compute8")
    started = admin.execute("recovery.instance.recover", server="hangs")
    assert cloud.end_of(started).reason == "NOT_HA"
    assert cloud.done(server) == []
    started = admin.execute("recovery.instance.recover", server="hangs",
                            process_all_instances="yes", stop_timeout='"120"')
    assert cloud.end_of(started).state == "SUCCESS"
    assert cloud.done(server) == ["stop", "start"]


def test_a_compute_service_is_disabled_with_the_reason_that_was_typed(
    admin: Person, cloud: Cloud
) -> None:
    started = admin.execute("recovery.process.recover", host="compute8")
    assert cloud.end_of(started).state == "SUCCESS"
    assert cloud.service("compute8")["status"] == "disabled"
    cloud.update_service("compute8", status="enabled")
    started = admin.execute("recovery.process.recover", host="compute8", disable_reason="on fire")
    assert cloud.end_of(started).state == "SUCCESS"
    assert cloud.service("compute8")["disabled_reason"] == "on fire"
    cloud.update_service("compute8", status="enabled")


# ---- a node


def test_a_server_is_made_ready_for_the_reason_that_was_typed(admin: Person, cloud: Cloud) -> None:
    server = cloud.lab.boot("node-1", "compute8")
    node = server["id"]
    assert admin.open_form("recovery.node.prepare")["reason"] == '"failed"'
    ended = cloud.end_of(admin.execute("recovery.node.prepare", node_id=node))
    assert (ended.state, ended.report["details"]["cluster_id"]) == ("SUCCESS", None)
    assert cloud.server(server)["metadata"]["recovery_reason"] == "failed"
    typed = {"node_id": f" {node} ", "reason": "a fire", "cluster_id": "c1"}
    ended = cloud.end_of(admin.execute("recovery.node.prepare", dry_run="yes", **typed))
    assert (ended.reason, ended.report["details"]["cluster_id"]) == ("DRY_RUN", "c1")
    assert cloud.server(server)["metadata"]["recovery_reason"] == "failed"
    cloud.end_of(admin.execute("recovery.node.prepare", dry_run="no", **typed))
    assert cloud.server(server)["metadata"]["recovery_reason"] == "a fire"


def test_a_server_is_migrated_to_a_host_that_was_typed_or_to_any(
    admin: Person, cloud: Cloud
) -> None:
    anywhere, there, nowhere = (cloud.lab.boot(f"node-{n}", "compute8") for n in (2, 3, 4))
    assert set(admin.open_form("recovery.node.migrate").values()) == {"", '"None"'}
    started = [admin.execute("recovery.node.migrate", node_id=server["id"], **typed)
               for server, typed in ((anywhere, {}),
                                     (there, {"host": '"compute9"', "dry_run": "False"}),
                                     (nowhere, {"host": "compute9", "dry_run": "on"}))]
    ended = [cloud.end_of(execution) for execution in started]
    assert [one.state for one in ended] == ["SUCCESS"] * 3, ended
    assert cloud.where(anywhere)[1] != "compute8"
    assert [cloud.where(server)[1] for server in (there, nowhere)] == ["compute9", "compute8"]


def test_a_server_is_rebuilt_and_those_who_asked_are_told(admin: Person, cloud: Cloud) -> None:
    servers = [cloud.lab.boot(f"node-{n}", "compute8") for n in (5, 6, 7)]
    shown = admin.open_form("recovery.node.rebuild_with_notice")
    assert set(shown.values()) == {"", '"failed"', '"None"'}
    with WebServer() as web:
        started = [admin.execute("recovery.node.rebuild_with_notice", node_id=server["id"],
                                 notify_url=f"{web.url}/{server['name']}", **typed)
                   for server, typed in zip(servers, (
                       {}, {"reason": "a fire", "dry_run": "0"}, {"dry_run": "1"}), strict=True)]
        ended = [cloud.end_of(execution) for execution in started]
    assert [one.state for one in ended] == ["SUCCESS"] * 3, ended
    assert [cloud.done(server) for server in servers] == [["rebuild"], ["rebuild"], []]
    told = sorted((one.path, one.body["event"], one.body["reason"]) for one in web.requests)
    assert told == [("/node-5", "rebuild_begins", "failed"), ("/node-5", "rebuild_ended", "failed"),
                    ("/node-6", "rebuild_begins", "a fire"), ("/node-6", "rebuild_ended", "a fire")]
