"""Cases: what a workflow does if its tasks come to this, as YAML; see docs/rehearsals.md.

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
    report: {state: ...}          # like inputs, compared for the keys given, on every level
    output: {...}                 # the same for a workflow that returns something else

A result that is only a name stands in `<directory>.results.yaml` beside the case's directory.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from driver.text.messages import legible, listed, nearest, shown
from driver.text.problems import Place, Problem, ProblemsError, read_text
from driver.text.strict_yaml import YamlNode, read_document, reason_of

STATES = ("SUCCESS", "ERROR", "CANCELLED", "PAUSED")
_SHARED = ".results.yaml"
_Results = Mapping[str, dict[str, Any]]


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
    report: dict[str, Any] = dataclasses.field(default_factory=dict)
    output: dict[str, Any] = dataclasses.field(default_factory=dict)
    file: str = ""


class CasesError(ProblemsError):
    """Some files are no cases; nothing was rehearsed."""

    outcome = "nothing was rehearsed"


def read_cases(paths: Iterable[Path]) -> list[Case]:
    """Read cases.

    :param paths: files, and directories: these stand for the cases in and below them.
    :raises CasesError: some cannot be read or are no cases: all that is wrong with all of them.
    """
    problems: list[Problem] = []
    shared: dict[Path, _Results] = {}
    found = [
        case
        for path in paths
        for file in _files(path, problems)
        if (case := _read(file, shared, problems))
    ]
    if problems:
        raise CasesError(problems)
    return found


def _files(path: Path, problems: list[Problem]) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = [file for file in sorted(path.rglob("*.yaml")) if not file.name.endswith(_SHARED)]
    if not files:
        problems.append(Problem(Place(str(path)), "there is no case (*.yaml) in this directory"))
    return files


def _read(file: Path, shared: dict[Path, _Results], problems: list[Problem]) -> Case | None:
    before = len(problems)
    node = _document(file, problems)
    if node is None:
        return None
    names = file.parent.absolute().with_name(f"{file.parent.absolute().name}{_SHARED}")
    if names not in shared:
        shared[names] = _named_results(names, problems) if names.exists() else {}
    content = _content(node, names.name, shared[names], problems)
    return Case(**content, file=str(file)) if len(problems) == before else None


def _document(file: Path, problems: list[Problem]) -> YamlNode | None:
    text = read_text(file, problems)
    return None if text is None else read_document(text, str(file), problems)


def _named_results(file: Path, problems: list[Problem]) -> _Results:
    """Read results that cases call by name; unlike a case they may share parts by anchors."""
    text = read_text(file, problems)
    try:
        named = yaml.safe_load(text or "")
        lines = dict(_lines(yaml.compose(text or "", Loader=yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        reason, mark = reason_of(error)
        problems.append(Problem(Place(str(file), mark.line + 1 if mark else 1), legible(reason)))
        return {}
    if not isinstance(named, dict):
        problems.append(Problem(Place(str(file), 1), f"must be a mapping, not {shown(named)}"))
        return {}
    for name, value in named.items():
        node = YamlNode(Place(str(file), lines.get(str(name), 1), str(name)), value)
        _is_result(node, {}, "", problems)
    return named


def _lines(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    yield from ((str(key.value), key.start_mark.line + 1) for key, _ in pairs)


def _content(
    node: YamlNode, names: str, shared: _Results, problems: list[Problem]
) -> dict[str, Any]:
    if not _is_mapping(node, problems):
        return {}
    content: dict[str, Any] = {}
    for key, value in node.value.items():
        if key not in _KEYS:
            hint = nearest(key, _KEYS) or f"; a case has {listed(_KEYS)}"
            problems.append(Problem(node.keys[key], f"there is no key {shown(key)}{hint}"))
        elif key == "results":
            content[key] = dict(_results(value, names, shared, problems))
        elif _KEYS[key](value, problems):
            content[key] = value.plain()
    for key in ("claim", "workflow", "tasks", "state"):
        if key not in node.value:
            problems.append(Problem(node.place, f"the key {shown(key)} is missing"))
    return content


def _results(
    node: YamlNode, names: str, shared: _Results, problems: list[Problem]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    if not _is_mapping(node, problems):
        return
    for task, value in node.value.items():
        several = value.value if isinstance(value.value, list) else [value]
        if not several:
            problems.append(Problem(value.place, "a task that runs needs one result at least"))
        yield (
            task,
            [
                shared[one.value] if isinstance(one.value, str) else one.plain()
                for one in several
                if _is_result(one, shared, names, problems)
            ],
        )


def _is_result(node: YamlNode, shared: _Results, names: str, problems: list[Problem]) -> bool:
    """Say whether it is a result, or the name of one."""
    value = node.value
    if isinstance(value, str) and names:
        if value not in shared:
            message = f"{names} has no result {shown(value)}{nearest(value, shared)}"
            problems.append(Problem(node.place, message))
        return value in shared
    if not (isinstance(value, dict) and len(value) == 1 and value.keys() <= {"data", "error"}):
        message = f"a result is {{data: ...}} or {{error: ...}}, not {shown(value)}"
        problems.append(Problem(node.place, message))
        return False
    return True


def _is_mapping(node: YamlNode, problems: list[Problem]) -> bool:
    return _is(isinstance(node.value, dict), "a mapping", node, problems)


def _is_mapping_of_mappings(node: YamlNode, problems: list[Problem]) -> bool:
    return _is_mapping(node, problems) and not [
        one for one in node.value.values() if not _is_mapping(one, problems)
    ]


def _is_text(node: YamlNode, problems: list[Problem]) -> bool:
    return _is(isinstance(node.value, str), "a text", node, problems)


def _is_text_or_null(node: YamlNode, problems: list[Problem]) -> bool:
    return node.value is None or _is_text(node, problems)


def _is_list_of_names(node: YamlNode, problems: list[Problem]) -> bool:
    return _is(isinstance(node.value, list), "a list of tasks", node, problems) and not [
        one for one in node.value if not _is_text(one, problems)
    ]


def _is_state(node: YamlNode, problems: list[Problem]) -> bool:
    if node.value in STATES:
        return True
    hint = nearest(str(node.value), STATES)
    message = f"must be {listed(STATES)}, not {shown(node.value)}{hint}"
    problems.append(Problem(node.place, message))
    return False


def _is(right: bool, what: str, node: YamlNode, problems: list[Problem]) -> bool:
    if not right:
        problems.append(Problem(node.place, f"must be {what}, not {shown(node.value)}"))
    return right


_KEYS: Mapping[str, Callable[[YamlNode, list[Problem]], bool]] = {
    "claim": _is_text,
    "workflow": _is_text,
    "input": _is_mapping,
    "environment": _is_mapping,
    "results": _is_mapping,
    "inputs": _is_mapping_of_mappings,
    "tasks": _is_list_of_names,
    "state": _is_state,
    "state_info": _is_text_or_null,
    "report": _is_mapping,
    "output": _is_mapping,
}
