"""First cases of compiled recovery methods, to start from: they say what the engine does.

For each method one in which every task succeeds, and one for each task that fails. They pass as
they are written, because they hold what came out; whether that is right is for people to judge.
"""

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from driver.methods.compile import Compiled
from driver.methods.model import FAILURES
from driver.rehearsals.branches import REAL_ACTIONS
from driver.rehearsals.loading import open_mistral
from driver.rehearsals.suite import Suite
from driver.workbooks.header import METHODS_WORKBOOK

if TYPE_CHECKING:
    from driver.rehearsals.comparison import Run
    from driver.rehearsals.engine import VirtualMistral

_SERVER = {"id": "1", "name": "web", "was": "active"}
_HOST = {
    "host": "compute1",
    "servers": [_SERVER],
    "options": {"host_down_timeout": 60, "disable_timeout": 60},
}
_PLANS: dict[str, dict[str, Any]] = {
    "instance_failure": {
        "server": {**_SERVER, "host": "compute1"},
        "newest_action": None,
        "options": {"stop_timeout": 60, "start_timeout": 60},
    },
    "process_failure": {"host": "compute1", "options": {"disable_timeout": 60}},
    "host_auto_failure": _HOST,
    "host_rh_failure": {**_HOST, "reserved_hosts": ["compute9"]},
}
_REPORT = {
    "state": "FAILED",
    "reason": "NOT_ENDED",
    "message": "The recovery has not ended.",
    "details": {"host": "compute1", "servers": []},
}
_RECOVERED = {**_REPORT, "state": "SUCCEEDED", "reason": "RECOVERED", "message": "It was done."}
_FAILED = {
    "code": "FAILED",
    "message": "It failed.",
    "retriable": False,
    "report": {**_REPORT, "reason": "FAILED", "message": "It failed."},
}


@dataclasses.dataclass(frozen=True)
class _Played:
    """A run with what its tasks returned, and the tasks that may fail, in their order."""

    done: "Run"
    results: dict[str, Any]
    may_fail: list[str]


def write_drafts(directory: Path, compiled: Compiled) -> int:
    """Write the first cases of methods to files that are not there yet.

    :returns: how many were written.
    :raises ExtraMissingError: Mistral is not installed here.
    """
    mistral = open_mistral()
    Suite(mistral, [compiled.workbook])
    directory.mkdir(parents=True, exist_ok=True)
    written = 0
    for name, text in drafts(mistral, compiled):
        path = directory / f"{name}.yaml"
        if not path.exists():
            path.write_text(text, encoding="utf-8")
            written += 1
    mistral.close()
    return written


def drafts(mistral: "VirtualMistral", compiled: Compiled) -> Iterator[tuple[str, str]]:
    """Yield the name of each case and its text as YAML.

    :param mistral: an engine that has these methods and all that they call.
    :param compiled: the methods.
    """
    for failure in FAILURES:
        played = _play(mistral, compiled, failure)
        claim = f"{failure}: every task succeeds."
        yield failure, _text(claim, failure, played)
        for task in played.may_fail:
            claim = f"{failure}: {task} fails."
            name = f"{failure}.{task.replace('/', '.')}_fails"
            yield name, _text(claim, failure, _play(mistral, compiled, failure, task))


def _play(
    mistral: "VirtualMistral", compiled: Compiled, failure: str, failing: str | None = None
) -> _Played:
    """Run a method; all its tasks succeed but one."""
    steps = {task for workflow, task in compiled.steps if workflow.startswith(failure)}
    results: dict[str, Any] = {}
    may_fail: list[str] = []

    def result_of(path: str, action: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
        if path.split("/")[0] in steps and path not in may_fail and action != "std.noop":
            may_fail.append(path)
        if path == failing:
            results[path] = {"error": _FAILED if action.startswith("recovery.") else "It failed."}
        elif action in REAL_ACTIONS:
            return None
        else:
            results[path] = {"data": _data(action)}
        returned: dict[str, Any] = copy.deepcopy(results[path])
        return returned

    mistral.set_environment(None)
    inputs = {"plan": _PLANS[failure], "report": _REPORT}
    done = mistral.run(f"{METHODS_WORKBOOK}.{failure}", inputs, result_of)
    return _Played(done, results, may_fail)


def _data(action: str) -> Any:
    """Return what an action that succeeds might return."""
    if not action.startswith("recovery."):
        return None
    return {"finished": True, "message": "It was done.", "report": _RECOVERED}


def _text(claim: str, failure: str, played: _Played) -> str:
    done = played.done
    content = {
        "claim": claim,
        "workflow": f"{METHODS_WORKBOOK}.{failure}",
        "input": {"plan": _PLANS[failure], "report": _REPORT},
        "results": played.results,
        "tasks": done.tasks,
        "state": done.state,
        "state_info": done.state_info,
        "report": _said(done.output.get("report")),
    }
    content = {key: value for key, value in content.items() if value}
    return str(
        yaml.dump(content, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=100)
    )


def _said(report: Any) -> dict[str, Any]:
    return {key: report[key] for key in ("state", "reason", "message")} if report else {}


class _PlainDumper(yaml.SafeDumper):
    """Writes everything out: a case has no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write what stands in two places twice."""
        return True
