"""Whoever started an execution, for the next try of a task whose action was lost.

Mistral's heartbeat checker ends a lost action in the name of nobody: without user, project and
token. All that follows inherits that, and so the next try could not talk to Nova. The cure rests on
this in Mistral:

- `RetryPolicy` evaluates `continue-on`, then schedules the next try, in the same thread.
- The scheduler keeps with a job what `to_dict` of the thread's context says, and runs it so.
- The job that checks the integrity of a running execution keeps the context of who started it, or
  ran it again; each part of it has one of its own.
- The checker ends the lost actions of all projects in one thread. The tasks that follow at once
  are started by another thread, all with the context of the last one. Therefore the context of
  the thread itself is never the caller's: see `OnBehalf`.
"""

import contextlib
import datetime
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mistral_actions import inputs
from mistral_actions.engine import database, internals
from mistral_actions.services import tickets

# How long after the end of a caller's token the service user still acts for the caller.
OUTLIVES = datetime.timedelta(hours=24)
LOG = logging.getLogger(__name__)

# `scheduler_type` of Mistral -> what returns its jobs, and where such a job keeps the context
_KEPT = {
    "default": ("get_scheduled_jobs", "auth_ctx"),
    "legacy": ("get_delayed_calls", "auth_context"),
}


class OnBehalf:
    """The context of a thread of Mistral's; what the thread schedules is done for the caller.

    To Mistral, and to any other thread that it is handed to, it is what it was before.

    :param own: the context of the thread, which is nobody's.
    :param caller: that of the caller, as Mistral keeps it with a job.
    """

    def __init__(self, own: Any, caller: Mapping[str, Any]) -> None:
        self.own = own
        self._caller = caller
        self._thread = threading.current_thread()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)

    def to_dict(self) -> dict[str, Any]:
        """Return what Mistral keeps with a job, or sends with a message."""
        if threading.current_thread() is self._thread:
            return dict(self._caller)
        return dict(self.own.to_dict())


class _Mistral(NamedTuple):
    """What is used of Mistral's inside, besides the records in its database."""

    options: Any
    has_context: Callable[[], bool]
    context: Callable[[], Any]
    set_context: Callable[[Any], None]
    key_of_check: Callable[[Any], str]

    def kept_for(self, db: Any, root: Any) -> list[Mapping[str, Any]]:
        """Return the contexts that Mistral keeps with its checks of an execution."""
        jobs, kept = _KEPT[self.options.scheduler_type]
        found = getattr(db, jobs)(key=self.key_of_check(root))
        return [getattr(job, kept) or {} for job in found]


def give_back(context: Any) -> bool:
    """Let what this thread schedules for a task be done for whoever started the execution.

    Only if Mistral has lost the caller, and knows one caller only, of the execution's own project.
    Else all stays as it is, and an action says that it got no token.

    :param context: what Mistral passes to a function of a workbook.
    :returns: whether the caller was lost and is given back.
    """
    mistral = _internals()
    if mistral is None:
        return False
    try:
        return _give_back(mistral, context)
    except Exception as error:  # noqa: BLE001 - a workflow must not end by it; no text: the token
        LOG.warning("The caller of an execution was not found: %s", type(error).__name__)
        return False


def _internals() -> _Mistral | None:
    """Return what is used of Mistral; null if this Mistral is refused."""
    if internals.problem():
        return None
    from mistral import context
    from mistral.engine import workflow_handler
    from oslo_config import cfg

    return _Mistral(
        cfg.CONF,
        context.has_ctx,
        context.ctx,
        context.set_ctx,
        workflow_handler._get_integrity_check_key,
    )


def _give_back(mistral: _Mistral, context: Any) -> bool:
    if not mistral.options.pecan.auth_enable or not mistral.has_context():
        return False
    own = mistral.context()
    if isinstance(own, OnBehalf):
        own = own.own
    asking = context["__task_execution"]
    if own.auth_token or not asking:  # an output asks for no task
        return False
    db = database.api()
    execution = db.get_workflow_execution(context["__execution"]["id"])
    caller = _caller_of(mistral, db, execution)
    if caller is None:
        LOG.warning("Mistral does not tell for whom execution %s is carried out", execution.id)
        return False
    task = db.get_task_execution(asking["id"])
    if None in (execution.project_id, task.project_id):
        # made in the name of nobody: Mistral finds it with the rights of its own thread only
        caller["is_admin"] = caller.get("is_admin") or own.is_admin
    if not hasattr(own, "root_execution_id") and not _is_bounded(mistral, execution, own):
        return False
    mistral.set_context(OnBehalf(own, caller))
    return True


def _is_bounded(mistral: _Mistral, execution: Any, own: Any) -> bool:
    """Let the thread be nobody's again behind this transaction; false if that is too late.

    Mistral 15 has one context for all lost actions that its checker ends; later versions make one
    for each. What is done for an action of another project must not be done for this caller.
    """
    from sqlalchemy import event, orm

    session: Any = orm.object_session(execution)
    ended: list[Any] = [
        one for one in session.identity_map.values() if hasattr(one, "last_heartbeat")
    ]
    if any(one.project_id != execution.project_id for one in ended):
        LOG.warning(
            "Mistral ends lost actions of several projects at once: execution %s gets no token for"
            " its next try. Set [action_heartbeat] batch_size = 1.",
            execution.id,
        )
        return False

    def forget(_session: Any, transaction: Any) -> None:
        if transaction.parent is None and isinstance(mistral.context(), OnBehalf):
            mistral.set_context(own)

    event.listen(session, "after_transaction_end", forget)
    return True


@contextlib.contextmanager
def on_behalf(execution: Any, tasks: Iterable[Any]) -> Iterator[bool]:
    """Let what this thread schedules meanwhile be done for whoever started an execution.

    :param tasks: those of the execution that it is about.
    :returns: whether Mistral tells who that was; if not, it is done for the thread's own caller.
    """
    mistral = _internals()
    if mistral is None or not mistral.options.pecan.auth_enable:
        yield mistral is not None  # without authentication all are nobody
        return
    before = mistral.context()
    own = before.own if isinstance(before, OnBehalf) else before
    caller = _caller_of(mistral, database.api(), execution)
    if caller is None:
        LOG.warning("Mistral does not tell for whom execution %s is carried out", execution.id)
        yield False
        return
    if None in (execution.project_id, *(task.project_id for task in tasks)):
        caller["is_admin"] = True  # see `_give_back`
    mistral.set_context(OnBehalf(own, caller))
    try:
        yield True
    finally:
        mistral.set_context(before)


def _caller_of(mistral: _Mistral, db: Any, execution: Any) -> dict[str, Any] | None:
    """Return the context of whoever started an execution, or the one that it is a part of.

    Null if Mistral does not have it, or has those of several users (who ran it again): nobody
    gets the rights of another one.
    """
    root, known = _known_to(mistral, db, execution)
    known = [kept for kept in known if kept.get("auth_token")]
    projects = {root.project_id, *(kept.get("project_id") for kept in known)}
    if not root.project_id or execution.project_id not in (None, root.project_id):
        return None
    if len(projects) > 1 or len({kept["user"] for kept in known}) != 1:
        return None
    longest = max(known, key=lambda kept: kept.get("expires_at") or "")
    return {**longest, "root_execution_id": root.id}


def _known_to(mistral: _Mistral, db: Any, execution: Any) -> tuple[Any, list[Mapping[str, Any]]]:
    """Return the root of an execution, and the contexts in which Mistral keeps it going.

    Those of all from the execution up to the root, as far as they name somebody: a caller may say
    of an execution of his that it is a part of one that somebody else has started.
    """
    chain = [execution]
    while task := chain[-1].task_execution_id:
        above = db.load_task_execution(task)
        if above is None or above.workflow_execution_id in {one.id for one in chain}:
            break
        chain.append(db.get_workflow_execution(above.workflow_execution_id))
    root = chain[-1]
    if execution.root_execution_id and execution.root_execution_id != root.id:
        root = db.get_workflow_execution(execution.root_execution_id)
        chain.append(root)
    found = [kept for one in chain for kept in mistral.kept_for(db, one)]
    return root, [kept for kept in found if kept.get("user")]


class UnknownCaller(Exception):
    """Why nobody can say for whom an execution is carried out."""


def whose(execution_id: str) -> tuple[str, tickets.Caller]:
    """Return the root of an execution, and for whom it is carried out, as Mistral has recorded it.

    That is whoever started it, and whoever has a hand in it since: who resumed it, or ran something
    again. The roles are those that all of them have: nobody gets the rights of another one.

    :raises UnknownCaller: nobody can say it.
    """
    mistral = _internals()
    if mistral is None:
        raise UnknownCaller(str(internals.problem()))
    db = database.api()
    execution = db.load_workflow_execution(execution_id)
    if execution is None:
        raise UnknownCaller("Mistral finds no execution of which it is a part")
    root, known = _known_to(mistral, db, execution)
    own = mistral.context() if mistral.has_context() else None
    own = own.own if isinstance(own, OnBehalf) else own
    if own is not None and own.to_dict().get("user"):
        known = [*known, own.to_dict()]
    projects = {root.project_id, execution.project_id or root.project_id}
    if len({*projects, *(kept.get("project_id") for kept in known)}) > 1 or None in projects:
        raise UnknownCaller(
            f"execution {root.id} belongs to one project, and goes on by a user of another one."
            " Start it again, as a user of its project"
        )
    if not known:
        raise UnknownCaller(f"Mistral does not tell for whom execution {root.id} is carried out")
    users = {kept["user"]: str(kept.get("user_name") or kept["user"]) for kept in known}
    roles = _common_roles(known)
    if not roles and len(users) > 1:
        raise UnknownCaller(
            f"execution {root.id} was started and resumed by several users"
            f" ({', '.join(sorted(users.values()))}), who have no role in common that Mistral has"
            " recorded. Start it again"
        )
    (project,) = projects
    name = next((kept["project_name"] for kept in known if kept.get("project_name")), project)
    who = " and ".join(sorted(users.values()))
    return root.id, tickets.Caller(
        ",".join(sorted(users)), who, project, name, tuple(sorted(roles))
    )


def _common_roles(known: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the roles that all of these have; none if one of them is known by old tokens only."""
    of_users: dict[str, list[set[str]]] = {}
    for kept in known:
        of_user = of_users.setdefault(kept["user"], [])
        if not _is_old(kept):
            of_user.append(_roles(kept))
    return set.intersection(
        *(set.intersection(*each) if each else set() for each in of_users.values())
    )


def _is_old(kept: Mapping[str, Any]) -> bool:
    """Say whether a token expired so long ago that its rights must not count any more.

    Somebody may have lost them since, and have an execution that never ends.
    """
    said = kept.get("service_catalog")
    ends = said.get("expires_at") if isinstance(said, Mapping) else None
    now = datetime.datetime.now(datetime.UTC)
    return not ends or inputs.time(str(ends)) + OUTLIVES < now


def _roles(kept: Mapping[str, Any]) -> set[str]:
    """Return the roles that Keystone has confirmed for a context; none if it has not.

    Mistral passes on what Keystone has said of the token. A cron or event trigger has nothing of
    the kind, and for another cloud (`X-Target-...`) it is what the caller says.
    """
    said = kept.get("service_catalog")
    if kept.get("is_target") or not isinstance(said, Mapping):
        return set()
    project, user = said.get("project") or {}, said.get("user") or {}
    if project.get("id") != kept.get("project_id") or user.get("id") != kept.get("user"):
        return set()
    by = said.get("application_credential") or {}
    if "OS-OAUTH1" in said or by.get("access_rules") or said.get("access_rules"):
        return set()  # it passes on only a part of what the roles stand for
    return {str(role["name"]).lower() for role in said.get("roles") or ()}
