"""A node that is recovered by a chain.

Senlin's recover action asks its entity to recover itself, under the node's lock. The policy gives
the action a :class:`ChainNode` for that entity: nothing of Senlin is changed.
"""

import dataclasses
import time
from typing import Any

from eventlet.support.greenlets import GreenletExit
from oslo_log import log as logging
from senlin.common import consts
from senlin.engine import node as engine_node
from senlin.objects import action as actions
from senlin.objects import node as nodes

from driver.senlin import chain, messages
from driver.senlin.adapter import NodeAdapter
from driver.senlin.model import ChainStopped, RecoveryChain, StepFailed
from driver.senlin.state import KEY, Answer, Decision, Request, State, decide

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Orders:
    """What the policy says about one recovery.

    :param recovery: the chain, or the one operation that a person asked for.
    :param policy_id: the policy.
    :param by_person: whether a person asked, not the health manager.
    :param check: leave a server alone that is ACTIVE.
    :param options: what Senlin's recover action is told besides the operation.
    :param warning: a sentence that the status must not lack.
    """

    recovery: RecoveryChain
    policy_id: str
    by_person: bool
    check: bool
    options: dict[str, Any]
    warning: str = ""


class ChainNode(engine_node.Node):  # type: ignore[misc]
    """A node of Senlin's engine that is recovered by a chain."""

    orders: Orders
    held: str = ""

    def do_recover(self, context: Any, action: Any) -> bool:
        """Recover the node; its status says how that ended.

        :returns: whether the node is ACTIVE.
        """
        orders = self.orders
        adapter = NodeAdapter(self, context, action, orders.policy_id, orders.options)
        try:
            if orders.check and _active(adapter):
                self._leave_active(adapter, "Recover: Node is ACTIVE.")
                return True
            return self._recover(adapter, action)
        except ChainStopped as stop:
            LOG.warning("Recovery of node %s ended: %s", self.id, stop)
        except GreenletExit:
            # The engine is told to stop. Senlin would leave the action RUNNING, and refuse every
            # other one for this node; the state stays, so that the next recovery goes on with it.
            text = "The engine was stopped; the next recovery goes on where this one was."
            actions.Action.mark_failed(context, action.id, time.time(), text)
            raise
        except Exception as error:
            # Whatever it is: the node must not stay in RECOVERING, nor be recreated.
            LOG.exception("Recovery of node %s broke", self.id)
            old = State.read(self.data)
            if old is not None:
                if old.execution:
                    adapter.cancel(old.execution)
                self._leave_failed(adapter, chain.ChainOutcome(old, f"unexpected error: {error}"))
        return False

    def _recover(self, adapter: NodeAdapter, action: Any) -> bool:
        decision = self._decide(action)
        if decision.answer in (Answer.NOT_YET, Answer.NO_MORE):
            self._hold(action.context, adapter, decision.state)
            return False
        if decision.abandoned:
            LOG.info("Cancelling execution %s, left over at node %s", decision.abandoned, self.id)
            adapter.cancel(decision.abandoned)
        LOG.info(
            "%s for node %s, attempt %d", decision.answer.value, self.id, decision.state.attempt
        )
        outcome = chain.run(self.orders.recovery.steps, decision.state, adapter)
        if not outcome.write:
            LOG.warning("Recovery of node %s: %s", self.id, outcome.failure)
            return False
        if outcome.failure:
            self._leave_failed(adapter, outcome)
            return False
        self._leave_active(adapter, messages.succeeded(outcome.state, self.orders.warning))
        return True

    def _decide(self, action: Any) -> Decision:
        orders = self.orders
        request = Request(
            action=action.id,
            digest=orders.recovery.digest(orders.policy_id, self.cluster_id),
            server=self.physical_id or "",
            well=self.status == consts.NS_ACTIVE,
            by_person=orders.by_person,
            detail=f"{self.status}: {self.status_reason}",
        )
        return decide(State.read(self.data), request, orders.recovery, time.time())

    def _hold(self, context: Any, adapter: NodeAdapter, state: State) -> None:
        """Leave the node alone; a newer status would count as an update and delay the next look."""
        self.held = messages.held(state, self.orders.recovery, self.name)
        data = {**self.data, KEY: state.written(time.time())}
        if self.status_reason == state.reason:
            nodes.Node.update(context, self.id, {"data": data})
        else:
            adapter.set_status(consts.NS_ERROR, state.reason, data=data)

    def _leave_active(self, adapter: NodeAdapter, text: str) -> None:
        data = {key: value for key, value in (self.data or {}).items() if key != KEY}
        adapter.set_status(consts.NS_ACTIVE, text, data=data)

    def _leave_failed(self, adapter: NodeAdapter, outcome: chain.ChainOutcome) -> None:
        now = time.time()
        active = _active(adapter)
        state = outcome.state.ended(now, "")
        text = messages.failed(
            outcome.failure, state, self.orders.recovery, self.name, active, self.orders.warning
        )
        state = dataclasses.replace(state, reason=text)
        LOG.warning("Node %s: %s", self.id, text)
        data = {**(self.data or {}), KEY: state.written(now)}
        adapter.set_status(consts.NS_ERROR, text, data=data, physical_id=self.physical_id)


def _active(adapter: NodeAdapter) -> bool:
    try:
        return adapter.server_active()
    except StepFailed:
        return False


def forget(context: Any, node: Any, policy_id: str) -> None:
    """Drop what a chain left in a node's data, and cancel an execution that still runs.

    :param node: a row of Senlin's database.
    """
    state = State.read(node.data)
    data = {key: value for key, value in (node.data or {}).items() if key != KEY}
    nodes.Node.update(context, node.id, {"data": data})
    if state is not None and state.running and state.execution:
        entity = engine_node.Node.load(context, db_node=node)
        NodeAdapter(entity, context, None, policy_id, {}).cancel(state.execution)
