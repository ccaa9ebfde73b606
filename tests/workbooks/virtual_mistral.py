"""A real Mistral engine, in this thread and in virtual time.

What runs is Mistral's own: `DefaultEngine`, the workflow controllers, the policies, YAQL, the
database on SQLite. Replaced is only what costs time or makes the order of events a matter of
luck, each at the one place where Mistral obtains it:

* threads: what the engine does after a transaction goes into a queue (`Agenda`) and runs in order;
* RPC: calls of the engine to itself go into the same queue;
* the scheduler: delays (retry, wait-before, timeouts) are entries of the queue with a due time.
  When nothing else is left to do, the clock jumps to the next one: a delay costs no wall time, and
  a timeout of ten minutes still ends before a delay of eleven;
* the executor: the caller decides what an action returns.

Validation of a workbook is Mistral's, too, less the seconds that it spends on its own schema.

Nothing is left running afterwards: there is no thread to stop.
"""

import collections
import contextlib
import copy
import datetime
import heapq
import itertools
import types

import jsonschema
import pytest
from mistral import config as mistral_config
from mistral import context
from mistral.db.sqlalchemy import base as db_base
from mistral.db.v2 import api as db_api
from mistral.engine import default_engine, post_tx_queue
from mistral.executors import base as executors
from mistral.expressions import base as expressions
from mistral.lang import base as mistral_lang
from mistral.rpc import clients as rpc_clients
from mistral.scheduler import base as schedulers
from mistral.services import actions as action_service
from mistral.services import workbooks
from mistral.workflow import direct_workflow
from mistral_lib import actions as mistral_actions
from mistral_lib import utils as mistral_utils
from oslo_config import cfg
from oslo_utils import importutils

MAX_STEPS = 20_000
_ERRORS = {"ValidationError": jsonschema.ValidationError}


class Stopped(Exception):
    """The rehearsal cannot go on; the text says why."""


class Agenda:
    """What is to be done, now and later, and the clock."""

    def __init__(self):
        self._now = collections.deque()
        self._later = []
        self._serial = itertools.count()
        # not a whole second: Mistral would print it without microseconds, and times are compared
        # as texts
        self.time = datetime.datetime(2030, 1, 1, microsecond=1)

    def clear(self):
        self._now.clear()
        self._later.clear()

    def clock(self):
        """Each look at the clock gives a later time, so that records keep their order."""
        self.time += datetime.timedelta(microseconds=1)
        return self.time

    def soon(self, function, *args, **kwargs):
        self._now.append((function, args, kwargs))

    def later(self, delay, key, function, kwargs):
        due = self.time + datetime.timedelta(seconds=delay)
        heapq.heappush(self._later, (due, next(self._serial), key, function, kwargs))

    def has_later(self, wanted):
        return any(key == wanted for _, _, key, _, _ in self._later)

    def run(self):
        for _ in range(MAX_STEPS):
            if self._now:
                function, args, kwargs = self._now.popleft()
            elif self._later:
                due, _, _, function, kwargs = heapq.heappop(self._later)
                self.time, args = max(self.time, due), ()
            else:
                return
            function(*args, **kwargs)
        raise Stopped(f"the workflow did not end within {MAX_STEPS} steps")


class QueuedThread:
    """Stands for threading.Thread in the engine: `start` puts the work on the agenda."""

    agenda = None

    def __init__(self, target):
        self._target = target

    def start(self):
        self.agenda.soon(self._target)


class QueuedEngine:
    """Stands for the RPC client of the engine: calls are queued, as over a broker."""

    def __init__(self, agenda, engine):
        self._agenda = agenda
        self._engine = engine

    def __getattr__(self, name):
        call = getattr(self._engine, name)
        return lambda *args, **kwargs: self._agenda.soon(call, *args, **kwargs)


class VirtualScheduler(schedulers.Scheduler):
    """Keeps delayed calls on the agenda."""

    def __init__(self, agenda):
        self._agenda = agenda

    def schedule(self, job):
        assert not job.target_factory_func_name, "not met so far"
        function = importutils.import_class(job.func_name)
        self._agenda.later(job.run_after, job.key, function, copy.deepcopy(job.func_args))

    def has_scheduled_jobs(self, **filters):
        return self._agenda.has_later(filters.get("key"))

    def start(self):
        pass

    def stop(self, graceful=False):
        pass


class ScriptedExecutor(executors.Executor):
    """Asks a function for the result of an action.

    `result_of(task path, action, inputs)` returns `{data: ...}` or `{error: ...}`; None means that
    the action shall really run.
    """

    def __init__(self, engine_client):
        self._engine = engine_client
        self.result_of = None
        self.stopped = None

    def run_action(self, action, action_ex_id, safe_rerun, exec_ctx, **_):
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
        if scripted is None:
            scripted = {"data": action.run(context.create_action_context(exec_ctx))}
        result = mistral_actions.Result(**scripted)
        self._engine.on_action_complete(action_ex_id, result)


def task_path(task):
    """Names of the tasks that lead to a task, from the top workflow: `parent/child`."""
    parent = task.workflow_execution.task_execution_id
    return f"{task_path(db_api.get_task_execution(parent))}/{task.name}" if parent else task.name


def _validate(instance, schema):
    """Stands for jsonschema.validate, which checks Mistral's own schema anew for each task."""
    jsonschema.validators.validator_for(schema)(schema).validate(instance)


class VirtualMistral:
    """The engine with its database. Mistral's modules are changed during its calls only.

    :param database: path of the SQLite file.
    """

    def __init__(self, database):
        self._agenda = Agenda()
        self._engine = default_engine.DefaultEngine()
        client = QueuedEngine(self._agenda, self._engine)
        self._executor = ScriptedExecutor(client)
        self._edges = set()
        self._options = (
            ("database", "connection", f"sqlite:///{database}"),
            ("database", "sqlite_synchronous", False),
            ("pecan", "auth_enable", False),
            # a check every few seconds that finds executions which the engine forgot
            ("engine", "execution_integrity_check_delay", -1),
            # the OpenStack actions of mistral-extra: seconds to load, and the pack uses none
            ("legacy_action_provider", "load_action_generators", False),
        )
        thread = type("Thread", (QueuedThread,), {"agenda": self._agenda})
        self._replaced = {
            (post_tx_queue, "threading"): types.SimpleNamespace(Thread=thread),
            (rpc_clients, "_ENGINE_CLIENT"): client,
            (schedulers, "_SCHEDULER"): VirtualScheduler(self._agenda),
            (executors, "get_executor"): lambda _: self._executor,
            (mistral_utils, "utc_now_sec"): self._agenda.clock,
            (direct_workflow.DirectWorkflowController, "_find_next_tasks"): self._recording_edges(),
            (mistral_lang, "jsonschema"): types.SimpleNamespace(validate=_validate, **_ERRORS),
            # made at their first use, and then kept
            (action_service, "_SYSTEM_PROVIDER"): None,
            (db_base, "_facade"): None,
        }
        # another test of this process may have loaded keystonemiddleware, which then wants it
        with contextlib.suppress(cfg.NoSuchOptError, cfg.NoSuchGroupError):
            cfg.CONF.set_default("auth_url", "http://127.0.0.1:1", "keystone_authtoken")
        mistral_config.parse_args(args=[])
        with self._at_work():
            db_api.setup_db()
            action_service.get_system_action_provider()
            for module, name in ((action_service, "_SYSTEM_PROVIDER"), (db_base, "_facade")):
                self._replaced[module, name] = getattr(module, name)

    @contextlib.contextmanager
    def _at_work(self):
        with pytest.MonkeyPatch.context() as patch:
            for (module, name), value in self._replaced.items():
                patch.setattr(module, name, value)
            for group, option, value in self._options:
                cfg.CONF.set_override(option, value, group)
            context.set_ctx(context.MistralContext(is_admin=True))
            try:
                yield
            finally:
                context.set_ctx(None)
                for group, option, _ in self._options:
                    cfg.CONF.clear_override(option, group)

    def close(self):
        """Close the database."""
        with self._at_work():
            db_base.get_engine().dispose()

    def _recording_edges(self):
        """Mistral keeps no record of a transition to `fail` or `succeed`; this does."""
        find = direct_workflow.DirectWorkflowController._find_next_tasks

        def find_and_record(controller, task_ex, ctx):
            found = find(controller, task_ex, ctx)
            for target, _, event in found:
                self._edges.add((task_ex.workflow_name, task_ex.name, event, target))
            return found

        return find_and_record

    def install(self, text):
        """Create a workbook, with Mistral's own validation."""
        with self._at_work():
            workbooks.create_workbook_v2(text)

    def set_environment(self, variables):
        """Make the Mistral environment `recovery`, or remove it (None)."""
        with self._at_work(), db_api.transaction():
            db_api.delete_environments(name="recovery")
            if variables is not None:
                db_api.create_environment({"name": "recovery", "variables": variables})

    def environment(self):
        """Content of the Mistral environment `recovery`; None if there is none."""
        with self._at_work(), db_api.transaction(read_only=True):
            environment = db_api.load_environment("recovery")
            return environment.variables if environment else None

    def actions(self):
        """All actions: name -> text of their inputs, as the API gives it."""
        with self._at_work():
            found = action_service.get_system_action_provider().find_all()
            return {action.name: action.params_spec for action in found}

    def functions(self):
        """Names of the YAQL functions beyond YAQL's own."""
        return expressions.get_custom_functions().keys()

    def run(self, workflow, inputs, result_of):
        """Run a workflow until nothing is left to do.

        :param result_of: see :class:`ScriptedExecutor`.
        :returns: state, state_info, output, tasks (paths in order of creation), workflows (names
            of those that ran), edges (those taken: workflow, task, event, target), seconds (in
            virtual time) and stopped (why it could not end, or None).
        """
        self._agenda.clear()
        self._edges.clear()
        self._executor.result_of, self._executor.stopped = result_of, None
        began = self._agenda.time
        with self._at_work():
            execution = self._engine.start_workflow(workflow, wf_input=copy.deepcopy(inputs)).id
            try:
                self._agenda.run()
            except Stopped as error:
                self._executor.stopped = error
            with db_api.transaction(read_only=True):
                done = db_api.get_workflow_execution(execution)
                tasks = _tasks_of(execution)
                return types.SimpleNamespace(
                    state=done.state,
                    state_info=done.state_info,
                    output=done.output,
                    tasks=[task_path(task) for task in tasks],
                    workflows={done.workflow_name} | {task.workflow_name for task in tasks},
                    edges=set(self._edges),
                    seconds=(self._agenda.time - began).total_seconds(),
                    stopped=self._executor.stopped,
                )


def _tasks_of(execution):
    def below(workflow_execution_id):
        for task in db_api.get_task_executions(workflow_execution_id=workflow_execution_id):
            yield task
            for child in db_api.get_workflow_executions(task_execution_id=task.id):
                yield from below(child.id)

    return sorted(below(execution), key=lambda task: task.created_at)
