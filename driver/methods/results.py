"""Whether the results that the operator's expressions ask for can be there."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from driver.methods.resolve import Resolved
from driver.text.messages import listed, nearest
from driver.text.problems import Problem
from driver.workbooks.literals import Yaql

# `$.results.alert`, but no call such as `$.results.get(alert)`, which is null without the result
_ASKED = re.compile(r"\$\.results\.(\w+)\b(?!\()")


def unknown_results(chain: list[tuple[str, Resolved]]) -> Iterator[Problem]:
    """Yield a problem for each result that no earlier task of a chain can have left.

    Mistral would end the whole recovery when it evaluates the expression.

    :param chain: the tasks of one failure, with the names that they have in the workflow.
    """
    earlier: list[str] = []
    for name, what in chain:
        given = what.settings.input if what.settings else {}
        for key, value in given.items():
            for asked in _asked(value):
                if asked not in earlier:
                    there = f"; before it there are {listed(earlier)}" if earlier else ""
                    hint = nearest(asked, earlier) or there or "; it is the first task"
                    message = f"no task before {name} is called {asked!r}{hint}"
                    yield Problem(what.place_of(f"input.{key}"), message)
        earlier.append(name)


def _asked(value: Any) -> Iterator[str]:
    if isinstance(value, Yaql):
        yield from _ASKED.findall(value.text)
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _asked(item)
