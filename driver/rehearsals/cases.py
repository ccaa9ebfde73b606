"""Cases: a workflow's test is a YAML file.

::

    claim: one sentence that says what holds
    workflow: recovery.host.recover
    input: {host: compute1}
    environment: {...}        # optional: content of the Mistral environment `recovery`
    results:                  # what the action of each task returns; no action is really run
      plan_recovery: {data: {...}}
      confirm_host_failed: {error: {code: X, message: y, retriable: false}}
      prepare_reserved_host: [nova unavailable, spare ready]   # one per run, the last one repeats
    inputs:                   # optional: what the action of a task is given when it runs first
      plan_recovery: {host: compute1}
    tasks: [plan_recovery, ...]   # in order of creation; those of sub-workflows: parent/child
    state: SUCCESS
    state_info: the exact text    # left out: there is none
    output: {state: ...}          # like inputs, compared for the keys given, on every level

A result that is only a name stands in `<directory>.results.yaml` beside the case's directory.
"""

import dataclasses
from pathlib import Path
from typing import Any

import yaml


@dataclasses.dataclass(frozen=True)
class Case:
    """What is started, what the actions return, and what must come out."""

    claim: str
    workflow: str
    tasks: list[str]
    state: str
    input: dict[str, Any] = dataclasses.field(default_factory=dict)
    environment: dict[str, Any] | None = None
    results: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    inputs: dict[str, Any] = dataclasses.field(default_factory=dict)
    state_info: str | None = None
    output: dict[str, Any] = dataclasses.field(default_factory=dict)


def load(path: Path) -> Case:
    """Read a case; unknown and missing keys are a TypeError, unknown results a KeyError."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    shared = path.parent.with_name(f"{path.parent.name}.results.yaml")
    named = yaml.safe_load(shared.read_text(encoding="utf-8")) if shared.exists() else {}
    content["results"] = {
        task: [named[one] if isinstance(one, str) else one for one in _as_list(results)]
        for task, results in content.get("results", {}).items()
    }
    return Case(**content)


def _as_list(results: Any) -> list[Any]:
    return results if isinstance(results, list) else [results]
