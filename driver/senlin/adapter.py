"""What a chain does to Senlin's database, to Nova and to Mistral, for one node."""

import time
from typing import Any

import eventlet
from senlin.common import consts
from senlin.common import exception as senlin_errors
from senlin.objects import action as actions
from senlin.objects import cluster as clusters
from senlin.objects import node as nodes

from driver.senlin import inputs
from driver.senlin.model import ChainStep, ChainStopped, ExecutionSeen, StepFailed, Transient
from driver.senlin.nova import Servers
from driver.senlin.state import KEY, State
from driver.senlin.workflows import ChainWorkflows


class NodeAdapter:
    """A :class:`driver.senlin.chain.ChainAdapter` made of the real things.

    :param node: a node of Senlin's engine, locked by the action.
    :param action: the recover action; None if all that is wanted is to cancel.
    :param context: of the request, for the database.
    :param policy_id: the policy that the recovery belongs to.
    :param options: what Senlin's recover action is told besides the operation.
    """

    def __init__(
        self, node: Any, context: Any, action: Any, policy_id: str, options: dict[str, Any]
    ) -> None:
        self._node, self._action, self._policy_id = node, action, policy_id
        self._context = context
        self.node = str(node.id)
        self.servers = Servers(context, node, options)
        self._mistral: ChainWorkflows | None = None

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Let the engine's other threads run."""
        eventlet.sleep(seconds)

    def record(self, state: State, text: str) -> None:
        """Keep the state with the node, and let its status say a text."""
        data = {**(self._node.data or {}), KEY: state.written(self.now())}
        values: dict[str, Any] = {"data": data}
        if state.server and state.server != self._node.physical_id:
            data["recovery"] = consts.RECOVER_RECREATE
            values["physical_id"] = state.server
        self.set_status(consts.NS_RECOVERING, text, **values)

    def set_status(self, status: str, text: str, **values: Any) -> None:
        """Write status and more to the node.

        :raises ChainStopped: the node is gone.
        """
        try:
            self._node.set_status(self._context, status, reason=text, **values)
        except senlin_errors.ResourceNotFound:
            raise ChainStopped("the node was deleted", write=False, cancel=True) from None

    def check(self) -> None:
        """Raise ChainStopped if the action was cancelled or the node is gone or another's."""
        action = actions.Action.get(self._context, self._action.id, project_safe=False)
        if action is None or action.status in (consts.ACTION_FAILED, consts.ACTION_SUCCEEDED):
            # Senlin took this engine for dead: another one may have gone on with the chain.
            raise ChainStopped("the action was taken from this engine", write=False, cancel=False)
        signal = actions.Action.signal_query(self._context, self._action.id)
        if action.status == consts.ACTION_CANCELLED or signal == self._action.SIG_CANCEL:
            raise ChainStopped("the Senlin action was cancelled", write=True, cancel=True)
        node = nodes.Node.get(self._context, self._node.id, project_safe=False)
        if node is None or node.status == consts.NS_DELETING:
            raise ChainStopped("the node was deleted", write=False, cancel=True)

    def start(self, step: ChainStep, state: State) -> ExecutionSeen:
        """Start the execution of a step with its inputs and those of :mod:`.inputs`."""
        mistral = self._connected()
        wanted = mistral.declared(step)
        description = f"Senlin recovers node {self._node.id} by action {self._action.id}"
        given = inputs.given(step, wanted, self._facts(state))
        return mistral.start(step, state.execution, given, description)

    def look(self, execution: str) -> ExecutionSeen | None:
        """Return an execution, None if it is not there."""
        return self._connected().look(execution)

    def cancel(self, execution: str) -> bool:
        """Cancel an execution if it runs; return whether that is sure."""
        try:
            return self._connected().cancel(execution)
        except (Transient, StepFailed):
            return False

    def newest_action(self) -> str:
        """Return the newest action of the server, as far as Nova tells."""
        return self.servers.newest_action()

    def operate(self, step: ChainStep, resumed: bool, newest_action: str) -> str:
        """Reboot, rebuild or recreate the server and wait; return the server's id."""
        return self.servers.operate(step, resumed, newest_action)

    def server_active(self) -> bool:
        """Return whether the server is ACTIVE in Nova."""
        return self.servers.active()

    def _connected(self) -> ChainWorkflows:
        if self._mistral is None:
            try:
                # One token of the trust serves both.
                connection = self.servers.profile.compute(self._node).conn
            except senlin_errors.TrustNotFound as error:
                raise StepFailed(f"Senlin has no trust of the cluster's owner: {error}") from None
            except senlin_errors.SenlinException as error:
                raise Transient(f"no connection to Mistral: {error}") from None
            self._mistral = ChainWorkflows.from_connection(connection)
        return self._mistral

    def _facts(self, state: State) -> dict[str, Any]:
        node = self._node
        cluster = clusters.Cluster.get(self._context, node.cluster_id, project_safe=False)
        return {
            "node_id": node.physical_id or None,
            "node_name": node.name,
            "senlin_node_id": node.id,
            "cluster_id": node.cluster_id,
            "cluster_name": cluster.name if cluster else None,
            "profile_id": node.profile_id,
            "policy_id": self._policy_id,
            "action_id": state.action,
            "detail": state.detail,
        }
