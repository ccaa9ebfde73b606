"""YAQL as Mistral's engine reads it.

Building the grammar takes a third of a second, and every ``openstack`` command, whoever's it is,
imports ours: so it is built when the first expression is read.
"""

import functools
from typing import Any

import yaql
from yaql.language import expressions, factory


@functools.cache
def _parser() -> Any:
    return factory.YaqlFactory(allow_delegates=False).create()


@functools.cache
def _standard() -> Any:
    return yaql.create_context()


def parse(text: str) -> expressions.Statement:
    """Return the tree of an expression, ``text`` without ``<%``.

    :raises yaql.language.exceptions.YaqlException: it is none.
    """
    return _parser()(text)


def is_standard(function: str) -> bool:
    """Return whether YAQL itself has a function of this name."""
    return bool(_standard().collect_functions(function))
