"""Rehearsals: a workflow's test is a YAML file.

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

A result that is only a name stands in `rehearsals/<workbook name>.results.yaml`.
The workflow runs on Mistral's engine in virtual time (`virtual_mistral.py`).
"""

import dataclasses
import pathlib

import yaml

from driver.workbooks import files

REHEARSALS = pathlib.Path(__file__).parent / "rehearsals"
# Actions that only compute: they run as they are when nothing is scripted for their task
REAL_ACTIONS = {"std.noop", "std.echo", "std.fail", "recovery.prepare_servers"}


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """What is started, what the actions return, and what must come out."""

    claim: str
    workflow: str
    tasks: list
    state: str
    input: dict = dataclasses.field(default_factory=dict)
    environment: dict | None = None
    results: dict = dataclasses.field(default_factory=dict)
    inputs: dict = dataclasses.field(default_factory=dict)
    state_info: str | None = None
    output: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came out: the transitions taken, and what differs from the rehearsal."""

    workflows: frozenset
    edges: frozenset
    problems: list


def load(path):
    """Read a rehearsal; unknown and missing keys are a TypeError, unknown results a KeyError."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    shared = path.parent.with_name(f"{path.parent.name}.results.yaml")
    named = yaml.safe_load(shared.read_text(encoding="utf-8")) if shared.exists() else {}
    content["results"] = {
        task: [named[one] if isinstance(one, str) else one for one in _as_list(results)]
        for task, results in content.get("results", {}).items()
    }
    return Rehearsal(**content)


def run(mistral, rehearsal):
    """Run a rehearsal on a VirtualMistral."""
    from tests.workbooks.virtual_mistral import Stopped

    left = {task: list(results) for task, results in rehearsal.results.items()}
    given = {}

    def result_of(task, action, inputs):
        given.setdefault(task, inputs)
        if task in left:
            return left[task].pop(0) if len(left[task]) > 1 else left[task][0]
        if action in REAL_ACTIONS:
            return None
        raise Stopped(f"task {task} runs {action}, but results says nothing about it")

    mistral.set_environment(rehearsal.environment)
    done = mistral.run(rehearsal.workflow, rehearsal.input, result_of)
    problems = [str(done.stopped)] if done.stopped else []
    problems += _differences(rehearsal, done)
    problems += _missing(rehearsal.inputs, given, "inputs")
    problems += [f"results has task {task}, which never ran" for task in left if task not in given]
    return Outcome(frozenset(done.workflows), frozenset(done.edges), problems)


def _as_list(results):
    return results if isinstance(results, list) else [results]


def _differences(rehearsal, done):
    found = []
    for what in ("tasks", "state", "state_info"):
        wanted, got = getattr(rehearsal, what), getattr(done, what)
        if wanted != got:
            found.append(f"{what}:\n  expected {wanted}\n  got      {got}")
    return found + list(_missing(rehearsal.output, done.output, "output"))


def _missing(wanted, got, where):
    """Compare the keys of `wanted`, on every level."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key, value in wanted.items():
            yield from _missing(value, got.get(key, "(nothing)"), f"{where}.{key}")
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, pair in enumerate(zip(wanted, got, strict=True)):
            yield from _missing(*pair, f"{where}[{number}]")
    elif wanted != got:
        yield f"{where}:\n  expected {wanted!r}\n  got      {got!r}"


def edges_of(workbook):
    """All transitions of a workbook: workflow, task, event, target.

    The default `on-error` counts for each task that can fail: one that runs an action or a
    workflow.
    """
    for workflow, definition in workbook.workflows.items():
        defaults = definition.get("task-defaults", {})
        for task, body in definition["tasks"].items():
            events = ["on-success", "on-complete"]
            calls = body.get("workflow") or body.get("action", "std.noop")
            if calls.split()[0] not in REAL_ACTIONS:
                events.append("on-error")
            for event in events:
                own = list(_targets(body.get(event)))
                for target in own or _targets(defaults.get(event)):
                    if own or target != task:
                        yield workflow, task, event, target


def _targets(clause):
    if isinstance(clause, dict) and {"next", "publish"} & clause.keys():
        clause = clause.get("next")
    if isinstance(clause, str):
        yield clause.partition("(")[0].split()[0]
    else:  # a list, or one name with its condition
        for item in clause or ():
            yield from _targets(next(iter(item)) if isinstance(item, dict) else item)


def untaken(workbooks: list[files.Workbook], outcomes):
    """Workflows that no outcome ran and transitions that none took, as lines of text."""
    ran = frozenset().union(*(outcome.workflows for outcome in outcomes))
    taken = frozenset().union(*(outcome.edges for outcome in outcomes))
    for workbook in workbooks:
        yield from (f"{name}: never run" for name in workbook.workflows if name not in ran)
        for workflow, task, event, target in edges_of(workbook):
            if (workflow, task, event, target) not in taken:
                yield f"{workflow}: {task} {event} {target}"
