"""A chain runs its steps in order, and each end of a step decides about the next.

All chains of this file run at the same time, each at a cluster of its own: what takes long is
waiting. A person starts them, unless the test says that the health manager does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.senlin.support import (
    REBUILD,
    Node,
    User,
    break_server,
    policy_spec,
    wait_for,
    workflow,
)

# what a person starts: the steps of its policy
CHAINS: Mapping[str, list[dict[str, Any]]] = {
    "around_rebuild": [workflow("chain.ok", inputs={"host": "here"}), REBUILD,
                       workflow("chain.ok")],
    "reboot": [{"name": "REBOOT", "params": {"type": "HARD"}}],
    "recreate": [workflow("chain.ok"), {"name": "RECREATE"}, workflow("chain.ok")],
    # Nova takes no metadata of a server in ERROR, so that the first one writes none
    "of_the_pack": [workflow("recovery.node.prepare"), REBUILD,
                    workflow("recovery.node.prepare", inputs={"reason": "disk on fire"})],
    "not_repaired": [workflow("chain.ok")],
    "error_before": [workflow("chain.fails"), REBUILD],
    "error_after": [REBUILD, workflow("chain.fails")],
    "passed_over": [workflow("chain.fails", on_error="continue"), REBUILD],
    "resumed": [workflow("chain.asks"), REBUILD],
    "not_approved": [workflow("chain.asks", on_paused="fail"), REBUILD],
    "cancelled": [workflow("chain.endless"), REBUILD],
    "deleted": [workflow("chain.endless"), REBUILD],
    "too_slow": [workflow("chain.endless", timeout=20), REBUILD],
    "stopped": [workflow("chain.endless"), REBUILD],
    "node_gone": [workflow("chain.endless"), REBUILD],
    "in_namespace": [workflow("on_call", workflow_namespace="night"), REBUILD],
    "no_rights": [workflow("recovery.node.migrate", inputs={"host": "compute2"})],
}

ON_CALL = """
version: '2.0'
on_call:
  input: [node_id]
  tasks:
    note:
      action: std.echo output=<% $.node_id %>
"""


@dataclass
class Chain:
    """A chain that was begun: the node, the server it had then, and the Senlin action."""

    user: User
    node: Node
    server: str
    action: str

    def end(self) -> tuple[str, str]:
        return self.user.end_of(self.action)

    def states(self) -> list[tuple[str, str]]:
        return [(one.workflow, one.state) for one in self.user.executions(self.node)]

    def assert_failed(self, *reason: str, rebuilds: int = 0) -> None:
        """It FAILED; node and action say why, and the server was rebuilt so many times."""
        status, why = self.end()
        shown = self.node.shown
        assert (status, shown["status"]) == ("FAILED", "ERROR"), (why, shown["status_reason"])
        for text in reason:
            assert text in shown["status_reason"]
            assert text in why
        assert self.user.rebuilds(self.node) == rebuilds

    def assert_succeeded(self, rebuilds: int = 1) -> None:
        status, why = self.end()
        shown = self.node.shown
        assert (status, shown["status"]) == ("SUCCEEDED", "ACTIVE"), (why, shown["status_reason"])
        assert "Recovery succeeded" in shown["status_reason"]
        assert self.user.server(self.node)["status"] == "ACTIVE"
        assert self.user.rebuilds(self.node) == rebuilds


@pytest.fixture(scope="module")
def chains(demo: User, admin: User) -> dict[str, Chain]:
    """All chains, begun at once."""
    demo.install_in("night", ON_CALL)
    clusters = {name: demo.begin_cluster() for name in CHAINS}
    attached = []
    for name, steps in CHAINS.items():
        demo.node_of(clusters[name])
        policy = demo.create_policy(policy_spec(steps))
        attached.append(demo.begin_attach(clusters[name], policy))
    for action in attached:
        status, why = demo.end_of(action)
        assert status == "SUCCEEDED", why
    begun = {}
    for name in CHAINS:
        node = demo.node_of(clusters[name])
        break_server(admin, node)
        begun[name] = Chain(demo, node, node.server, demo.begin_recover(node))
    return begun


def test_workflows_before_and_after_a_rebuild_run_once_each_with_their_inputs(chains) -> None:
    chain = chains["around_rebuild"]
    chain.assert_succeeded()

    before, after = chain.user.executions(chain.node)
    for one in (before, after):
        assert (one.workflow, one.state) == ("chain.ok", "SUCCESS")
        assert one.input["node_id"] == chain.server
        assert one.input["cluster_id"] == chain.node.cluster
        assert one.input["senlin_node_id"] == chain.node.id
    assert (before.input["host"], after.input["host"]) == ("here", None)


def test_what_a_chain_does_in_nova_it_does_as_the_owner_of_the_cluster(chains) -> None:
    chain = chains["of_the_pack"]
    chain.assert_succeeded()

    (rebuild,) = (one for one in chain.user.done(chain.server) if one["action"] == "rebuild")
    assert rebuild["user_id"] == chain.user.session.get_user_id()
    # written by an action of the pack, inside Mistral, with the trust token that Senlin gave it
    metadata = chain.user.server(chain.node)["metadata"]
    assert metadata["recovery_reason"] == "disk on fire"


def test_a_workflow_is_found_in_the_namespace_that_the_policy_names(chains) -> None:
    chain = chains["in_namespace"]
    chain.assert_succeeded()
    assert chain.states() == [("on_call", "SUCCESS")]


def test_a_reboot_brings_the_server_back(chains) -> None:
    chains["reboot"].assert_succeeded(rebuilds=0)


def test_after_a_recreate_the_next_workflow_is_given_the_new_server(chains) -> None:
    chain = chains["recreate"]
    chain.assert_succeeded(rebuilds=0)

    given = [one.input["node_id"] for one in chain.user.executions(chain.node)]
    assert given == [chain.server, chain.node.server]
    assert chain.node.server != chain.server


def test_a_chain_that_leaves_the_server_broken_has_failed(chains) -> None:
    chains["not_repaired"].assert_failed("the server is not ACTIVE")


def test_a_workflow_that_fails_before_the_rebuild_keeps_it_from_happening(chains) -> None:
    chains["error_before"].assert_failed("step 1 of 2", "chain.fails", "the rack has no power")


def test_a_workflow_that_fails_after_the_rebuild_leaves_the_node_in_error(chains) -> None:
    chain = chains["error_after"]
    chain.assert_failed("step 2 of 2", "the rack has no power", rebuilds=1)

    assert chain.user.server(chain.node)["status"] == "ACTIVE"


def test_a_failed_workflow_with_on_error_continue_is_passed_over(chains) -> None:
    chain = chains["passed_over"]
    chain.assert_succeeded()

    assert "passed over" in chain.node.reason


def test_a_paused_workflow_is_waited_for_until_someone_resumes_it(chains) -> None:
    chain = chains["resumed"]
    execution = chain.user.running_execution(chain.node, ["PAUSED"])
    wait_for("the node says so", lambda: "PAUSED" in chain.node.reason)
    assert chain.node.status == "RECOVERING"

    chain.user.workflow("PUT", f"/executions/{execution.id}", {"state": "RUNNING"})

    chain.assert_succeeded()


def test_a_paused_workflow_with_on_paused_fail_is_cancelled_and_the_chain_fails(chains) -> None:
    chain = chains["not_approved"]
    chain.assert_failed("PAUSED", "on_paused")

    assert chain.states() == [("chain.asks", "CANCELLED")]


def test_a_workflow_that_an_operator_cancels_fails_the_chain(chains) -> None:
    chain = chains["cancelled"]
    execution = chain.user.running_execution(chain.node)

    chain.user.workflow("PUT", f"/executions/{execution.id}", {"state": "CANCELLED"})

    chain.assert_failed(f"{execution.id} ended CANCELLED")


def test_a_workflow_whose_execution_is_deleted_fails_the_chain(chains) -> None:
    chain = chains["deleted"]
    execution = chain.user.running_execution(chain.node)

    chain.user.workflow("DELETE", f"/executions/{execution.id}?force=true")

    chain.assert_failed(f"{execution.id} was deleted")


def test_a_step_that_takes_too_long_has_its_execution_cancelled(chains) -> None:
    chain = chains["too_slow"]
    chain.assert_failed("timeout of 20 s")

    assert chain.states() == [("chain.endless", "CANCELLED")]


def test_cancelling_the_action_of_senlin_cancels_the_execution(chains) -> None:
    chain = chains["stopped"]
    chain.user.running_execution(chain.node)

    body = {"action": {"status": "CANCELLED"}}
    chain.user.clustering("PATCH", f"/actions/{chain.action}", body)

    status, why = chain.end()
    assert status in ("CANCELLED", "FAILED"), why
    wait_for("the node says so", lambda: chain.node.status == "ERROR")
    assert "cancelled" in chain.node.reason
    assert chain.states() == [("chain.endless", "CANCELLED")]
    assert chain.user.rebuilds(chain.node) == 0


def test_the_chain_of_a_node_that_is_deleted_meanwhile_ends(chains) -> None:
    chain = chains["node_gone"]
    execution = chain.user.running_execution(chain.node)

    chain.user.clustering("DELETE", f"/nodes/{chain.node.id}", {"force": True})

    status, why = chain.end()
    assert status == "FAILED", why
    path = f"/executions/{execution.id}"
    wait_for("its execution is cancelled",
             lambda: chain.user.workflow("GET", path)["state"] == "CANCELLED")
    chain.user.wait_until_gone(f"/nodes/{chain.node.id}")


def test_a_member_without_the_rights_of_a_workflow_reads_which_are_missing(chains) -> None:
    chain = chains["no_rights"]
    chain.assert_failed("recovery.node.migrate", "admin")

    assert [one["action"] for one in chain.user.done(chain.server)] == ["resetState"]  # the break
