"""Values: a YAML flow mapping, read into plain data that knows its lines.

YAML's surprises are refused and not read: what a value is must be plain to see. ``no``, ``0x10``,
``1:30`` and ``2024-01-01`` are neither text nor what the author had in mind, so they must be put
in quotes. There are no anchors, and one tag: ``!yaql``.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaql.language.exceptions import YaqlException

from driver.methods.ini import Option
from driver.methods.model import Place, Problem
from driver.text.messages import legible, shown
from driver.workbooks import yaql_grammar
from driver.workbooks.literals import Yaql

# Deeper ones are no input of any action; who walks through a value may recurse
_DEEPEST = 20
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][-+]?[0-9]{1,3})?")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None}
_TEXT = "tag:yaml.org,2002:str"
_TAGS = "the only one is !yaql, before the text of an expression"
# Around or inside an expression these would begin or end another one, or end its line
_FOREIGN = re.compile(r"<%|%>|{{|{%|\n")
_RESOLVER = yaml.resolver.Resolver()


@dataclasses.dataclass(frozen=True)
class Node:
    """A value and where it stands.

    :param place: its beginning.
    :param value: a scalar, a :class:`Yaql`, a list of nodes, or a mapping of nodes by key.
    :param keys: of a mapping: where the keys stand.
    :param is_valid: False when something is wrong with it that is reported already.
    """

    place: Place
    value: Any
    keys: dict[str, Place] = dataclasses.field(default_factory=dict)
    is_valid: bool = True

    def plain(self) -> Any:
        """Return the value without the places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_mapping(option: Option, problems: list[Problem]) -> Node | None:
    """Read the YAML flow mapping that is the value of an option.

    :param option: the option.
    :param problems: what is wrong is added here.
    :returns: the mapping; None when it cannot be read.
    """
    try:
        return _Reader(option, problems).read()
    except _Unreadable:
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = option.at(mark.index) if mark else option.place
        reason = ", ".join(part for part in (error.context, error.problem) if part)
    except yaml.reader.ReaderError as error:
        place, reason = option.at(error.position), f"the character U+{error.character:04X}"
    except (ValueError, OverflowError) as error:
        # PyYAML lets escapes like "\UFFFFFFFF" through to chr()
        place, reason = option.place, str(error)
    message = f"not a YAML mapping in braces ({legible(reason, 120)})"
    hint = "; text with , : ? # [ ] { } or quotes in it must be in quotes"
    problems.append(Problem(place, message + hint))
    return None


class _Unreadable(Exception):
    """The rest of a value is not read; why is reported already."""


class _Reader:
    """Builds nodes from YAML's events: these still show each tag, anchor and quote."""

    def __init__(self, option: Option, problems: list[Problem]) -> None:
        self._option = option
        self._problems = problems
        self._events: Iterator[yaml.Event] = yaml.parse(option.text, Loader=yaml.SafeLoader)

    def read(self) -> Node | None:
        next(self._events)  # the stream
        document = next(self._events)
        if isinstance(document, yaml.DocumentStartEvent) and not document.explicit:
            event = next(self._events)
            if isinstance(event, yaml.MappingStartEvent) and event.flow_style:
                root = self._node(event, 0)
                for _ in self._events:
                    pass  # whatever follows the closing brace is an error of YAML's
                return root
        place = self._option.at(0)
        self._problems.append(Problem(place, "not a mapping in braces, as in {action: std.noop}"))
        return None

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > _DEEPEST:
            self._report(self._at(event), f"more than {_DEEPEST} levels of braces and brackets")
            raise _Unreadable
        place = self._at(event)
        anchor = event.anchor if isinstance(event, yaml.NodeEvent) else None
        if anchor:
            self._report(place, f"the anchor or alias {shown(anchor)}: write the value out")
        if isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(place, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Node(place, self._list(depth))
        elif isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, place)
        else:  # an alias
            node = Node(place, None)
        if isinstance(event, yaml.CollectionStartEvent) and event.tag:
            self._report(place, f"the tag {_short(event.tag)}: {_TAGS}")
        return dataclasses.replace(node, is_valid=False) if anchor else node

    def _list(self, depth: int) -> list[Node]:
        nodes = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            nodes.append(self._node(event, depth + 1))
        return nodes

    def _mapping(self, place: Place, depth: int) -> Node:
        nodes: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
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
        return Node(place, nodes, keys)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Node:
        text = _whole(str(event.value))
        if text is None:
            self._report(place, "half of a character (\\ud800 to \\udfff): write it whole")
        elif event.tag == "!yaql":
            return self._yaql(text, place)
        elif event.tag:
            self._report(place, f"the tag {_short(event.tag)}: {_TAGS}")
        elif event.style:
            return Node(place, text)
        else:
            return self._bare(text, place)
        return Node(place, None, is_valid=False)

    def _bare(self, text: str, place: Place) -> Node:
        """Read a scalar without quotes: only what YAML and JSON read alike."""
        tag = _RESOLVER.resolve(  # type: ignore[no-untyped-call]
            yaml.ScalarNode, text, (True, False)
        )
        if text in _WORDS:
            return Node(place, _WORDS[text])
        is_number = _NUMBER.fullmatch(text)
        if tag == _TEXT and not is_number:
            return Node(place, text)
        if tag != _TEXT and is_number and math.isfinite(number := json.loads(text)):
            return Node(place, number)
        if not text:
            self._report(place, 'a value is missing: write it, or null, or ""')
        else:
            meaning = "true or false, a plain decimal number, or the text in quotes"
            self._report(place, f"{shown(text)} can be read in two ways: write {meaning}")
        return Node(place, None, is_valid=False)

    def _yaql(self, text: str, place: Place) -> Node:
        foreign = _FOREIGN.search(text)
        if foreign:
            what = "a line break" if foreign[0] == "\n" else f"{foreign[0]} in it"
            self._report(place, f"!yaql with {what}: write only the expression, without <% %>")
        else:
            try:
                yaql_grammar.parse(text)
            except (YaqlException, ValueError) as error:
                self._report(place, f"not YAQL: {shown(text)} ({legible(str(error), 120)})")
            else:
                return Node(place, Yaql(text))
        return Node(place, None, is_valid=False)

    def _at(self, event: yaml.Event) -> Place:
        # Not the mark's line: YAML sees line ends where the file has none
        return self._option.at(event.start_mark.index if event.start_mark else 0)

    def _report(self, place: Place, message: str) -> None:
        self._problems.append(Problem(place, message))


def _whole(text: str) -> str | None:
    """Join the halves of characters that JSON writes as two escapes; None if one is alone."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return None


def _short(tag: str) -> str:
    return shown(tag.replace("tag:yaml.org,2002:", "!!"))
