"""How far an action plan is while Mistral carries it out: cheap questions, once a second."""

from collections.abc import Mapping

from driver.errors import RefusedError
from driver.mistral.client import MistralClient
from driver.plans import queries
from driver.plans.model import ANY
from driver.plans.status import NO_GRAPH
from driver.recoveries.progress import Progress
from mistral_actions.action_plan.states import Graph, graph_of

_SHOWN = 3  # names of the actions that run


class PlanProgress:
    """Says how many actions of a plan have ended and which ones run: one request for each look.

    :param plan: its uuid.
    :param verb: ``run`` or ``rollback``.
    """

    def __init__(self, mistral: MistralClient, plan: str, verb: str) -> None:
        self._mistral = mistral
        self._plan = plan
        self._verb = verb
        self._execution = plan if verb == "run" else ""
        self._graph: Graph | None = None

    def look(self, state: str) -> Progress:
        """Return how far the plan is now.

        :param state: Mistral's state of the execution that is waited for.
        """
        try:
            return Progress(state, self._text())
        except RefusedError:
            # An extra: whoever may not see the tasks still learns how it ends.
            return Progress(state)

    def _text(self) -> str:
        if self._graph is None:
            workflow = queries.definition(self._mistral, self._plan, self._verb)
            self._graph = graph_of(workflow) if workflow else NO_GRAPH
        actions = self._graph.nodes
        if not actions:
            return ""
        if not self._execution:
            run = queries.rollback_run(self._mistral, self._plan)
            if run is None:
                return ""
            self._execution = run.id
        tasks = self._mistral.tasks(self._execution, "id,name,state")
        states = {task["name"]: task["state"] for task in tasks if task["name"] in actions}
        failed = sum(state == "ERROR" for state in states.values())
        ended = failed + sum(state in ("SUCCESS", "CANCELLED") for state in states.values())
        ended += len(_not_needed(self._graph, states))
        running = sorted(name for name, state in states.items() if state == "RUNNING")
        text = f"{ended} of {len(actions)} actions have ended"
        text += f", {failed} failed" if failed else ""
        more = " ..." if len(running) > _SHOWN else ""
        return f"{text}; {', '.join(running[:_SHOWN])}{more}" if running else text


def _not_needed(graph: Graph, states: Mapping[str, str]) -> set[str]:
    """Return the alternatives that get no task: the way of the plan has led past them.

    :param states: of the tasks that there are.
    """
    found: set[str] = set()
    for action in graph.nodes.values() if graph.rule == ANY else ():  # parents first
        past = (one in found or states.get(one) == "SUCCESS" for one in action.parents)
        if action.task not in states and any(past):
            found.add(action.task)
    return found
