"""What Mistral's API gives, decoded: its executions and the JSON texts in its records."""

import json
from dataclasses import dataclass, field
from typing import Any

from driver.errors import mask_secrets

Record = dict[str, Any]

EXECUTION_ENDED = frozenset({"SUCCESS", "ERROR", "CANCELLED"})


@dataclass(frozen=True)
class Execution:
    """A workflow execution, with input and output decoded.

    Times are UTC, as Mistral writes them: ``2026-01-31 12:00:00``.

    :param task_id: the task that started it, empty if a person did.
    :param root_id: the execution that a person started and this is part of, else empty.
    """

    id: str
    workflow: str
    state: str
    state_info: str = ""
    input: Record = field(default_factory=dict)
    output: Record = field(default_factory=dict)
    created_at: str = ""
    updated_at: str = ""
    description: str = ""
    task_id: str = ""
    root_id: str = ""

    @classmethod
    def from_record(cls, record: Record) -> "Execution":
        """Build an execution from what the API gave, however few fields were asked for."""
        return cls(
            id=record["id"],
            workflow=record.get("workflow_name") or "",
            state=record.get("state") or "",
            state_info=mask_secrets(record.get("state_info") or ""),
            input=decoded(record.get("input")),
            output=decoded(record.get("output")),
            created_at=record.get("created_at") or "",
            updated_at=record.get("updated_at") or "",
            description=record.get("description") or "",
            task_id=record.get("task_execution_id") or "",
            root_id=record.get("root_execution_id") or "",
        )

    @property
    def ended(self) -> bool:
        """Whether the execution will not change any more."""
        return self.state in EXECUTION_ENDED


def decoded(value: Any) -> Record:
    """Return a JSON field of the API as a dict: Mistral sends them as text; else empty."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}
