"""A recovery as people see it: an execution of one of the pack's workflows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from driver.errors import mask_secrets
from driver.mistral.client import MistralClient
from driver.mistral.records import Execution, Record, decoded
from mistral_actions.errors import report_of

#: Every workflow of the pack is called ``recovery.<subject>.<verb>``.
PREFIX = "recovery."

#: The states of a recovery and the state in which Mistral keeps such an execution.
STATES = {
    "RUNNING": "RUNNING",
    "PAUSED": "PAUSED",
    "SUCCEEDED": "SUCCESS",
    "SKIPPED": "SUCCESS",
    "FAILED": "ERROR",
    "CANCELLED": "CANCELLED",
}

_GOOD = ("SUCCEEDED", "SKIPPED")


@dataclass(frozen=True)
class Recovery:
    """A recovery with what is known about it so far.

    :param host: the host that it is about, empty if that is not known.
    :param server: the one server that it recovers, as it was given; empty if it recovers more.
    :param state: one of :data:`STATES`.
    :param reason: a code, empty while it runs.
    :param message: a sentence for people, empty while it runs.
    :param servers: one record per server: id, name, from, to, state, reason, message and more.
    :param created_at: UTC, as Mistral writes it.
    :param updated_at: UTC, as Mistral writes it.
    """

    id: str
    workflow: str
    host: str
    server: str
    state: str
    reason: str = ""
    message: str = ""
    servers: list[Record] = field(default_factory=list)
    created_at: str = ""
    updated_at: str = ""

    @classmethod
    def from_execution(cls, execution: Execution) -> "Recovery":
        """Read what the pack's workflows leave in their output."""
        given = execution.input
        told = report_of(execution.output) if execution.ended else {}
        details = told.get("details", {})
        return cls(
            id=execution.id,
            workflow=execution.workflow,
            host=_host(given, details),
            server=str(given.get("server") or given.get("node_id") or ""),
            state=_state(execution),
            reason=str(told.get("reason") or ""),
            message=mask_secrets(str(told.get("message") or execution.state_info)),
            servers=[item for item in details.get("servers") or [] if isinstance(item, dict)],
            created_at=execution.created_at,
            updated_at=execution.updated_at,
        )

    @property
    def succeeded(self) -> bool:
        """Whether the recovery ended well: recovered, or nothing was to be recovered."""
        return self.state in _GOOD

    @property
    def sentence(self) -> str:
        """The end of the recovery in one line."""
        head = f"{self.state} ({self.reason})" if self.reason else self.state
        return f"{head}: {self.message or 'no reason was given'}"


def _host(given: Record, details: Record) -> str:
    """Return the host that a recovery is about: of one server, the host where that was."""
    given = {} if "node_id" in given else given  # there, `host` is where it shall go
    return str(details.get("host") or given.get("host") or given.get("host_name") or "")


def _state(execution: Execution) -> str:
    if execution.state == "SUCCESS":
        state = str(report_of(execution.output).get("state") or "")
        return state if state in STATES else "SUCCEEDED"
    # Whatever the output says: an execution in ERROR is no success.
    return {"ERROR": "FAILED", "IDLE": "RUNNING"}.get(execution.state, execution.state)


def tasks_of(
    mistral: MistralClient, execution_id: str, within: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield name, state and duration (seconds) of each task in order, sub-workflows included.

    :param within: names of the tasks above, put before each name.
    """
    for task in _in_order(mistral.tasks(execution_id)):
        name = f"{within}{task['name']}"
        yield {"name": name, "state": task["state"], "seconds": _seconds(task)}
        if task.get("type") == "WORKFLOW":
            for sub in mistral.sub_executions(task["id"]):
                yield from tasks_of(mistral, sub, f"{name} > ")


def _in_order(tasks: list[Record]) -> list[Record]:
    """Return tasks in the order in which they came to be.

    Mistral's times have no fractions of a second: within one, a task comes after its cause.
    """
    causes = {
        task["id"]: [cause.get("task_id") for cause in _context(task).get("triggered_by") or []]
        for task in tasks
    }

    def depth(task_id: str, seen: frozenset[str] = frozenset()) -> int:
        above = [cause for cause in causes[task_id] if cause in causes and cause not in seen]
        return 1 + max((depth(cause, seen | {task_id}) for cause in above), default=0)

    return sorted(tasks, key=lambda task: (task.get("created_at") or "", depth(task["id"])))


def _context(task: Record) -> Record:
    return decoded(task.get("runtime_context"))


def seconds_since(time: str) -> float:
    """Return the seconds since a time as Mistral writes it; 0 if it is none."""
    then = _time(time)
    return (datetime.now(UTC) - then).total_seconds() if then else 0.0


def _seconds(task: Record) -> int | None:
    """Return how long a task took, or has taken so far; None if it has not started."""
    started = _time(task.get("started_at"))
    if started is None:
        return None
    running = task["state"] in ("RUNNING", "DELAYED", "PAUSED")
    finished = None if running else _time(task.get("finished_at"))
    return max(0, round(((finished or datetime.now(UTC)) - started).total_seconds()))


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
    except ValueError:
        return None
