"""What a caller who is no administrator may do with nodes, and how it is told what it may not."""

import subprocess

import openstack
import pytest
from keystoneauth1 import adapter

from lab import Lab
from lab.stubs import CIRROS
from tests.functional.services import WebServer
from tests.functional.support import Cloud, wait_for
from tests.programs import BIN

NODE = "recovery.node"


class MemberLab(Lab):
    """A lab whose Mistral acts as the member of the project demo."""

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "OS_CLOUD": "lab-demo"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory):
    directory = tmp_path_factory.mktemp("lab")
    policy = directory / "policy.yaml"
    policy.write_text("{}\n")
    lab = MemberLab(
        directory / "state",
        hosts=("compute1", "compute2"),
        nova_options={"oslo_policy": {"policy_file": str(policy)}},
    )
    lab.up()
    try:
        command = str(BIN / "openstack")
        subprocess.run([command, "recovery", "sync"], env=lab.env, check=True)
        cloud = Cloud(lab)
        cloud.policy = policy
        yield cloud
    finally:
        lab.down()


@pytest.fixture(scope="module")
def server(cloud: Cloud):
    """A server in the project of the member."""
    config = openstack.config.OpenStackConfig(
        config_files=[str(cloud.lab.state / "clouds.yaml")], load_envvars=False
    )
    demo = openstack.connection.Connection(config=config.get_one(cloud="lab-demo"))
    body = {"name": "of-demo", "imageRef": CIRROS, "flavorRef": "1", "networks": "none"}
    compute = adapter.Adapter(demo.session, service_type="compute")
    made = compute.post("/servers", json={"server": body}, microversion="2.79").json()
    demo.close()
    one = {"id": made["server"]["id"], "name": "of-demo"}
    wait_for("it is active", lambda: cloud.where(one)[0] == "ACTIVE")
    return one


def run(cloud: Cloud, workflow: str, server: dict, **given: object):
    return cloud.end_of(cloud.start(f"{NODE}.{workflow}", node_id=server["id"], **given))


def test_a_member_prepares_and_rebuilds_its_node(cloud: Cloud, server: dict) -> None:
    prepared = run(cloud, "prepare", server)
    with WebServer() as hook:
        rebuilt = run(cloud, "rebuild_with_notice", server, notify_url=hook.url)

    assert prepared.reason == "PREPARED", prepared.state_info
    assert cloud.server(server)["metadata"]["recovery_execution"] == prepared.id
    assert rebuilt.reason == "REBUILT", rebuilt.state_info
    assert [request.body["event"] for request in hook.requests] == [
        "rebuild_begins",
        "rebuild_ended",
    ]


def test_a_member_that_wants_to_move_a_node_is_told_which_right_is_missing(
    cloud: Cloud, server: dict
) -> None:
    before = cloud.done(server), cloud.where(server)

    ended = run(cloud, "migrate", server, host="compute2")

    assert (ended.state, ended.reason) == ("ERROR", "FORBIDDEN")
    for part in ("os_compute_api:os-services:list", "administrator", "cluster's owner"):
        assert part in ended.state_info
    assert (cloud.done(server), cloud.where(server)) == before


def test_who_may_not_rebuild_is_told_so_before_the_first_notice(
    cloud: Cloud, server: dict
) -> None:
    before = cloud.done(server)
    cloud.policy.write_text('"os_compute_api:servers:rebuild": "role:admin"\n')
    try:
        with WebServer() as hook:
            ended = run(cloud, "rebuild_with_notice", server, notify_url=hook.url)
    finally:
        cloud.policy.write_text("{}\n")

    assert (ended.state, ended.reason) == ("ERROR", "FORBIDDEN")
    for part in ("os_compute_api:servers:rebuild", "role member", "cluster's owner"):
        assert part in ended.state_info
    assert hook.requests == []
    assert cloud.done(server) == before


def test_who_may_not_write_metadata_is_told_so(cloud: Cloud, server: dict) -> None:
    before = cloud.server(server)["metadata"]
    cloud.policy.write_text('"os_compute_api:server-metadata:create": "role:admin"\n')
    try:
        ended = run(cloud, "prepare", server, reason="other")
    finally:
        cloud.policy.write_text("{}\n")

    assert (ended.state, ended.reason) == ("ERROR", "FORBIDDEN")
    assert "os_compute_api:server-metadata:create" in ended.state_info
    assert cloud.server(server)["metadata"] == before
