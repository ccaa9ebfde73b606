"""Values in an INI file: a YAML flow mapping, read with the expressions that it may hold."""

import dataclasses
import re

from yaql.language.exceptions import YaqlException

from driver.methods.ini import IniOption
from driver.text.messages import legible, shown
from driver.text.problems import Place, Problem
from driver.text.strict_yaml import Notation, YamlNode, read_document
from driver.workbooks import yaql_grammar
from driver.workbooks.literals import Yaql

# Around or inside an expression these would begin or end another one, or end its line
_FOREIGN = re.compile(r"<%|%>|{{|{%|\n")


def read_yaql(text: str) -> Yaql:
    """Return the expression that stands behind ``!yaql``.

    :raises ValueError: it is none, or more than that; the text is a sentence.
    """
    foreign = _FOREIGN.search(text)
    if foreign:
        what = "a line break" if foreign[0] == "\n" else f"{foreign[0]} in it"
        raise ValueError(f"!yaql with {what}: write only the expression, without <% %>")
    try:
        yaql_grammar.parse(text)
    except (YaqlException, ValueError) as error:
        raise ValueError(f"not YAQL: {shown(text)} ({legible(str(error), 120)})") from error
    return Yaql(text)


#: Recovery methods: nothing that can be read in two ways, and expressions.
NOTATION = Notation(ambiguous=False, tags={"!yaql": read_yaql})


def read_mapping(option: IniOption, problems: list[Problem]) -> YamlNode | None:
    """Read the YAML flow mapping that is the value of an option.

    :param option: the option.
    :param problems: what is wrong is added here.
    :returns: the mapping; None when it cannot be read.
    """
    if not option.text.lstrip().startswith("{"):
        message = "not a mapping in braces, as in {action: std.noop}"
        problems.append(Problem(option.place, message))
        return None
    found: list[Problem] = []
    root = read_document(option.text, option.place.file, found, NOTATION)
    problems += [Problem(_in_file(one.place, option), one.message) for one in found]
    return _moved(root, option) if root else None


def _moved(node: YamlNode, option: IniOption) -> YamlNode:
    """Return a node with the places that it has in the whole file."""
    value = node.value
    if isinstance(value, list):
        value = [_moved(item, option) for item in value]
    elif isinstance(value, dict):
        value = {key: _moved(item, option) for key, item in value.items()}
    keys = {key: _in_file(place, option) for key, place in node.keys.items()}
    return dataclasses.replace(node, place=_in_file(node.place, option), value=value, keys=keys)


def _in_file(place: Place, option: IniOption) -> Place:
    return dataclasses.replace(option.place, line=option.place.line + place.line - 1)
