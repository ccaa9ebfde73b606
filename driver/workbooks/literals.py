"""Write values into a workbook so that Mistral makes of them exactly what they are.

Every value of somebody else's goes through :func:`literal`, and all is written by :func:`block`:
no text becomes YAML or an expression by accident.
"""

import dataclasses
import re
import sys
from collections.abc import Mapping
from typing import Any

import yaml

# What makes Mistral look for an expression: YAQL's mark and Jinja's two
MARKS = re.compile(r"<%|{{|{%")
_NOT_AS_IT_IS = re.compile(r"""[\\'%{}]|[^ -~\u00a0-\u2027\u202a-\ud7ff\ue000-\U0010ffff]""")


@dataclasses.dataclass(frozen=True)
class Yaql:
    """A value that a file explicitly calls an expression (``!yaql``); ``text`` without ``<%``."""

    text: str

    def __repr__(self) -> str:
        """Return it as the file says it."""
        return f"!yaql {self.text}"


class _Quoted(str):
    """A text that is written in quotes."""


def expression(text: str) -> str:
    """Return a YAQL expression as Mistral expects it."""
    return f"<% {text} %>"


def literal(value: Any) -> Any:
    """Return a value in which Mistral finds no expressions but those of :class:`Yaql`.

    :param value: scalars, lists and mappings; the keys of these hold no marks of expressions.
    """
    if isinstance(value, Yaql):
        return expression(value.text.strip())
    if isinstance(value, str):
        return expression(constant(value)) if MARKS.search(value) else _Quoted(value)
    if isinstance(value, list | tuple):
        return [literal(item) for item in value]
    if isinstance(value, Mapping):
        return {_Quoted(key): literal(item) for key, item in value.items()}
    return value


def constant(text: str) -> str:
    """Return a YAQL string constant that has this value and no mark of an expression in it."""
    return f"'{_NOT_AS_IT_IS.sub(_escaped, text)}'"


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    if char in "\\'":
        return f"\\{char}"
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class _Dumper(yaml.SafeDumper):
    """Block style, lists indented, no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: Mistral knows no aliases."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key."""
        super().increase_indent(flow, False)


_Dumper.add_representer(
    _Quoted,
    lambda dumper, data: dumper.represent_scalar("tag:yaml.org,2002:str", str(data), style='"'),
)


def block(value: Any) -> str:
    """Return a value as YAML in block style, without a line break at the end."""
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=sys.maxsize,
    )
    return text.removesuffix("\n").removesuffix("\n...")
