"""Mistral's database. Only the functions of this package read it, in Mistral's engine."""

from typing import Any

from mistral_actions.engine import internals


def api() -> Any:
    """Return Mistral's own access to its database; the caller is in a transaction of the engine.

    :raises internals.Changed: this Mistral is refused.
    """
    internals.check()
    # only the engine has them; drivers import the pack, too
    from mistral import context
    from mistral.db.v2 import api as found

    own = context.ctx() if context.has_ctx() else None
    if own is not None and own.is_admin and not own.project_id:
        return _OfAllProjects(found)
    return found


class _OfAllProjects:
    """Mistral's database for a thread that is an administrator's of no project.

    The thread that ends lost actions is one. Mistral 15 shows it tasks and actions of no project
    but by this keyword; later versions show it all, and know the keyword as well.
    """

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def get_task_execution(self, task_id: str) -> Any:
        """Return a task; raise Mistral's own error if it is not there."""
        return self.load_task_execution(task_id) or self._api.get_task_execution(task_id)

    def load_task_execution(self, task_id: str) -> Any:
        """Return a task, null if it is not there."""
        found = self.get_task_executions(id=task_id)
        return found[0] if found else None

    def get_task_executions(self, **which: Any) -> Any:
        """Return the tasks of all projects to which this applies."""
        return self._api.get_task_executions(**which, insecure=True)

    def get_action_executions(self, **which: Any) -> Any:
        """Return the actions of all projects to which this applies."""
        return self._api.get_action_executions(**which, insecure=True)

    def get_workflow_executions(self, **which: Any) -> Any:
        """Return the executions of all projects to which this applies."""
        return self._api.get_workflow_executions(**which, insecure=True)

    def load_workflow_execution(self, execution_id: str) -> Any:
        """Return an execution, null if it is not there."""
        found = self.get_workflow_executions(id=execution_id)
        return found[0] if found else None
