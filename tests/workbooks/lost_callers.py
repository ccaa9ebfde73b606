"""Processes of Mistral that can be lost, with its own checker, policies, jobs and contexts.

Import it when Mistral is loaded.
"""

import contextlib
import datetime
import functools
import threading
import types

from mistral import context as contexts
from mistral.db.v2 import api as db_api
from mistral.engine import default_engine, post_tx_queue
from mistral.executors import base as executors
from mistral.rpc import clients as rpc_clients
from mistral.scheduler import base as schedulers
from mistral.scheduler.default_scheduler import DefaultScheduler
from mistral.services import action_heartbeat_checker, legacy_scheduler, workbooks
from mistral_lib import actions
from oslo_config import cfg

from driver.rehearsals.engine import replaced
from mistral_actions.errors import Unauthorized

WORKBOOK = """
version: '2.0'
name: lost
workflows:
  whole:
    tasks:
      inner:
        workflow: part
  part:
    task-defaults:
      retry:
        count: 1
        delay: 1
        continue-on: <% try_again() %>
      fail-on: <% try_again() or run_state() = ENDED %>
    tasks:
      first:
        action: std.echo
        input: {output: <% recovery_settings() %>}
        on-error: [then]
      then:
        action: std.echo
        input: {output: then}
"""


class Default(DefaultScheduler):
    """Keeps jobs, and does nothing by itself."""

    def _schedule_in_memory(self, _):
        pass

    def due(self, function):
        for job in db_api.get_scheduled_jobs():
            if job.func_name.endswith(function):
                db_api.delete_scheduled_job(job.id)
                yield functools.partial(self._invoke_job, *self._prepare_job(job))


class Legacy(legacy_scheduler.LegacyScheduler):
    """The same."""

    def due(self, function):
        for call in db_api.get_delayed_calls():
            if call.target_method_name.endswith(function):
                db_api.delete_delayed_calls(id=call.id)
                yield functools.partial(self._invoke_calls, self._prepare_calls([call]))


class Processes:
    """Threads of engines and executors, with Mistral's contexts between them as over a broker."""

    no_token = actions.Result(error=Unauthorized("Mistral passed no token.").as_dict())

    def __init__(self, scheduler):
        self.scheduler = scheduler
        self.engine = default_engine.DefaultEngine()
        self.todo = []
        self.ran = []  # (action execution, user, token, input) of all that executors got
        self.contexts = {}  # action execution -> the context in which an executor got it
        self.handed = []  # (action, its execution as Mistral tells it) of all that ever did

    @staticmethod
    def in_thread(target):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()

    def settle(self):
        while self.todo:
            self.in_thread(self.todo.pop(0))

    # what Mistral finds in the place of its own
    def thread(self, target):
        return types.SimpleNamespace(start=lambda: self.todo.append(target))

    def send(self, method, *args, **kwargs):
        message = contexts.RpcContextSerializer().serialize_context(contexts.ctx())

        def receive():
            contexts.RpcContextSerializer().deserialize_context(message)
            getattr(self.engine, method)(*args, **kwargs)

        self.todo.append(receive)

    def __getattr__(self, method):
        return lambda *args, **kwargs: self.send(method, *args, **kwargs)

    def run_action(self, action, action_ex_id, _safe_rerun, within, **__):
        got = contexts.ctx()
        self.handed.append((action, within))
        if action_ex_id is None:  # it is not to be kept
            return actions.Result(data=None)
        with db_api.transaction(read_only=True):
            given = db_api.load_action_execution(action_ex_id).input.get("output")
        self.contexts[action_ex_id] = got
        self.ran.append((action_ex_id, got.user_id, got.auth_token, given))
        return None

    # what happens
    def as_(self, user, project, **more):
        context = {"user_id": user, "project_id": project, "auth_token": f"token-of-{user}"}
        contexts.set_ctx(contexts.MistralContext(**{**context, "roles": ["member"], **more}))

    def begun(self):
        """Let all go on that can; return what executors got meanwhile."""
        self.ran.clear()
        self.settle()
        return list(self.ran)

    def next_tries(self):
        """Let the scheduler do what is due after a retry's delay."""
        contexts.set_ctx(contexts.MistralContext(is_admin=True))
        self.todo.extend(self.scheduler.due("_continue_task"))
        return self.begun()

    def lose(self, found):
        """Let the executors die, and the checker find out."""
        contexts.set_ctx(contexts.MistralContext(is_admin=True))
        with db_api.transaction():
            for action_ex_id, *_ in found:
                db_api.update_action_execution(
                    action_ex_id, {"last_heartbeat": datetime.datetime(2000, 1, 1)}
                )
        self.in_thread(self._check)
        return self.begun()

    @staticmethod
    def _check():
        contexts.set_ctx(contexts.MistralContext(is_admin=True))  # as the checker's thread begins
        action_heartbeat_checker.handle_expired_actions()

    def answer(self, found, result):
        for action_ex_id, *_ in found:
            contexts.set_ctx(self.contexts[action_ex_id])
            self.send("on_action_complete", action_ex_id, result)
        return self.begun()


def forget_all():
    """Leave nothing for the checker to find that another test has begun and not ended."""
    contexts.set_ctx(contexts.MistralContext(is_admin=True))
    with db_api.transaction():
        found = [*db_api.get_workflow_executions(), *db_api.get_action_executions()]
    for project in {one.project_id for one in found}:  # an administrator deletes no others, either
        contexts.set_ctx(contexts.MistralContext(is_admin=True, project_id=project))
        with db_api.transaction():
            db_api.delete_workflow_executions()
            db_api.delete_action_executions()
    contexts.set_ctx(contexts.MistralContext(is_admin=True))
    with db_api.transaction():
        assert db_api.get_action_executions(state="RUNNING") == []
        db_api.delete_scheduled_jobs()
        db_api.delete_delayed_calls()


@contextlib.contextmanager
def at_work(mistral, scheduler):
    """Two projects, each with a user and an environment, and a workbook for both.

    :param scheduler: `scheduler_type` of Mistral.
    """
    kind = {"default": Default, "legacy": Legacy}[scheduler]
    found = Processes(kind(cfg.CONF.scheduler))
    with (
        mistral._at_work(),
        replaced(
            {
                (post_tx_queue, "threading"): types.SimpleNamespace(Thread=found.thread),
                (rpc_clients, "_ENGINE_CLIENT"): found,
                (schedulers, "_SCHEDULER"): found.scheduler,
                (executors, "get_executor"): lambda _: found,
            }
        ),
    ):
        cfg.CONF.set_override("auth_enable", True, "pecan")
        cfg.CONF.set_override("execution_integrity_check_delay", 20, "engine")
        cfg.CONF.set_override("scheduler_type", scheduler)
        forget_all()
        for project, user in (("blue", "ann"), ("red", "bob")):
            found.as_(user, project)
            if not db_api.load_workbook("lost", ""):
                workbooks.create_workbook_v2(WORKBOOK, scope="public")
            with db_api.transaction():
                db_api.create_or_update_environment(
                    "recovery", {"name": "recovery", "variables": {"of": project}}
                )
        try:
            yield found
        finally:
            forget_all()
            cfg.CONF.clear_override("scheduler_type")
