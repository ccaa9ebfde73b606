"""Read YAML or JSON into plain data that knows its lines.

What a value is must be plain to see: only ``true``, ``false``, ``null`` and decimal numbers are
something else than text, as in JSON and unlike in YAML 1.1 (where ``on`` is true and ``1:30`` is
90). Several JSON documents may follow each other, as the outputs of two commands do.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from driver.plans.model import Place, PlanError, Problem
from driver.text.messages import legible, shown

_DEEPEST = 20
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_LONGEST_NUMBER = 400  # characters
_TEXT = "tag:yaml.org,2002:str"


@dataclasses.dataclass(frozen=True)
class Node:
    """A value and where it stands.

    :param place: its beginning.
    :param value: a scalar, a list of nodes, or a mapping of nodes by key.
    """

    place: Place
    value: Any

    def plain(self) -> Any:
        """Return the value without the places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class _Loader(yaml.SafeLoader):
    """Composes nodes; leaves it to us what a scalar is."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's name and type

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node; an alias could make a document of a few lines endless."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = getattr(event, "anchor", None)
        if anchor:
            text = f"the anchor or alias {shown(anchor)}: write the value out"
            raise yaml.MarkedYAMLError(problem=text, problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def read_documents(text: str, file: str) -> list[Node]:
    """Return the documents in a text.

    :param text: one or several JSON documents, or YAML.
    :param file: name of the file, for messages.
    :raises PlanError: it is neither, or there is a key twice, or a value that is no plain data.
    """
    problems: list[Problem] = []
    try:
        nodes = [
            _node(node, Place(file, 0), line, problems)
            for line, part in _parts(text.removeprefix("\ufeff"))
            for node in yaml.compose_all(part, Loader=_Loader)
            if node is not None
        ]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else 1
        raise _unreadable(file, line, reason) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise _unreadable(file, line, f"the character U+{error.character:04X}") from error
    except (ValueError, OverflowError) as error:  # escapes such as "\UFFFFFFFF" reach chr()
        raise _unreadable(file, 1, str(error)) from error
    except RecursionError as error:
        raise _unreadable(file, 1, "too many brackets inside each other") from error
    if problems:
        raise PlanError(problems)
    return nodes


def _unreadable(file: str, line: int, reason: str) -> PlanError:
    return PlanError([Problem(Place(file, line), f"neither JSON nor YAML: {legible(reason, 200)}")])


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield documents with the lines before them: JSON one by one, anything else as it is."""
    found, at = [], 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        try:
            if rest[0] not in "[{":
                raise ValueError("not what a command prints")
            _, end = json.JSONDecoder().raw_decode(rest)
        except ValueError:
            found = [(0, text)]
            break
        # a tab cannot stand in JSON's texts, and YAML does not take it as a space
        found.append((text.count("\n", 0, at), rest[:end].replace("\t", " ")))
        at += end
    yield from found


def _node(node: yaml.Node, place: Place, line: int, problems: list[Problem]) -> Node:
    """Return a node of ours.

    :param place: of it; the line is still missing.
    :param line: lines before the document.
    """
    place = dataclasses.replace(place, line=line + node.start_mark.line + 1)
    if place.path.count(".") + place.path.count("[") > _DEEPEST:
        problems.append(Problem(place, "too many levels"))
        return Node(place, None)
    if node.tag not in (_TEXT, _Loader.DEFAULT_MAPPING_TAG, _Loader.DEFAULT_SEQUENCE_TAG):
        problems.append(Problem(place, f"the tag {shown(node.tag)}: there are none here"))
    if isinstance(node, yaml.SequenceNode):
        items = [
            _node(item, dataclasses.replace(place, path=f"{place.path}[{number}]"), line, problems)
            for number, item in enumerate(node.value)
        ]
        return Node(place, items)
    if isinstance(node, yaml.MappingNode):
        return Node(place, _mapping(node, place, line, problems))
    try:
        is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return Node(place, _scalar(str(node.value), is_plain))
    except ValueError as error:
        problems.append(Problem(place, str(error)))
        return Node(place, None)


def _mapping(
    node: yaml.MappingNode, place: Place, line: int, problems: list[Problem]
) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key, value in node.value:
        at = dataclasses.replace(place, line=line + key.start_mark.line + 1)
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(at, "a key that is no text"))
            continue
        name = legible(str(key.value))
        path = f"{place.path}.{name}" if place.path else name
        if str(key.value) in found:
            problems.append(Problem(dataclasses.replace(at, path=path), "given again"))
        inside = dataclasses.replace(place, path=path)
        found[str(key.value)] = _node(value, inside, line, problems)
    return found


def _scalar(text: str, is_plain: bool) -> Any:
    """Return text, number, true, false or None; a ValueError says what is wrong."""
    if is_plain:
        if text in _WORDS:
            return _WORDS[text]
        number = _NUMBER.fullmatch(text)
        if number and len(text) > _LONGEST_NUMBER:
            raise ValueError("a number that is too long")
        if number and not (number[1] or number[2]):
            return int(text)
        if number:
            value = float(text)
            if not math.isfinite(value):
                raise ValueError(f"{legible(text)} is too large")
            return value
    # JSON writes what is beyond 16 bits as two halves
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError(f"{shown(text)} is no text: half a character") from None
