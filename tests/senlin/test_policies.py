"""What is wrong with a policy is said when it is created or attached, in a sentence."""

from typing import Any

import pytest

from tests.senlin.support import REBUILD, Node, Refused, User, policy_spec, workflow


@pytest.fixture(scope="module")
def node(demo: User) -> Node:
    """The node of a cluster with the policy."""
    found = demo.node_of(demo.begin_cluster())
    policy = demo.create_policy(policy_spec([workflow("chain.ok"), REBUILD]))
    assert demo.end_of(demo.begin_attach(found.cluster, policy))[0] == "SUCCEEDED"
    return found


def with_key(spec: dict[str, Any], *path: str, value: object) -> dict[str, Any]:
    """Return a policy with one key more, or changed."""
    inner = spec["properties"]
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return spec


GOOD = [workflow("chain.ok"), REBUILD]


@pytest.mark.parametrize(("spec", "sentence"), [
    (policy_spec([]), "recovery.actions: expected a list of at least one"),
    (policy_spec([{"name": "REBILD"}]), "REBUILD"),
    (policy_spec([{"name": "WORKFLOW"}]), "needs workflow_name"),
    (policy_spec([workflow("chain.ok", timeout="soon")]), "whole number of seconds"),
    (policy_spec([workflow("chain.ok", inputs=["host"])]), "a mapping of names to values"),
    (policy_spec([workflow("chain.ok", on_error="ignore")]), "one of stop, continue"),
    (policy_spec([workflow("chain.ok", timout=5)]), "timeout"),
    (policy_spec(GOOD, attempts=0), "whole number from 1"),
    (policy_spec(GOOD, strict="perhaps"), "true or false"),
    (with_key(policy_spec(GOOD), "recovry", value={}), "recovery"),
    (with_key(policy_spec(GOOD), "detection", "detection_modes",
              value=[{"type": "LIFECYCLE_EVENTS"}]), "LIFECYCLE_EVENTS"),
    (policy_spec([workflow("chain.okay")], strict=True), "chain.okay does not exist"),
    (policy_spec([workflow("chain.needs_rack")], strict=True), "rack is missing"),
    (policy_spec([workflow("chain.ok", inputs={"hots": "h"})], strict=True), "host"),
], ids=lambda value: value.replace(" ", "_") if isinstance(value, str) else "")
def test_a_wrong_policy_is_a_bad_request_with_a_sentence(
    demo: User, spec: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refused) as refused:
        demo.create_policy(spec)

    assert refused.value.status == 400, refused.value.text
    assert sentence in refused.value.text


@pytest.mark.parametrize("kind", ["senlin.policy.health", "senlin.policy.health.workflow"])
def test_what_senlin_reads_as_a_number_or_as_true_is_read_in_a_chain_too(
    demo: User, kind: str
) -> None:
    spec = policy_spec([REBUILD], node_force_recreate="Y", node_delete_timeout="20")
    with_key(spec, "detection", "interval", value=" 3600")
    own = {"type": kind, "version": "1.2" if kind == "senlin.policy.health" else "1.0"}
    cluster = demo.begin_cluster()

    policy = demo.create_policy({**spec, **own})

    assert demo.end_of(demo.begin_attach(demo.node_of(cluster).cluster, policy))[0] == "SUCCEEDED"


def test_a_workflow_that_does_not_exist_yet_is_no_mistake_unless_strict(demo: User) -> None:
    assert demo.create_policy(policy_spec([workflow("chain.tomorrow"), REBUILD]))


@pytest.mark.parametrize("spec", [
    policy_spec(GOOD),
    {"type": "senlin.policy.health", "version": "1.2", "properties": {
        "detection": {"interval": 3600, "detection_modes": [{"type": "NODE_STATUS_POLLING"}]},
        "recovery": {"actions": [REBUILD]}}},
], ids=["of this type", "of Senlin's own type"])
def test_a_second_health_policy_of_a_cluster_is_refused(
    demo: User, node: Node, spec: dict[str, Any]
) -> None:
    second = demo.create_policy(spec)

    status, why = demo.end_of(demo.begin_attach(node.cluster, second))

    assert status == "FAILED"
    assert "one health policy" in why


def test_a_policy_that_is_detached_leaves_nothing_behind_and_can_be_attached_again(
    demo: User, node: Node
) -> None:
    path = f"/clusters/{node.cluster}"
    (binding,) = demo.clustering("GET", f"{path}/policies")["cluster_policies"]
    detach = demo.begin(path, policy_detach={"policy_id": binding["policy_id"]})
    assert demo.end_of(detach)[0] == "SUCCEEDED"
    assert demo.clustering("GET", f"{path}/policies")["cluster_policies"] == []
    assert "recovery_chain" not in node.shown["data"]

    again = demo.end_of(demo.begin_attach(node.cluster, binding["policy_id"]))

    assert again[0] == "SUCCEEDED", again
