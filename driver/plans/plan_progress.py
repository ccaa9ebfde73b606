"""How far an action plan is while Mistral carries it out: cheap questions, once a second."""

from driver.errors import RefusedError
from driver.mistral.client import MistralClient
from driver.plans import queries
from driver.recoveries.progress import Progress
from mistral_actions.action_plan.states import graph_of

_SHOWN = 3  # names of the actions that run


class Steps:
    """How far the tasks of a plan are: one request for each question.

    :param plan: its uuid.
    :param verb: ``run`` or ``rollback``.
    """

    def __init__(self, mistral: MistralClient, plan: str, verb: str) -> None:
        self._mistral = mistral
        self._plan = plan
        self._verb = verb
        self._execution = plan if verb == "run" else ""
        self._names: frozenset[str] | None = None

    def progress(self, state: str) -> Progress:
        """Return how many actions have ended and which ones run.

        :param state: Mistral's state of the execution that is waited for.
        """
        try:
            return Progress(state, self._step())
        except RefusedError:
            # An extra: whoever may not see the tasks still learns how it ends.
            return Progress(state)

    def _step(self) -> str:
        if self._names is None:
            workflow = queries.definition(self._mistral, self._plan, self._verb)
            self._names = frozenset(graph_of(workflow).nodes if workflow else ())
        if not self._names:
            return ""
        if not self._execution:
            run = queries.rollback_run(self._mistral, self._plan)
            if run is None:
                return ""
            self._execution = run.id
        tasks = self._mistral.tasks(self._execution, "id,name,state")
        states = {task["name"]: task["state"] for task in tasks if task["name"] in self._names}
        failed = sum(state == "ERROR" for state in states.values())
        ended = failed + sum(state in ("SUCCESS", "CANCELLED") for state in states.values())
        running = sorted(name for name, state in states.items() if state == "RUNNING")
        text = f"{ended} of {len(self._names)} actions have ended"
        text += f", {failed} failed" if failed else ""
        more = " ..." if len(running) > _SHOWN else ""
        return f"{text}; {', '.join(running[:_SHOWN])}{more}" if running else text
