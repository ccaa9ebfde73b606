"""A cluster whose nodes are recovered by chains.

Senlin's cluster recover makes an action for each node, but of a kind for which policies are not
asked. The policy gives the cluster's action a :class:`ChainCluster` for its entity, which makes
them of the kind for which they are, waits for them, and leaves none to be recovered otherwise.
"""

from typing import Any

from oslo_log import log as logging
from senlin.common import consts
from senlin.common import exception as senlin_errors
from senlin.engine import cluster as engine_cluster
from senlin.engine import dispatcher
from senlin.engine import node as engine_node
from senlin.engine.actions import base as engine_actions
from senlin.objects import action as actions
from senlin.objects import dependency as dependencies
from senlin.objects import node as nodes

LOG = logging.getLogger(__name__)


class ChainCluster(engine_cluster.Cluster):  # type: ignore[misc]
    """A cluster of Senlin's engine whose nodes are recovered by chains."""

    action: Any
    inputs: dict[str, Any]
    problems: tuple[str, ...] = ()

    def do_recover(self, context: Any, **kwargs: Any) -> bool:
        """Recover the nodes that are not ACTIVE, each by an action of its own."""
        super().do_recover(context, **kwargs)
        problems, children = [], {}
        for node in self._broken(context):
            try:
                children[node.id] = self._child(context, node.id)
            except senlin_errors.SenlinException as error:  # another action works on the node
                problems.append(f"node {node.name} is left alone: {error}")
        if children:
            problems += self._wait(context, children)
        self.problems = tuple(problems)
        # What Senlin would go on with.
        self.rt["nodes"] = []
        return True

    def _broken(self, context: Any) -> list[Any]:
        if self.action.inputs.get("check"):
            for row in list(self.nodes):
                engine_node.Node.load(context, node_id=row.id).do_check(context)
        rows = nodes.Node.get_all_by_cluster(context, self.id)
        return [row for row in rows if row.status != consts.NS_ACTIVE]

    def _child(self, context: Any, node_id: str) -> str:
        return str(
            engine_actions.Action.create(
                context,
                node_id,
                consts.NODE_RECOVER,
                name=f"node_recover_{node_id[:8]}",
                cluster_id=self.id,
                cause=consts.CAUSE_DERIVED_LCH,
                inputs=dict(self.inputs),
            )
        )

    def _wait(self, context: Any, children: dict[str, str]) -> list[str]:
        dependencies.Dependency.create(context, list(children.values()), self.action.id)
        for child in children.values():
            actions.Action.update(context, child, {"status": consts.ACTION_READY})
        dispatcher.start_action()
        result, reason = self.action._wait_for_dependents()
        if result == self.action.RES_OK:
            return []
        rows = [nodes.Node.get(context, node_id, project_safe=False) for node_id in children]
        left = [row for row in rows if row is not None and row.status != consts.NS_ACTIVE]
        return [f"node {row.name} is {row.status}: {row.status_reason}" for row in left] or [reason]
