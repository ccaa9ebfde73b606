"""Read YAML or JSON into plain data that knows its lines.

What a value is must be plain to see: only ``true``, ``false``, ``null`` and decimal numbers are
something else than text. A bare word that YAML 1.1 reads in another way (``on`` is true there,
``0123`` is 83, ``1:30`` is 90) is text, or refused where that is asked for. There are no anchors,
and no tags but those that the caller knows.

Several JSON documents may follow each other, as the outputs of two commands do.
"""

import bisect
import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from driver.text.messages import legible, listed, shown
from driver.text.problems import Place, Problem

# Deeper ones are of no use to anybody; who walks through a value may recurse
_DEEPEST = 20
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 400  # characters
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None}
_TEXT = "tag:yaml.org,2002:str"
_YAML_1_1 = yaml.resolver.Resolver()
_QUOTES = "text with , : ? # [ ] { } or quotes in it must be in quotes"

#: Makes a value of the text behind a tag; a ValueError says why it cannot.
ReadTag = Callable[[str], Any]


@dataclasses.dataclass(frozen=True)
class YamlNode:
    """A value and where it stands.

    :param place: its beginning.
    :param value: a scalar, what a tag has made of one, a list of nodes, or a mapping of nodes.
    :param keys: of a mapping: where the keys stand.
    :param is_valid: False when something is wrong with it that is reported already.
    """

    place: Place
    value: Any
    keys: Mapping[str, Place] = dataclasses.field(default_factory=dict)
    is_valid: bool = True

    def plain(self) -> Any:
        """Return the value without the places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: Iterable[str | int]) -> "YamlNode":
        """Return the node to which keys and indexes lead."""
        node = self
        for step in path:
            node = node.value[step]
        return node

    def place_of(self, path: Sequence[str | int]) -> Place:
        """Return where a value begins: with its key, if it has one."""
        if not path:
            return self.place
        parent = self.at(path[:-1])
        return parent.keys.get(str(path[-1])) or parent.value[path[-1]].place


@dataclasses.dataclass(frozen=True)
class Notation:
    """What a file may hold besides the data of JSON.

    :param ambiguous: whether a bare word that YAML 1.1 reads in another way is text, and a
        missing value null; otherwise they are problems.
    :param tags: what may stand before a text, by the tag: such as ``!yaql``.
    """

    ambiguous: bool = True
    tags: Mapping[str, ReadTag] = dataclasses.field(default_factory=dict)


def read_document(
    text: str, file: str, problems: list[Problem], notation: Notation | None = None
) -> YamlNode | None:
    """Return the one document in a text; parameters as of :func:`read_documents`.

    :returns: None when it cannot be read, or there is none, or more than one.
    """
    before = len(problems)
    nodes = read_documents(text, file, problems, notation)
    if len(nodes) == 1:
        return nodes[0]
    if len(problems) == before:
        message = "more than one document" if nodes else "there is nothing in it"
        place = nodes[1].place if nodes else Place(file, 1)
        problems.append(Problem(dataclasses.replace(place, path=""), message))
    return None


def read_documents(
    text: str, file: str, problems: list[Problem], notation: Notation | None = None
) -> list[YamlNode]:
    """Return the documents in a text.

    :param text: one or several JSON documents, or YAML.
    :param file: name of the file, for messages.
    :param problems: what is wrong is added here: a text that is neither, a key that is given
        twice, a value that is no plain data.
    :param notation: what else it may hold; None: nothing.
    :returns: what could be read.
    """
    text = text.removeprefix("\ufeff")
    lines = _LineNumbers(text)
    try:
        return [
            document
            for start, part in _parts(text)
            for document in _NodeReader(part, file, lines, start, problems, notation).documents()
        ]
    except _TooDeep:
        return []  # reported already
    except yaml.MarkedYAMLError as error:
        reason, mark = reason_of(error)
        line = lines.of(mark.index) if mark else 1
    except yaml.reader.ReaderError as error:
        line, reason = lines.of(error.position), f"the character U+{error.character:04X}"
    except (ValueError, OverflowError) as error:  # escapes such as "\UFFFFFFFF" reach chr()
        line, reason = 1, str(error)
    message = f"neither JSON nor YAML: {legible(reason, 120)}; {_QUOTES}"
    problems.append(Problem(Place(file, line), message))
    return []


def reason_of(error: yaml.MarkedYAMLError) -> tuple[str, yaml.Mark | None]:
    """Return what PyYAML says about an error, and where it is."""
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return reason, error.problem_mark or error.context_mark


class _TooDeep(Exception):
    """The rest is not read; why is reported already."""


class _LineNumbers:
    """The lines of a text as editors count them: YAML's marks see more line ends."""

    def __init__(self, text: str) -> None:
        # What is missing is missing at the end, which is no line of its own
        self._ends = [match.start() for match in re.finditer("\n", text.rstrip("\n"))]

    def of(self, offset: int) -> int:
        return bisect.bisect_left(self._ends, offset) + 1


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield documents and where they begin: JSON one by one, anything else as it is."""
    found, at = [], 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        try:
            if rest[0] not in "[{":
                raise ValueError("not what a command prints")
            _, end = json.JSONDecoder().raw_decode(rest)
        except (ValueError, RecursionError):
            found = [(0, text)]
            break
        # a tab cannot stand in JSON's texts, and YAML does not take it as a space
        found.append((at, rest[:end].replace("\t", " ")))
        at += end
    yield from found


class _NodeReader:
    """Builds nodes from YAML's events: these still show each tag, anchor and quote."""

    def __init__(
        self,
        text: str,
        file: str,
        lines: _LineNumbers,
        start: int,
        problems: list[Problem],
        notation: Notation | None,
    ) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._file = file
        self._lines = lines
        self._start = start
        self._problems = problems
        self._notation = notation or Notation()

    def documents(self) -> Iterator[YamlNode]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                yield self._node(next(self._events), "", 0)

    def _node(self, event: yaml.Event, path: str, depth: int) -> YamlNode:
        # Not the mark's line: see _LineNumbers
        index = event.start_mark.index if event.start_mark else 0
        place = Place(self._file, self._lines.of(self._start + index), path)
        if depth > _DEEPEST:
            self._report(place, f"more than {_DEEPEST} levels inside each other")
            raise _TooDeep
        anchor = event.anchor if isinstance(event, yaml.NodeEvent) else None
        if anchor:
            self._report(place, f"the anchor or alias {shown(anchor)}: write the value out")
        if isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(place, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = YamlNode(place, self._list(path, depth))
        elif isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, place)
        else:  # an alias
            node = YamlNode(place, None)
        if isinstance(event, yaml.CollectionStartEvent) and event.tag:
            self._unknown_tag(place, event.tag)
        return dataclasses.replace(node, is_valid=False) if anchor else node

    def _list(self, path: str, depth: int) -> list[YamlNode]:
        nodes: list[YamlNode] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            nodes.append(self._node(event, f"{path}[{len(nodes)}]", depth + 1))
        return nodes

    def _mapping(self, place: Place, depth: int) -> YamlNode:
        nodes: dict[str, YamlNode] = {}
        keys: dict[str, Place] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = event.value if isinstance(event, yaml.ScalarEvent) else ""
            prefix = f"{place.path}." if place.path and name else place.path
            path = f"{prefix}{legible(name)}"
            key = self._node(event, path, depth + 1)
            value = self._node(next(self._events), path, depth + 1)
            if not key.is_valid:
                continue
            if not isinstance(key.value, str):
                given = shown(key.plain())
                self._report(key.place, f"a key must be text; {given} is none: put it in quotes")
            elif key.value in nodes:
                first = f"first in line {keys[key.value].line}"
                self._report(key.place, f"the key {shown(key.value)} is given again ({first})")
            else:
                nodes[key.value], keys[key.value] = value, key.place
        return YamlNode(place, nodes, keys)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> YamlNode:
        try:
            text = _whole(str(event.value))
            if not event.tag:
                return YamlNode(place, text if event.style else self._bare(text))
            if event.tag in self._notation.tags:
                return YamlNode(place, self._notation.tags[event.tag](text))
            self._unknown_tag(place, event.tag)
        except ValueError as error:
            self._report(place, str(error))
        return YamlNode(place, None, is_valid=False)

    def _bare(self, text: str) -> Any:
        """Return what a scalar without quotes is; a ValueError says what is wrong."""
        value = _WORDS[text] if text in _WORDS else _number(text)
        if self._notation.ambiguous:
            return value if text else None
        if not text:
            raise ValueError('a value is missing: write it, or null, or ""')
        tag = _YAML_1_1.resolve(  # type: ignore[no-untyped-call]
            yaml.ScalarNode, text, (True, False)
        )
        if (tag == _TEXT) != isinstance(value, str):
            meaning = "true or false, a plain decimal number, or the text in quotes"
            raise ValueError(f"{shown(text)} can be read in two ways: write {meaning}")
        return value

    def _unknown_tag(self, place: Place, tag: str) -> None:
        known = self._notation.tags
        hint = f"only {listed(known)} may stand before a text" if known else "there are none here"
        self._report(place, f"the tag {shown(tag.replace('tag:yaml.org,2002:', '!!'))}: {hint}")

    def _report(self, place: Place, message: str) -> None:
        self._problems.append(Problem(place, message))


def _number(text: str) -> Any:
    """Return the number that a text is, or the text; a ValueError: nobody can carry it on."""
    number = _NUMBER.fullmatch(text)
    if not number:
        return text
    is_whole = not (number[1] or number[2])
    if len(text) <= _LONGEST_NUMBER:
        value = int(text) if is_whole else float(text)
        if math.isfinite(value):
            return value
    raise ValueError(f"{legible(text)} is too large a number")


def _whole(text: str) -> str:
    """Join the halves of characters that JSON writes as two escapes."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError("half of a character (\\ud800 to \\udfff): write it whole") from None
