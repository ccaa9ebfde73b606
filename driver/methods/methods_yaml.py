"""Read the YAML of recovery methods: ``recovery-methods.yaml``.

``schema.json`` says what may stand in it. What a schema cannot say is here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from yaql.language.exceptions import YaqlException

from driver.methods.defaults import DEFAULTS
from driver.methods.model import FAILURES, PHASES, ChainEntry, MethodChain, Retry, TaskSettings
from driver.text.json_schemas import problems_of, schema_beside
from driver.text.messages import legible, nearest, shown
from driver.text.problems import Problem
from driver.text.strict_yaml import Notation, YamlNode, read_document
from driver.workbooks import yaql_grammar
from driver.workbooks.literals import Yaql

_USUAL_DELAY = 10  # seconds; long enough for a service that restarts
# Around or inside an expression these would begin or end another one, or end its line
_FOREIGN = re.compile(r"<%|%>|{{|{%|\n")

_Chains = dict[str, MethodChain]
_Tasks = dict[str, TaskSettings]


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


#: Nothing that can be read in two ways, and expressions.
NOTATION = Notation(ambiguous=False, tags={"!yaql": read_yaql})


def schema() -> Mapping[str, Any]:
    """Return the JSON schema of the file: ``schema.json``."""
    return schema_beside(__file__)


def read_methods_yaml(text: str, file: str, problems: list[Problem]) -> tuple[_Chains, _Tasks]:
    """Read a file of recovery methods in YAML.

    :param text: the file.
    :param file: its name, for messages.
    :param problems: what is wrong is added here.
    :returns: the chains that it gives, by failure, and the settings of tasks, by name; nothing
        when something is wrong.
    """
    before = len(problems)
    root = read_document(text, file, problems, NOTATION)
    if root is None:
        return {}, {}
    problems += [*problems_of(schema(), root), *_unnamed(root)]
    if len(problems) > before:
        return {}, {}
    chains = {failure: _chain(failure, root) for failure in FAILURES if failure in root.value}
    tasks = root.value["tasks"] if "tasks" in root.value else YamlNode(root.place, {})
    return chains, {name: _settings(name, tasks) for name in tasks.value}


def _chain(failure: str, root: YamlNode) -> MethodChain:
    given = root.value[failure].value
    phases = {
        phase: tuple(ChainEntry(item.value, item.place) for item in given[phase].value)
        if phase in given
        else ()
        for phase in PHASES
    }
    return MethodChain(failure, root.keys[failure], phases)


def _settings(name: str, tasks: YamlNode) -> TaskSettings:
    node, place = tasks.value[name], tasks.keys[name]
    given = node.plain()
    places = dict(node.keys)
    if "input" in given:
        places |= {f"input.{key}": at for key, at in node.value["input"].keys.items()}
    kind: Literal["action", "workflow"] | None = next(
        (kind for kind in ("action", "workflow") if kind in given), None
    )
    return TaskSettings(
        name,
        place,
        calls=given[kind] if kind else None,
        kind=kind,
        input=given.get("input", {}),
        timeout=given.get("timeout"),
        retry=_retry(given["retry"]) if "retry" in given else None,
        on_error=given.get("on_error"),
        places=places,
    )


def _retry(given: Any) -> Retry:
    if isinstance(given, dict):
        return Retry(given["count"], given.get("delay", _USUAL_DELAY))
    return Retry(given, _USUAL_DELAY)


def _unnamed(root: YamlNode) -> Iterator[Problem]:
    """Yield a problem for each task of which no chain has the name."""
    if not isinstance(root.value, dict) or "tasks" not in root.value:
        return
    named = set(_names(root.plain()))
    for name, place in root.value["tasks"].keys.items():
        if name not in named:
            yield Problem(place, f"no chain has a task {shown(name)}{nearest(name, named)}")


def _names(given: dict[str, Any]) -> Iterator[str]:
    """Yield what the chains name, however wrong they are, and what the default ones do."""
    chains = [*given.values(), *(DEFAULTS[one] for one in FAILURES if one not in given)]
    for chain in chains:
        for phase in chain.values() if isinstance(chain, dict) else ():
            names = phase if isinstance(phase, list) else []
            yield from (name for name in names if isinstance(name, str))
