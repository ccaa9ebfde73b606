"""What the pack uses of Mistral's inside: all of it, and whether this Mistral has it.

Mistral promises none of this to anybody. So it is written down here, in one place, and looked for
once in each process before it is used. A Mistral that lacks some of it is refused by one sentence:

- when it starts, in its log, and then in its list of actions, where `openstack recovery sync` finds
  it (`provider`);
- by each action (`provider`): so each workflow of the pack ends with it in its report, a dry run,
  too. The functions that are asked before that say something that changes nothing (`or_else`).

Tested are the versions of `requirements/mistral*.txt`.
"""

import functools
import importlib
import importlib.metadata
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from mistral_actions.errors import report

LOG = logging.getLogger(__name__)

_API = "mistral.db.v2.api"
_MODELS = "mistral.db.v2.sqlalchemy.models"

#: module -> what is used of it: functions, columns of records, and names that records hold
USED: dict[str, tuple[str, ...]] = {
    "mistral.config": (),  # it makes the options known
    _API: (
        "get_workflow_execution",
        "get_workflow_executions",
        "load_workflow_execution",
        "update_workflow_execution",
        "get_task_execution",
        "get_task_executions",
        "load_task_execution",
        "get_action_executions",
        "load_environment",
        "get_scheduled_jobs",
        "delete_scheduled_jobs",
        "get_delayed_calls",
        "delete_delayed_calls",
        "named_lock",
        "transaction",
    ),
    # `database._OfAllProjects`
    "mistral.db.v2.sqlalchemy.api": ("_get_collection(insecure)",),
    _MODELS: (
        *(
            f"WorkflowExecution.{column}"
            for column in (
                *("id", "workflow_name", "project_id", "description", "state", "state_info"),
                *("created_at", "updated_at", "input", "output", "spec", "context"),
                *("task_execution_id", "root_execution_id"),
                "task_executions",  # and, with it, `workflow_execution` of a task
            )
        ),
        *(
            f"TaskExecution.{column}"
            for column in (
                *("id", "name", "type", "project_id", "state", "state_info", "tags", "spec"),
                *("created_at", "updated_at", "finished_at", "processed", "has_next_tasks"),
                *("published", "runtime_context", "workflow_execution_id"),
            )
        ),
        *(
            f"ActionExecution.{column}"
            for column in (
                *("id", "project_id", "state", "accepted", "input", "output", "created_at"),
                *("updated_at", "task_execution_id", "last_heartbeat"),
            )
        ),
        *(
            f"ScheduledJob.{column}"
            for column in ("id", "func_name", "func_args", "key", "auth_ctx", "captured_at")
        ),
        *(
            f"DelayedCall.{column}"
            for column in (
                *("id", "target_method_name", "method_arguments", "key", "auth_context"),
                "processing",
            )
        ),
        "Environment.variables",
    ),
    "mistral.context": ("has_ctx", "ctx", "set_ctx", "MistralContext.to_dict"),
    "mistral.engine.workflow_handler": ("_get_integrity_check_key", "check_and_complete"),
    "mistral.engine.workflows": ("Workflow.resume",),
    "mistral.engine.policies": ("_continue_task", "_CONTINUE_TASK_PATH"),
    "mistral.engine.task_handler": (
        "_SCHEDULED_ON_ACTION_COMPLETE_PATH",
        "_REFRESH_TASK_STATE_PATH",
        "_get_refresh_state_job_key",
    ),
    "mistral.engine.post_tx_queue": ("run",),
    "mistral.rpc.clients": ("get_engine_client",),
    "mistral.scheduler.base": ("SchedulerJob", "get_system_scheduler"),
    "mistral_lib.utils": ("utc_now_sec",),
    # options, with the names of their groups
    "oslo_config.cfg": ("CONF.scheduler_type", "CONF.pecan.auth_enable"),
}


CODE = "MISTRAL_CHANGED"

Asked = TypeVar("Asked", bound=Callable[..., Any])


class Changed(Exception):
    """Mistral is another one inside; the text is a sentence for its operator."""


def check() -> None:
    """Refuse a Mistral that lacks something.

    :raises Changed: with the version and what is missing.
    """
    if found := problem():
        raise Changed(found)


@functools.cache
def problem() -> str | None:
    """Return why this Mistral is refused, as a sentence; null if it has all that is used."""
    lacking = list(missing())
    if not lacking:
        return None
    found = (
        f"Mistral {version()} has changed inside, and recoveries cannot run in it: it has no"
        f" {', no '.join(lacking)}. Use a version of the pack that was tested with it."
    )
    LOG.error(found)
    return found


def or_else(answer: Callable[[str], Any]) -> Callable[[Asked], Asked]:
    """Let a function of a workbook answer without a look at a Mistral that is refused.

    Mistral shows an error of an expression as a traceback, with all that the expression sees.

    :param answer: what it says then, to the sentence.
    """

    def decorate(function: Asked) -> Asked:
        @functools.wraps(function)
        def asked(*args: Any, **given: Any) -> Any:
            why = problem()
            return function(*args, **given) if why is None else answer(why)

        asked.__signature__ = inspect.signature(function)  # type: ignore[attr-defined] # YAQL reads it
        return asked  # type: ignore[return-value]

    return decorate


def refusal(why: str) -> dict[str, Any]:
    """Return the report of a workflow in a Mistral that is refused."""
    return report("FAILED", CODE, why, {})


def missing() -> Iterator[str]:
    """Yield what this Mistral lacks of all that is used."""
    for name, used in USED.items():
        try:
            module = importlib.import_module(name)
        except ImportError:
            yield name
            continue
        yield from (f"{name}.{one}" for one in used if not _has(module, one))


def version() -> str:
    """Return the version of this Mistral."""
    try:
        return importlib.metadata.version("mistral")
    except importlib.metadata.PackageNotFoundError:
        return "(of an unknown version)"


def _has(module: Any, used: str) -> bool:
    path, _, parameter = used.partition("(")
    found = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except Exception:  # noqa: BLE001 - an option that is unknown has an error of its own
            return False
    return not parameter or parameter[:-1] in inspect.signature(found).parameters
