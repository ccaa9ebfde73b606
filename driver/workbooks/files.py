"""Find and read the workbooks that the pack ships.

The same files are found from a checkout (``workbooks/`` beside the ``driver`` package) and from an
installed wheel (``share/mistral-recovery/workbooks`` below the prefix that it was installed into).
"""

import dataclasses
import pathlib
import re
import site
import sys
import sysconfig
from collections.abc import Iterator
from typing import Any

import yaml

from driver.text.problems import Place, Problem, ProblemsError, read_text
from driver.text.strict_yaml import reason_of

_SHARE = pathlib.Path("share", "mistral-recovery", "workbooks")
# Every workbook is called recovery.<subject>: a foreign directory "workbooks" in site-packages
# does not match.
_PATTERN = "recovery.*.yaml"


class InvalidWorkbooksError(ProblemsError):
    """Workbooks cannot be found, read or installed."""

    outcome = "nothing was written to Mistral"


@dataclasses.dataclass(frozen=True)
class Signature:
    """The inputs of an action or workflow.

    :param required: names of the inputs without a default.
    :param optional: names of the inputs with a default.
    :param takes_any: True when any further input is accepted (``**kwargs``).
    """

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    takes_any: bool = False


@dataclasses.dataclass(frozen=True)
class Workbook:
    """A workbook as its author wrote it.

    :param name: name of the workbook, also the file's name without ``.yaml``.
    :param path: the file.
    :param text: the file's content; this is what Mistral is given.
    :param definition: the text, parsed.
    """

    name: str
    path: pathlib.Path
    text: str
    definition: dict[str, Any]

    @property
    def workflows(self) -> dict[str, dict[str, Any]]:
        """The workflows by the full name that Mistral gives them, in the order of the file."""
        return {
            f"{self.name}.{name}": workflow
            for name, workflow in self.definition["workflows"].items()
            if name != "version"
        }


def find_workbooks() -> pathlib.Path:
    """Return the directory of the pack's workbooks.

    :raises InvalidWorkbooksError: neither a checkout nor an installed pack has them.
    """
    for directory in _candidates():
        if any(directory.glob(_PATTERN)):
            return directory
    tried = ", ".join(str(directory) for directory in _candidates())
    raise _invalid(
        f"the workbooks of the pack are not installed here (looked in {tried})",
        pathlib.Path(__file__).parent,
    )


def read_workbooks(directory: pathlib.Path | None = None) -> list[Workbook]:
    """Read every workbook of a directory, in the order of their names.

    :param directory: where the ``*.yaml`` files are; None means the pack's own.
    :raises InvalidWorkbooksError: there is none, or some are no workbooks; all of these are named.
    """
    directory = find_workbooks() if directory is None else directory
    paths = sorted(directory.glob("*.yaml"))
    if not paths:
        raise _invalid("there is no workbook (*.yaml) in this directory", directory)
    workbooks: list[Workbook] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            workbooks.append(read_workbook(path))
        except InvalidWorkbooksError as error:
            problems += error.problems
    if problems:
        raise InvalidWorkbooksError(problems)
    return workbooks


def read_workbook(path: pathlib.Path) -> Workbook:
    """Read one workbook.

    :param path: the file.
    :raises InvalidWorkbooksError: the file cannot be read, is not YAML, or is not a workbook
        called like the file.
    """
    problems: list[Problem] = []
    text = read_text(path, problems)
    if text is None:
        raise InvalidWorkbooksError(problems)
    return parse_workbook(text, path)


def parse_workbook(text: str, path: pathlib.Path) -> Workbook:
    """Parse the text of a workbook.

    :param text: the YAML.
    :param path: where it comes from, for messages; its name must be the workbook's name.
    :raises InvalidWorkbooksError: as :func:`read_workbook`.
    """
    definition = _parse(text, path)
    if not isinstance(definition, dict):
        raise _invalid("not a workbook: the file is no YAML mapping", path, 1)
    if str(definition.get("version")) != "2.0":
        raise _invalid("a workbook says version: '2.0'", path, _line(text, "version"))
    workflows = definition.get("workflows")
    if not isinstance(workflows, dict) or not workflows:
        raise _invalid("a workbook has workflows", path, _line(text, "workflows"))
    for name, workflow in workflows.items():
        if name != "version" and not isinstance(workflow, dict):
            raise _invalid(f"workflow {name} is no mapping", path, _line(text, "workflows"))
    name = definition.get("name")
    if name != path.stem:
        raise _invalid(
            f"the workbook is called {name!r} but its file {path.name!r};"
            f" expected name: {path.stem}",
            path,
            _line(text, "name"),
        )
    return Workbook(path.stem, path, text, definition)


def compose(workbook: Workbook) -> yaml.Node:
    """Parse a workbook into YAML nodes, which know their positions."""
    return yaml.compose(workbook.text, Loader=yaml.SafeLoader) or yaml.MappingNode("", [])


def anchors(workbook: Workbook) -> list[tuple[int, str]]:
    """Return line and name of each anchor and alias in a workbook."""
    events = yaml.parse(workbook.text, Loader=yaml.SafeLoader)
    named = [event for event in events if isinstance(event, yaml.NodeEvent) and event.anchor]
    return [(line_of(event), str(event.anchor)) for event in named]


def line_of(node: yaml.Node | yaml.Event) -> int:
    """Return the line on which a node begins, counted from 1."""
    return node.start_mark.line + 1 if node.start_mark else 1


def entries(node: yaml.Node | None) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Return keys and values of a mapping, with their positions; nothing for any other node."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [(key, value) for key, value in pairs if isinstance(key, yaml.ScalarNode)]


def child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """Return the value that a mapping has for a key; None without one."""
    return next((value for name, value in entries(node) if name.value == key), None)


def text_of(node: yaml.Node | None) -> str:
    """Return the text of a scalar; an empty text for any other node."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def walk(node: yaml.Node | None, but: str | None = None) -> Iterator[yaml.Node]:
    """Give a node and all nodes below it, keys included.

    :param but: the values of this key are left out.
    """
    if node is None:
        return
    yield node
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from walk(item, but)
    for key, value in entries(node):
        yield key
        if key.value != but:
            yield from walk(value, but)


def parse_signature(text: str | None) -> Signature:
    """Read the ``input`` text of an action or workflow as Mistral's API gives it.

    :param text: such as ``a, b=null, c="x, y", **kwargs``; None and an empty text mean no inputs.
    """
    # A default may contain commas, quotes and brackets: cut at the commas outside of them.
    parts = re.findall(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\[.*?\]|\{.*?\}|[^,])+""", text or "")
    required: set[str] = set()
    optional: set[str] = set()
    for part in map(str.strip, parts):
        name, equals, _ = part.partition("=")
        if re.fullmatch(r"[-\w]+", name):
            (optional if equals else required).add(name)
    takes_any = any(part.strip().startswith("**") for part in parts)
    return Signature(frozenset(required), frozenset(optional), takes_any)


def signature_of(node: yaml.Node) -> Signature:
    """Read the inputs of a workflow or ad-hoc action in a workbook."""
    inputs = child(node, "input")
    items = inputs.value if isinstance(inputs, yaml.SequenceNode) else []
    return Signature(
        frozenset(text_of(item) for item in items if isinstance(item, yaml.ScalarNode)),
        frozenset(key.value for item in items for key, _ in entries(item)),
    )


def _invalid(message: str, path: pathlib.Path, line: int = 0) -> InvalidWorkbooksError:
    return InvalidWorkbooksError([Problem(Place(str(path), line), message)])


def _parse(text: str, path: pathlib.Path) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        reason, mark = reason_of(error)
        raise _invalid(f"broken YAML: {reason}", path, mark.line + 1 if mark else 0) from error
    except yaml.YAMLError as error:
        raise _invalid(f"broken YAML: {error}", path) from error


def _line(text: str, key: str) -> int:
    """Line of a top-level key; 1 when it is missing."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(f"{key}:"):
            return number
    return 1


def _candidates() -> Iterator[pathlib.Path]:
    beside = pathlib.Path(__file__).resolve().parents[2]
    yield beside / "workbooks"
    yield pathlib.Path(sysconfig.get_path("data")) / _SHARE
    yield pathlib.Path(sys.prefix) / _SHARE
    yield pathlib.Path(site.getuserbase()) / _SHARE
    # pip install --target keeps share/ beside the packages
    yield beside / _SHARE
