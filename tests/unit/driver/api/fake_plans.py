"""Plans that need no Mistral, and the application over them, with and without a caller."""

import types
import uuid

from driver.api.access import with_role
from driver.api.app import create_app
from driver.errors import NotFoundError
from driver.plans.status import ActionStatus, Control, PlanStatus
from mistral_actions.action_plan.states import ActionNode, Graph

PLAN = "4cbc4ede-0d25-481b-b86e-998dbbd4f8bf"
FIRST = "54acc7a0-91b0-46ea-a5f7-4ae2b9df0b0a"
SECOND = "b4529294-1de6-4302-b57a-9b5d5dc363c6"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
TIMES = {"created_at": "2026-01-31 12:00:00", "updated_at": "2026-01-31 12:05:00"}


def an_action(action=FIRST, task="nop_1", parents=(), **more):
    known = {"type": "nop", "parameters": {"message": "hello"}, "resource": "", "state": "ONGOING"}
    return ActionStatus(action=action, task=task, parents=parents, **{**known, **more})


def a_plan(plan=PLAN, state="ONGOING", actions=None, **more):
    if actions is None:
        actions = (an_action(), an_action(SECOND, "nop_2", ("nop_1",), state="PENDING"))
    nodes = {one.task: ActionNode(one.task, one.action, one.type, one.parents) for one in actions}
    return PlanStatus(plan, state, actions=actions, graph=Graph("ANY", nodes), **{**TIMES, **more})


def a_control(plan, verb, state="RUNNING", reason="", message=""):
    name = str(uuid.uuid5(uuid.UUID(plan), verb))
    return Control(name, plan, verb, state, reason, message)


class FakePlans:
    """What `driver.plans.service.Plans` has, as far as the API uses it.

    `answers` has what a call returns, or the exception that it raises instead, by its name.
    """

    def __init__(self, **answers):
        self.asked = []
        self.answers = answers

    def read(self, plan):
        return self._answer("read", plan, a_plan)

    def look_again(self, status):
        self.asked.append(("look_again", status.id))

    def cancel(self, plan):
        return self._answer("cancel", plan, lambda of: a_control(of, "cancel"))

    def rollback(self, plan, max_age=None):
        return self._answer("rollback", plan, lambda of: a_control(of, "rollback"), max_age)

    def _answer(self, call, plan, otherwise, *more):
        self.asked.append((call, plan, *more))
        if plan == UNKNOWN:
            raise NotFoundError(f"there is no action plan {plan} in this Mistral", 404)
        answer = self.answers.get(call)
        if isinstance(answer, Exception):
            raise answer
        return answer or otherwise(plan)


def identity(*roles, project="p1"):
    """Return what keystonemiddleware leaves in a request of somebody with these roles."""
    user = types.SimpleNamespace(user_id="u1", project_id=project, role_names=list(roles))
    return {
        "HTTP_X_IDENTITY_STATUS": "Confirmed",
        "keystone.token_auth": types.SimpleNamespace(user=user),
    }


def client_of(plans, *roles):
    """Return a client of an application for which "admin" is needed; it has these roles."""
    app = create_app(with_role(["admin"]), lambda caller: plans)
    client = app.test_client()
    client.environ_base.update(identity(*roles) if roles else {})
    return client
