"""What stands in for those parts of Mistral that cost time or make the order a matter of luck."""

import copy
import pkgutil
from collections.abc import Callable
from typing import Any

import jsonschema
from mistral import context
from mistral.db.v2 import api as db_api
from mistral.executors import base as executors
from mistral.scheduler import base as schedulers
from mistral_lib import actions as mistral_actions

from driver.rehearsals.agenda import Agenda, Stopped

ResultOf = Callable[[str, str, dict[str, Any]], "dict[str, Any] | None"]


class QueuedThread:
    """Stands for threading.Thread in the engine: `start` puts the work on the agenda."""

    agenda: Agenda

    def __init__(self, target: Callable[[], object]) -> None:
        self._target = target

    def start(self) -> None:
        """Do the work soon."""
        self.agenda.soon(self._target)


class QueuedEngine:
    """Stands for the RPC client of the engine: calls are queued, as over a broker."""

    def __init__(self, agenda: Agenda, engine: Any) -> None:
        self._agenda = agenda
        self._engine = engine

    def __getattr__(self, name: str) -> Callable[..., None]:
        call = getattr(self._engine, name)
        return lambda *args, **kwargs: self._agenda.soon(call, *args, **kwargs)


class VirtualScheduler(schedulers.Scheduler):  # type: ignore[misc]
    """Keeps delayed calls on the agenda."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def schedule(self, job: Any) -> None:
        """Keep a call; Mistral's own jobs name the function, none names a factory."""
        function = pkgutil.resolve_name(job.func_name)
        self._agenda.later(job.run_after, job.key, function, copy.deepcopy(job.func_args))

    def has_scheduled_jobs(self, **filters: Any) -> bool:
        """Say whether a call with this key is left."""
        return self._agenda.has_later(filters.get("key"))

    def start(self) -> None:
        """Nothing is to be started."""

    def stop(self, graceful: bool = False) -> None:
        """Nothing is to be stopped."""


class ScriptedExecutor(executors.Executor):  # type: ignore[misc]
    """Asks a function for the result of an action.

    `result_of(task path, action, inputs)` returns `{data: ...}` or `{error: ...}`; None means that
    the action shall really run.
    """

    def __init__(self, engine_client: Any) -> None:
        self._engine = engine_client
        self.result_of: ResultOf = lambda *_: None
        self.stopped: Stopped | None = None

    def run_action(
        self, action: Any, action_ex_id: str, safe_rerun: bool, exec_ctx: dict[str, Any], **_: Any
    ) -> None:
        """Tell the engine the result of an action at once."""
        if self.stopped:
            return
        with db_api.transaction(read_only=True):
            action_execution = db_api.get_action_execution(action_ex_id)
            name, inputs = action_execution.name, copy.deepcopy(action_execution.input)
            path = task_path(action_execution.task_execution)
        try:
            scripted = self.result_of(path, name, inputs)
        except Stopped as error:  # Mistral would log it and go on
            self.stopped = error
            return
        result = mistral_actions.Result(**(scripted or _run(action, exec_ctx)))
        self._engine.on_action_complete(action_ex_id, result)


def _run(action: Any, exec_ctx: dict[str, Any]) -> dict[str, Any]:
    """Run an action as Mistral's executor does: whatever it raises is its result."""
    try:
        return {"data": action.run(context.create_action_context(exec_ctx))}
    except Exception as error:  # noqa: BLE001
        return {"error": f"{type(error).__name__}: {error}"}


class StandIn(mistral_actions.Action):  # type: ignore[misc]
    """Stands for an action that is not installed here; it is never run."""

    def __init__(self, **inputs: Any) -> None:
        pass

    def run(self, context: Any) -> None:
        """Refuse: a case says what the action returns."""
        raise NotImplementedError


class StandIns(mistral_actions.ActionProvider):  # type: ignore[misc]
    """Gives Mistral an action for each of these names."""

    def __init__(self) -> None:
        super().__init__("stand-ins")
        self.names: set[str] = set()

    def find(self, action_name: str, namespace: str | None = None) -> Any:
        """Return the action of this name; None if there shall be none."""
        if action_name not in self.names:
            return None
        return mistral_actions.PythonActionDescriptor(action_name, StandIn)

    def find_all(self, *_: Any, **__: Any) -> list[Any]:
        """Return nothing: they are not part of what is installed."""
        return []


def task_path(task: Any) -> str:
    """Names of the tasks that lead to a task, from the top workflow: `parent/child`."""
    name: str = task.name
    parent = task.workflow_execution.task_execution_id
    return f"{task_path(db_api.get_task_execution(parent))}/{name}" if parent else name


def validate(instance: object, schema: dict[str, Any]) -> None:
    """Stand for jsonschema.validate, which checks Mistral's own schema anew for each task."""
    jsonschema.validators.validator_for(schema)(schema).validate(instance)
