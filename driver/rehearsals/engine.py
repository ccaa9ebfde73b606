"""A real Mistral engine, in this thread and in virtual time.

What runs is Mistral's own: `DefaultEngine`, the workflow controllers, the policies, YAQL, the
database on SQLite. Replaced is only what costs time or makes the order of events a matter of
luck, each at the one place where Mistral obtains it:

* threads: what the engine does after a transaction goes into a queue (`Agenda`) and runs in order;
* RPC: calls of the engine to itself go into the same queue;
* the scheduler: delays (retry, wait-before, timeouts) are entries of the queue with a due time;
* the executor: the caller decides what an action returns.

Validation of a workbook is Mistral's, too, less the seconds that it spends on its own schema.

Nothing is left running afterwards: there is no thread to stop.
"""

import contextlib
import copy
import datetime
import types
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping
from typing import Any

import jsonschema
from mistral import config as mistral_config
from mistral import context, exceptions
from mistral.db.sqlalchemy import base as db_base
from mistral.db.v2 import api as db_api
from mistral.db.v2.sqlalchemy import api as db_implementation
from mistral.engine import default_engine, post_tx_queue
from mistral.executors import base as executors
from mistral.expressions import base as expressions
from mistral.lang import base as mistral_lang
from mistral.rpc import clients as rpc_clients
from mistral.scheduler import base as schedulers
from mistral.services import actions as action_service
from mistral.services import workbooks
from mistral.workflow import direct_workflow
from mistral_lib import utils as mistral_utils
from oslo_config import cfg

from driver.errors import DriverError
from driver.rehearsals.agenda import Agenda, Stopped
from driver.rehearsals.branches import Edge
from driver.rehearsals.comparison import Run
from driver.rehearsals.replacements import (
    QueuedEngine,
    QueuedThread,
    ResultOf,
    ScriptedExecutor,
    StandIns,
    VirtualScheduler,
    task_path,
    validate,
)

ENVIRONMENT = "recovery"
_FAILURES = (exceptions.MistralException, exceptions.MistralError)
_ERRORS = {"ValidationError": jsonschema.ValidationError}


class WorkbookRefusedError(DriverError):
    """Mistral does not take a workbook; the text is what it says."""


class VirtualMistral:
    """The engine with its database in memory; Mistral's modules are changed during calls only."""

    def __init__(self) -> None:
        self._agenda = Agenda()
        self._engine = default_engine.DefaultEngine()
        client = QueuedEngine(self._agenda, self._engine)
        self._executor = ScriptedExecutor(client)
        self._edges: set[Edge] = set()
        self._stand_ins = StandIns()
        self._options = (
            ("database", "connection", "sqlite://"),
            ("database", "sqlite_synchronous", False),
            ("pecan", "auth_enable", False),
            # a check every few seconds that finds executions which the engine forgot
            ("engine", "execution_integrity_check_delay", -1),
            # the OpenStack actions of mistral-extra: seconds to load, and the pack uses none
            ("legacy_action_provider", "load_action_generators", False),
        )
        thread = type("Thread", (QueuedThread,), {"agenda": self._agenda})
        self._replaced: dict[tuple[Any, str], Any] = {
            (post_tx_queue, "threading"): types.SimpleNamespace(Thread=thread),
            (rpc_clients, "_ENGINE_CLIENT"): client,
            (schedulers, "_SCHEDULER"): VirtualScheduler(self._agenda),
            (executors, "get_executor"): lambda _: self._executor,
            (mistral_utils, "utc_now_sec"): self._agenda.clock,
            (direct_workflow.DirectWorkflowController, "_find_next_tasks"): self._recording_edges(),
            (mistral_lang, "jsonschema"): types.SimpleNamespace(validate=validate, **_ERRORS),
            # made at their first use, and then kept
            (action_service, "_SYSTEM_PROVIDER"): None,
            (db_base, "_facade"): None,
            (db_implementation, "_initialized"): False,
        }
        # another part of this process may have loaded keystonemiddleware, which then wants it
        with contextlib.suppress(cfg.NoSuchOptError, cfg.NoSuchGroupError):
            cfg.CONF.set_default("auth_url", "http://127.0.0.1:1", "keystone_authtoken")
        _configure()
        with self._at_work():
            db_api.setup_db()
            action_service.get_system_action_provider().add_action_provider(self._stand_ins)
            for module, name in (
                (action_service, "_SYSTEM_PROVIDER"),
                (db_base, "_facade"),
                (db_implementation, "_initialized"),
            ):
                self._replaced[module, name] = getattr(module, name)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        with replaced(self._replaced):
            for group, option, value in self._options:
                cfg.CONF.set_override(option, value, group)
            context.set_ctx(context.MistralContext(is_admin=True))
            try:
                yield
            finally:
                context.set_ctx(None)
                for group, option, _ in self._options:
                    cfg.CONF.clear_override(option, group)

    def close(self) -> None:
        """Close the database."""
        with self._at_work():
            db_base.get_engine().dispose()

    def _recording_edges(self) -> Callable[..., Any]:
        """Mistral keeps no record of a transition to `fail` or `succeed`; this does."""
        find = direct_workflow.DirectWorkflowController._find_next_tasks

        def find_and_record(controller: Any, task_ex: Any, ctx: Any) -> Any:
            found = find(controller, task_ex, ctx)
            for target, _, event in found:
                self._edges.add((task_ex.workflow_name, task_ex.name, event, target))
            return found

        return find_and_record

    def install(self, text: str) -> None:
        """Create a workbook, with Mistral's own validation.

        :raises WorkbookRefusedError: it is not valid.
        """
        with self._at_work():
            try:
                workbooks.create_workbook_v2(text)
            except _FAILURES as error:
                raise WorkbookRefusedError(" ".join(str(error).split())) from error

    def stand_in_for(self, names: Iterable[str]) -> list[str]:
        """Let actions be called that are not installed here; only a case can say what they return.

        :param names: of actions; those that are installed stay what they are.
        :returns: the names of the others.
        """
        with self._at_work():
            find = action_service.get_system_action_provider().find
            missing = sorted(name for name in set(names) if find(name) is None)
        self._stand_ins.names.update(missing)
        return missing

    def set_environment(self, variables: Mapping[str, Any] | None) -> None:
        """Make the Mistral environment `recovery`, or remove it (None)."""
        with self._at_work(), db_api.transaction():
            db_api.delete_environments(name=ENVIRONMENT)
            if variables is not None:
                db_api.create_environment({"name": ENVIRONMENT, "variables": variables})

    def environment(self) -> dict[str, Any] | None:
        """Content of the Mistral environment `recovery`; None if there is none."""
        with self._at_work(), db_api.transaction(read_only=True):
            environment = db_api.load_environment(ENVIRONMENT)
            return environment.variables if environment else None

    def actions(self) -> dict[str, str]:
        """All actions: name -> text of their inputs, as the API gives it."""
        with self._at_work():
            found = action_service.get_system_action_provider().find_all()
            return {action.name: action.params_spec for action in found}

    def functions(self) -> KeysView[str]:
        """Names of the YAQL functions beyond YAQL's own."""
        names: KeysView[str] = expressions.get_custom_functions().keys()
        return names

    def run(self, workflow: str, inputs: Mapping[str, Any], result_of: ResultOf) -> Run:
        """Run a workflow until nothing is left to do.

        :param workflow: its full name.
        :param inputs: what it is given.
        :param result_of: see :class:`ScriptedExecutor`.
        """
        self._agenda.clear()
        self._edges.clear()
        self._executor.result_of, self._executor.stopped = result_of, None
        began = self._agenda.time
        with self._at_work():
            try:
                started = self._engine.start_workflow(workflow, wf_input=copy.deepcopy(inputs))
            except _FAILURES as error:
                return _not_started(f"{workflow} cannot be started: {error}")
            execution = started.id
            try:
                self._agenda.run()
            except Stopped as error:
                self._executor.stopped = error
            with db_api.transaction(read_only=True):
                done = db_api.get_workflow_execution(execution)
                tasks = _tasks_since(began)
                paths = [task_path(task) for task in tasks]
                return Run(
                    state=done.state,
                    state_info=done.state_info,
                    output=done.output,
                    tasks=paths,
                    states={path: task.state for path, task in zip(paths, tasks, strict=True)},
                    owners=dict(zip(paths, (task.workflow_name for task in tasks), strict=True)),
                    workflows={done.workflow_name} | {task.workflow_name for task in tasks},
                    edges=set(self._edges),
                    seconds=(self._agenda.time - began).total_seconds(),
                    stopped=self._executor.stopped,
                )


def _configure() -> None:
    """Read no configuration: that of a Mistral on this machine is not for rehearsals."""
    with contextlib.suppress(cfg.ArgsAlreadyParsedError):  # by an engine before this one
        mistral_config.log.register_options(cfg.CONF)
    cfg.CONF([], project="mistral", default_config_files=[], default_config_dirs=[])


def _not_started(reason: str) -> Run:
    nothing: Any = {}
    stopped = Stopped(" ".join(reason.split()))
    return Run("", None, nothing, [], nothing, nothing, set(), set(), 0, stopped)


@contextlib.contextmanager
def replaced(values: Mapping[tuple[Any, str], Any]) -> Iterator[None]:
    """Give attributes of modules and classes other values, and restore them.

    :param values: by owner and name of the attribute.
    """
    kept = {(owner, name): getattr(owner, name) for owner, name in values}
    try:
        _set(values)
        yield
    finally:
        _set(kept)


def _set(values: Mapping[tuple[Any, str], Any]) -> None:
    for (owner, name), value in values.items():
        setattr(owner, name, value)


def _tasks_since(began: datetime.datetime) -> list[Any]:
    """Return the tasks of what was started since then, in order of creation."""

    def below(execution: Any) -> Iterator[Any]:
        for task in db_api.get_task_executions(workflow_execution_id=execution.id):
            yield task
            for child in db_api.get_workflow_executions(task_execution_id=task.id):
                yield from below(child)

    started = db_api.get_workflow_executions(task_execution_id=None, created_at={"gte": began})
    return sorted(
        (task for execution in started for task in below(execution)),
        key=lambda task: task.created_at,
    )
