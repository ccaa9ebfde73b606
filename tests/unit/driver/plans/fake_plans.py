"""A small Mistral in which action plans are installed and started; what they do, tests say."""

import json

from tests.plan_types import ACTION_TYPES
from tests.unit.driver.fake_mistral import FakeApi, Response, refusal

PLAN = "5d1f9a3e-0000-4000-8000-000000000000"
CHAIN = f"""
uuid: {PLAN}
actions:
  - uuid: 00000000-0000-4000-8000-000000000001
    type: nop
    name: first
  - uuid: 00000000-0000-4000-8000-000000000002
    type: migrate
    parents: [00000000-0000-4000-8000-000000000001]
    parameters:
      resource_id: 11111111-1111-4111-8111-111111111111
      resource_name: web
      migration_type: live
      source_node: compute1
  - uuid: 00000000-0000-4000-8000-000000000003
    type: nop
    name: last
    parents: [00000000-0000-4000-8000-000000000002]
"""
TASKS = ("nop_first", "migrate_web", "nop_last")
CANCEL = "recovery.action_plan.cancel"
ROLLBACK = "recovery.action_plan.rollback"


class PlansApi(FakeApi):
    """What Mistral does with plans.

    ``decides`` maps a workflow that cancels or rolls back to what is called when it has started,
    with its execution.
    """

    def __init__(self):
        super().__init__()
        self.environment = None
        self.decides = {}
        self.lost_answers = 0
        self.is_away = False
        self.checks = lambda: None  # what happens while Mistral checks a definition
        for name in (CANCEL, ROLLBACK, *(f"recovery.action.{name}" for name in ACTION_TYPES)):
            self.workflow(name)

    def workflow(self, name):
        self.data["workflows"].append({"id": name, "name": name})

    def _get_environments(self, parts, options):
        if self.environment is None:
            return refusal(404, "Environment not found [name=recovery]")
        return Response(200, {"name": parts[1], "variables": json.dumps(self.environment)})

    def _post_workbooks(self, parts, options):
        self.checks()
        if self.is_away:
            return Response(503, "no answer")
        answer = super()._post_workbooks(parts, options)
        if answer.status_code == 201 and parts[-1] != "validate":
            for verb in ("run", "rollback"):
                self.workflow(f"{answer.json()['name']}.{verb}")
            if self.lost_answers:
                self.lost_answers -= 1
                return Response(503, "no answer")
        return answer

    def _post_executions(self, parts, options):
        body, before = options["json"], len(self.data["executions"])
        answer = super()._post_executions(parts, options)
        if len(self.data["executions"]) == before:
            return answer
        record = self.data["executions"][-1]
        record["description"] = body["description"]
        self.decides.get(body["workflow_name"], lambda record: None)(record)
        return Response(201, record)

    # What tests put in

    def act(self, name, now, plan=PLAN, root=None, **output):
        """Let the task of an action be in a state now, and give its workflow an output."""
        task_id = f"task {name} of {plan}"
        times = {"started_at": "2026-01-31 12:01:00", "finished_at": "2026-01-31 12:02:00"}
        if task_id not in [task["id"] for task in self.data["tasks"]]:
            self.task(task_id, plan, name, "WORKFLOW", **times, state_info=None)
            self.execution(f"part {name} of {plan}", "recovery.action", root or plan, task_id)
        next(task for task in self.data["tasks"] if task["id"] == task_id)["state"] = now
        if output:
            self.end(f"part {name} of {plan}", "ERROR" if now == "ERROR" else "SUCCESS", **output)

    def carry_out(self, plan=PLAN):
        """Let all of the plan succeed."""
        for name in TASKS:
            self.act(name, "SUCCESS", plan, state="SUCCEEDED", reason="DONE", message="Done.")
        self.end(plan, state="SUCCEEDED", reason="CARRIED_OUT", message="It was carried out.")

    def written(self):
        return [(method, path) for method, path, _ in self.requests if method != "GET"]

    def asked(self):
        return [path for _, path, _ in self.requests]


def accept(api):
    """Return what accepts a cancelling or a rollback."""
    return lambda record: api.task(
        f"check of {record['id']}", record["id"], "check_plan", state="SUCCESS"
    )


def refuse(api, reason):
    """Return what refuses one."""
    return lambda record: api.end(
        record["id"], "ERROR", state="FAILED", reason=reason, message="It must not be."
    )
