"""Whatever process dies in the middle of a chain, each step happens once and the chain ends.

Counted are the executions in Mistral and the rebuilds that Nova recorded.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from lab.senlin import SenlinLab
from tests.senlin.support import (
    REBUILD,
    Node,
    User,
    break_server,
    policy_spec,
    wait_for,
    workflow,
)

RECREATE = {"name": "RECREATE"}
SLOW = [workflow("chain.slow"), REBUILD, workflow("chain.ok")]


@pytest.fixture(scope="module")
def spare(demo: User) -> list[str]:
    """Clusters that the tests take one after the other, asked for all at once."""
    return [demo.begin_cluster() for _ in range(14)]


@pytest.fixture
def nodes(demo: User, spare: list[str]) -> Any:
    """What returns a node whose cluster has a policy with these steps."""

    def make(*chains: Sequence[dict[str, Any]], interval: int = 3600, **recovery: Any
             ) -> list[Node]:
        found = [demo.node_of(spare.pop()) for _ in chains]
        for node, steps in zip(found, chains, strict=True):
            node.policy = demo.create_policy(policy_spec(steps, interval, **recovery))
        attached = [demo.begin_attach(node.cluster, node.policy) for node in found]
        for action in attached:
            assert demo.end_of(action)[0] == "SUCCEEDED"
        return found

    return make


def recovered(node: Node) -> bool:
    return node.status == "ACTIVE" and "Recovery succeeded" in node.reason


def assert_each_step_once(user: User, node: Node, *workflows: str, rebuilds: int = 1) -> None:
    wait_for(f"node {node.id} is recovered", lambda: recovered(node) or user.wake_engine())
    states = [(one.workflow, one.state) for one in user.executions(node)]
    assert states == [(name, "SUCCESS") for name in workflows]
    assert user.rebuilds(node) == rebuilds
    assert user.server(node)["status"] == "ACTIVE"


def begin(user: User, admin: User, node: Node) -> str:
    break_server(admin, node)
    return user.begin_recover(node)


@pytest.mark.parametrize("how", ["stop", "kill"], ids=["SIGTERM", "SIGKILL"])
def test_an_engine_that_ends_in_the_middle_of_a_chain_is_succeeded_by_the_next(
    lab: SenlinLab, demo: User, admin: User, nodes: Any, how: str
) -> None:
    """In a workflow, also when the server is well again already, in a rebuild and a recreate."""
    (in_workflow,) = nodes(SLOW, interval=5)
    in_rebuild, in_recreate, repaired = nodes(
        [REBUILD, workflow("chain.ok")], [RECREATE, workflow("chain.ok")],
        [REBUILD, workflow("chain.slow")])
    begin(demo, admin, repaired)
    demo.running_execution(repaired)
    lab.lab.set_faults({"*": {"spawn": {"delay": 8}}})
    break_server(admin, in_workflow)
    broken = in_recreate.server
    for node in (in_rebuild, in_recreate):
        begin(demo, admin, node)
    wait_for("Nova rebuilds one", lambda: demo.rebuilds(in_rebuild))
    wait_for("Nova makes another", lambda: set(demo.servers(in_recreate)) - {broken})
    demo.running_execution(in_workflow)

    getattr(lab, how)("engine")
    # the next one looks for the server that was made, and at first Nova leaves it out
    left_out = {"drop": ["servers/detail"], "once": True}
    lab.lab.set_faults({"*": {"spawn": {"delay": 8}}, "nova": left_out})
    lab.start("engine")
    # Senlin fails their actions. The health manager asks again for the server that it sees broken,
    # a person for the others.
    for node in (in_rebuild, in_recreate, repaired):
        demo.begin_recover(node)

    assert_each_step_once(demo, in_workflow, "chain.slow", "chain.ok")
    assert_each_step_once(demo, in_rebuild, "chain.ok")
    assert_each_step_once(demo, repaired, "chain.slow")
    assert_each_step_once(demo, in_recreate, "chain.ok", rebuilds=0)
    assert demo.servers(in_recreate) == [in_recreate.server] != [broken]


def test_a_mistral_that_is_killed_or_not_there_is_waited_for(
    lab: SenlinLab, demo: User, admin: User, nodes: Any
) -> None:
    begun_before, begun_meanwhile = nodes(SLOW, [workflow("chain.ok"), REBUILD])
    first = begin(demo, admin, begun_before)
    execution = demo.running_execution(begun_before)
    # Mistral 23 forgets a task that it has made and not begun (docs/senlin.md, Limits)
    wait_for("its task has begun", lambda: demo.task_states(execution) == ["DELAYED"])

    lab.lab.kill_mistral()
    second = begin(demo, admin, begun_meanwhile)
    wait_for("the node says that Mistral is not there",
             lambda: "in progress" in begun_meanwhile.reason)
    lab.lab.start_mistral()

    for action in (first, second):
        assert demo.end_of(action)[0] == "SUCCEEDED"
    assert_each_step_once(demo, begun_before, "chain.slow", "chain.ok")
    assert_each_step_once(demo, begun_meanwhile, "chain.ok")


def test_the_health_manager_stops_asking_after_the_last_attempt(
    demo: User, admin: User, nodes: Any
) -> None:
    (node,) = nodes([workflow("chain.fails"), REBUILD], interval=5, attempts=2, backoff=1)

    break_server(admin, node)

    wait_for("the last attempt has failed", lambda: "Attempt 2 of 2, the last one" in node.reason)
    asked = wait_for("and it was asked for once more", lambda: refused_requests(demo, node))
    assert "all 2 attempts" in asked[0]["status_reason"]
    assert [one.workflow for one in demo.executions(node)] == ["chain.fails"] * 2
    assert demo.rebuilds(node) == 0


def requests(user: User, node: Node) -> list[dict[str, Any]]:
    """Return what was asked for a node to be recovered, newest first."""
    path = f"/actions?target={node.id}&action=NODE_RECOVER&sort=created_at:desc"
    return list(user.clustering("GET", path)["actions"])


def refused_requests(user: User, node: Node) -> list[dict[str, Any]]:
    return [one for one in requests(user, node)
            if "attempts to recover" in (one["status_reason"] or "")]


def test_the_health_manager_leaves_a_cluster_alone_while_its_policy_is_disabled(
    demo: User, admin: User, nodes: Any
) -> None:
    switched, other = nodes([workflow("chain.ok"), REBUILD], [workflow("chain.ok"), REBUILD],
                            interval=5)
    demo.switch_policy(switched, enabled=False)
    break_server(admin, switched)
    break_server(admin, other)
    assert_each_step_once(demo, other, "chain.ok")
    assert requests(demo, switched) == []

    demo.switch_policy(switched, enabled=True)

    assert_each_step_once(demo, switched, "chain.ok")


def test_a_cluster_recover_runs_the_chain_of_each_broken_node(
    demo: User, admin: User, nodes: Any
) -> None:
    (node,) = nodes([workflow("chain.ok"), REBUILD])
    grow = demo.begin(f"/clusters/{node.cluster}", scale_out={"count": 1})
    assert demo.end_of(grow)[0] == "SUCCEEDED"
    break_server(admin, node)

    action = demo.begin(f"/clusters/{node.cluster}", recover={"check": True})

    assert demo.end_of(action)[0] == "SUCCEEDED"
    assert_each_step_once(demo, node, "chain.ok")
    (other,) = set(demo.clustering("GET", f"/clusters/{node.cluster}")["cluster"]["nodes"]) - {
        node.id}
    assert demo.executions(Node(demo, other, node.cluster)) == []
