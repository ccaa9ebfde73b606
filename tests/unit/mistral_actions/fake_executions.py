"""One execution of a workflow as Mistral's database has it, for the functions that read there."""

import itertools
import types

CONTEXT = {"__execution": {"id": "e1"}, "__task_execution": None}
SECOND = 1_000  # Mistral's times have whole seconds; here they are numbers


class FakeExecution:
    """Its tasks end one after the other, a second apart; each is led to by the one before it.

    :param given: its input `report`, if any.
    """

    def __init__(self, given=None, tasks=()):
        self.own = types.SimpleNamespace(
            id="e1", workflow_name="recovery.test.run", state="RUNNING", task_execution_id=None,
            input={} if given is None else {"report": given}, spec={"tasks": {}},
        )  # fmt: skip
        self.tasks, self.runs, self.jobs, self.calls = [], [], [], []
        self._clock, self._serial = itertools.count(), itertools.count()
        for result in tasks:
            self.task(**result)

    def task(self, name="some_task", result=None, state=None, output=None, **more):
        """Add a task that has ended, with the result of its action or its workflow's output."""
        now, number = next(self._clock) * SECOND, next(self._serial)
        failed = isinstance(result, str) or (isinstance(result, dict) and "code" in result)
        led_by = [{"task_id": self.tasks[-1].id}] if self.tasks else []
        known = {
            "id": f"t{number}", "name": name, "state": state or ("ERROR" if failed else "SUCCESS"),
            "type": "ACTION" if output is None else "WORKFLOW", "state_info": None, "tags": [],
            "runtime_context": {"triggered_by": led_by}, "created_at": now, "updated_at": None,
            "finished_at": now, "processed": True, "has_next_tasks": False,
        }  # fmt: skip
        self.tasks.append(found := types.SimpleNamespace(**known | more))
        self.own.spec["tasks"][name] = {"tags": found.tags}
        self.run(found, {"result": result} if output is None else output)
        return found

    def run(self, task, output, state="SUCCESS", accepted=True, given=None):
        """Add a run of a task's action, or of its sub-workflow; `given` is its input."""
        number = next(self._serial)
        self.runs.append(
            types.SimpleNamespace(
                id=f"r{number}", created_at=number, task_execution_id=task.id, kind=task.type,
                output=output, state=state, accepted=accepted, input=given or {},
            )
        )  # fmt: skip

    # ---- what Mistral's database is asked
    def get_workflow_execution(self, _):
        return self.own

    def get_task_execution(self, id_):
        return next(one for one in self.tasks if one.id == id_)

    def get_task_executions(self, workflow_execution_id):
        assert workflow_execution_id == self.own.id
        return list(reversed(self.tasks))  # in no order that helps

    def get_action_executions(self, **which):
        return self._runs("ACTION", which)

    def get_workflow_executions(self, **which):
        return self._runs("WORKFLOW", which)

    def get_scheduled_jobs(self, fields, func_name, func_args):
        assert fields == ["id", "captured_at"]
        return [
            one
            for one in self.jobs
            if (one.func_name, one.func_args) == (func_name, func_args["eq"])
        ]

    def get_delayed_calls(self, fields, target_method_name, method_arguments, processing):
        assert fields == ["id"]
        asked = (target_method_name, method_arguments["eq"], processing)
        return [
            one
            for one in self.calls
            if (one.target_method_name, one.method_arguments, one.processing) == asked
        ]

    def delete_delayed_calls(self, **which):
        self.calls = [one for one in self.calls if not which.items() <= vars(one).items()]

    def delete_scheduled_jobs(self, **which):
        self.jobs = [one for one in self.jobs if not which.items() <= vars(one).items()]

    def _runs(self, kind, which):
        return [
            one
            for one in reversed(self.runs)
            if one.kind == kind and which.items() <= vars(one).items()
        ]


def asking(task):
    """The context of an expression of a task."""
    return {**CONTEXT, "__task_execution": {"id": task.id, "name": task.name}}
