"""The policy type ``senlin.policy.health.workflow``.

It plugs into Senlin by its own extension points only. The hooks before a recovery replace the
``entity`` of the action by one that runs the chain (:mod:`.node`, :mod:`.cluster`), after they
made the ``operation`` one that Senlin does not have: whatever goes wrong then, Senlin's default,
to delete the server and create another, cannot happen.
"""

import copy
from typing import Any

from oslo_context import context as oslo_context
from oslo_log import log as logging
from senlin.common import constraints, consts, schema
from senlin.common import exception as senlin_errors
from senlin.drivers import base as drivers
from senlin.engine import health_manager
from senlin.objects import cluster_policy as bindings
from senlin.objects import health_registry as registries
from senlin.objects import node as nodes
from senlin.objects import policy as policies
from senlin.policies import base, health_policy

from driver.senlin import check, model
from driver.senlin import spec as spec_rules
from driver.senlin.cluster import ChainCluster
from driver.senlin.node import ChainNode, Orders, forget
from driver.senlin.state import KEY
from driver.senlin.workflows import ChainWorkflows

LOG = logging.getLogger(__name__)

NOT_AN_OPERATION = "RECOVERY_CHAIN"
_HEALTH = "senlin.policy.health"
# What the health manager is told to ask for. The chain ignores it; should a request of the health
# manager run when the policy is just being detached or disabled, this does the least harm.
_HARMLESS = [{"name": consts.RECOVER_REBOOT}]


def _schema() -> dict[str, Any]:
    """Return the schema of Senlin's health policy with what a chain needs besides."""
    properties: dict[str, Any] = copy.deepcopy(health_policy.HealthPolicy.properties_schema)
    recovery = properties["recovery"].schema
    action = recovery["actions"].schema["*"].schema
    recovery["actions"].description = "The steps of the recovery, in their order."
    action["name"].constraints = [constraints.AllowedValues(list(model.NAMES))]
    action["params"].description = (
        "WORKFLOW: workflow_name, workflow_namespace, inputs, timeout (seconds), on_error (stop or "
        "continue), on_paused (wait or fail); REBOOT: type (SOFT or HARD)."
    )
    recovery["strict"] = schema.Boolean(
        "Refuse the policy if Mistral would not start its workflows.", default=False
    )
    recovery["attempts"] = schema.Integer(
        "How often the health manager may have a node recovered before it is left to a person.",
        default=model.RecoveryChain.attempts,
    )
    recovery["backoff"] = schema.Integer(
        "Seconds from a failed attempt to the next, doubled after each, an hour at most.",
        default=model.RecoveryChain.backoff,
    )
    return properties


class WorkflowHealthPolicy(health_policy.HealthPolicy):  # type: ignore[misc]
    """Health policy whose recovery is an ordered chain that may contain Mistral workflows."""

    VERSION = "1.0"
    VERSIONS = {"1.0": [{"status": consts.SUPPORTED, "since": "2026.11"}]}  # noqa: RUF012
    TARGET = [  # noqa: RUF012
        *health_policy.HealthPolicy.TARGET,
        ("BEFORE", consts.NODE_RECOVER),
        ("AFTER", consts.NODE_RECOVER),
        ("BEFORE", consts.CLUSTER_ATTACH_POLICY),
        ("BEFORE", consts.CLUSTER_UPDATE_POLICY),
        ("AFTER", consts.CLUSTER_UPDATE_POLICY),
    ]
    PROFILE_TYPE = ["os.nova.server"]  # noqa: RUF012
    properties_schema = _schema()
    recover_actions: list[dict[str, Any]]

    def __init__(self, name: str, spec: dict[str, Any], **kwargs: Any) -> None:
        # Senlin's own checks of types end in a 500, and the parent's constructor runs them.
        properties = spec.get("properties")
        if kwargs.get("id") is None:
            _refuse(spec_rules.mistakes(properties))
        super().__init__(name, spec, **kwargs)
        self.recovery = spec_rules.recovery(properties or {})

    # A policy is created, attached and detached

    def validate(self, context: Any, validate_props: bool = False) -> None:
        """Refuse what cannot work; warn of it, unless strict, if it is Mistral's to know."""
        steps, self.recover_actions = self.recover_actions, []  # the parent allows one at most
        try:
            super().validate(context, validate_props=validate_props)
        finally:
            self.recover_actions = steps
        problems = check.workflows(self.recovery, lambda: self._mistral(context))
        if self.recovery.strict:
            _refuse(problems)
        for problem in problems:
            LOG.warning("Policy %s: %s.", self.name, problem)

    def attach(self, cluster: Any, enabled: bool = True) -> tuple[bool, Any]:
        """Register the cluster with the health manager, unless it has a health policy."""
        kind = cluster.rt["profile"].type_name
        if kind not in self.PROFILE_TYPE:
            return False, f"This policy recovers servers (os.nova.server), not {kind}."
        for other in cluster.rt["policies"]:
            if _is_health(other.type) and other.id != self.id:
                return False, _second(other)
        steps, self.recover_actions = self.recover_actions, _HARMLESS
        try:
            attached: tuple[bool, Any] = super().attach(cluster, enabled=enabled)
            return attached
        finally:
            self.recover_actions = steps

    def detach(self, cluster: Any) -> tuple[bool, Any]:
        """Unregister the cluster, and drop what chains left at its nodes."""
        context = oslo_context.get_current()
        for node in nodes.Node.get_all_by_cluster(context, cluster.id, project_safe=False):
            if KEY in (node.data or {}):
                forget(context, node, self.id)
        detached: tuple[bool, Any] = super().detach(cluster)
        return detached

    # An action of Senlin begins or ends

    def pre_op(self, cluster_id: str, action: Any, **args: Any) -> bool:
        """Give a recovery to the chain; leave other actions to Senlin."""
        if action.action == consts.NODE_RECOVER:
            self._take_node(cluster_id, action)
        elif action.action == consts.CLUSTER_RECOVER:
            self._take_cluster(action)
        elif action.action == consts.CLUSTER_ATTACH_POLICY:
            return self._one_health_policy(action)
        elif action.action == consts.CLUSTER_UPDATE_POLICY:
            # Senlin itself does so only for its own type.
            if action.inputs.get("policy_id") == self.id and action.inputs.get("enabled") is False:
                health_manager.disable(cluster_id)
        else:
            return bool(super().pre_op(cluster_id, action, **args))
        return True

    def post_op(self, cluster_id: str, action: Any, **args: Any) -> bool:
        """Tell in the action why a recovery failed."""
        entity = action.entity
        if action.action == consts.NODE_RECOVER:
            if isinstance(entity, ChainNode) and (entity.held or entity.status == consts.NS_ERROR):
                return _failed(action, entity.held or entity.status_reason)
        elif action.action == consts.CLUSTER_RECOVER:
            if isinstance(entity, ChainCluster) and entity.problems:
                return _failed(action, "; ".join(entity.problems))
        elif action.action == consts.CLUSTER_UPDATE_POLICY:
            registry = registries.HealthRegistry.get(action.context, cluster_id)
            if registry is not None and not registry.enabled:
                health_manager.enable(cluster_id)
        else:
            return bool(super().post_op(cluster_id, action, **args))
        return True

    def _take_node(self, cluster_id: str, action: Any) -> None:
        inputs, context = action.inputs, action.context
        operation, inputs["operation"] = inputs.get("operation"), NOT_AN_OPERATION
        # The API makes a trust of whoever asks; the health manager asks without one.
        by_person = bool(context.trusts)
        recovery = self.recovery
        if by_person and operation and operation != NOT_AN_OPERATION:
            params = inputs.get("operation_params")
            params = params if isinstance(params, dict) else {}
            step = model.ChainStep(operation.upper(), params=params)
            recovery = self.recovery.only(step)
        node = ChainNode.load(context, node_id=action.entity.id)
        node.orders = Orders(
            recovery=recovery,
            policy_id=self.id,
            by_person=by_person,
            check=bool(inputs.get("check")),
            options={
                "delete_timeout": inputs.get("delete_timeout") or self.node_delete_timeout,
                "force_recreate": inputs.get("force_recreate") or self.node_force_recreate,
            },
            warning=self._second_policy(context, cluster_id),
        )
        action.entity = node

    def _take_cluster(self, action: Any) -> None:
        operation, action.inputs["operation"] = action.inputs.get("operation"), NOT_AN_OPERATION
        cluster = ChainCluster.load(action.context, cluster_id=action.entity.id)
        cluster.action = action
        cluster.inputs = {"operation": operation or NOT_AN_OPERATION}
        if action.inputs.get("operation_params"):
            cluster.inputs["operation_params"] = action.inputs["operation_params"]
        action.entity = cluster

    def _one_health_policy(self, action: Any) -> bool:
        other = policies.Policy.get(action.context, action.inputs.get("policy_id"))
        if other is not None and other.id != self.id and _is_health(other.type):
            return _failed(action, _second(self))
        return True

    def _second_policy(self, context: Any, cluster_id: str) -> str:
        """Return a sentence about another health policy; one can come while this is disabled."""
        for binding in bindings.ClusterPolicy.get_all(context, cluster_id):
            other = policies.Policy.get(context, binding.policy_id, project_safe=False)
            if other is not None and other.id != self.id and _is_health(other.type):
                text = f"The cluster has a second health policy, {other.name}: detach one of them."
                LOG.warning("Cluster %s: %s", cluster_id, text)
                return f" {text}"
        return ""

    def _mistral(self, context: Any) -> ChainWorkflows:
        """Return the Mistral of whoever creates the policy; the API made a trust of them."""
        params = self._build_conn_params(context.user_id, context.project_id)
        return ChainWorkflows.from_connection(drivers.SenlinDriver().workflow(params).conn)


def _is_health(kind: str) -> bool:
    return kind.startswith(_HEALTH)


def _second(policy: Any) -> str:
    return (
        f"A cluster has one health policy, and this one has {policy.name} ({policy.id}) already: "
        "detach that first."
    )


def _failed(action: Any, reason: str) -> bool:
    action.data["status"] = base.CHECK_ERROR
    action.data["reason"] = reason
    return False


def _refuse(problems: list[str]) -> None:
    if problems:
        text = "; ".join(problems)
        raise senlin_errors.InvalidSpec(message=text if text.endswith("?") else f"{text}.")
