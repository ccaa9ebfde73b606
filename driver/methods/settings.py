"""Settings of a task: what a name in a chain stands for, and how it is run."""

from collections.abc import Callable
from typing import Any, Literal

from driver.methods.ini import IniOption
from driver.methods.model import Retry, Task
from driver.methods.names import NAME, NAME_RULE
from driver.methods.values import read_mapping
from driver.text.messages import listed, nearest, shown
from driver.text.problems import Place, Problem
from driver.text.strict_yaml import YamlNode
from driver.workbooks.literals import Yaql

_LONGEST_TIMEOUT = 24 * 3600
_MOST_TRIES = 1000
_LONGEST_DELAY = 3600
_USUAL_DELAY = 10  # seconds; long enough for a service that restarts
_ON_ERROR = ("fail", "continue")


def read_task(name: str, option: IniOption, problems: list[Problem]) -> Task | None:
    """Read the settings of a task.

    :param name: the name that the settings are for.
    :param option: the option that gives them.
    :param problems: what is wrong is added here.
    :returns: the settings; None when there is nothing to read.
    """
    root = read_mapping(option, problems)
    return _Settings(problems).task(name, option.place, root) if root else None


class _Settings:
    """Checks settings one by one; what is wrong is reported, and None in its place."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems

    def task(self, name: str, place: Place, root: YamlNode) -> Task:
        given = self._mapping(
            root,
            {
                "action": self._called,
                "workflow": self._called,
                "input": self._input,
                "timeout": lambda node: self._whole("timeout", node, _LONGEST_TIMEOUT, " seconds"),
                "retry": self._retry,
                "on_error": self._on_error,
            },
        )
        places = {key: root.value[key].place for key in given}
        if "input" in given:
            inputs = root.value["input"].value
            places |= {f"input.{key}": node.place for key, node in inputs.items()}
        action, workflow = given.pop("action", None), given.pop("workflow", None)
        if action and workflow:
            self._report(places["workflow"], "either an action or a workflow, not both")
        kind: Literal["action", "workflow"] | None = (
            "action" if action else "workflow" if workflow else None
        )
        return Task(name, place, action or workflow, kind, places=places, **given)

    def _mapping(
        self, node: YamlNode, checks: dict[str, Callable[[YamlNode], Any]]
    ) -> dict[str, Any]:
        """Return the checked values of a mapping by key, without those that are wrong."""
        for key, place in node.keys.items():
            if key not in checks:
                known = f"there are {listed(checks)}"
                self._report(place, f"unknown key {shown(key)} ({known}){nearest(key, checks)}")
        valid = {key: value for key, value in node.value.items() if value.is_valid}
        checked = {key: check(valid[key]) for key, check in checks.items() if key in valid}
        return {key: value for key, value in checked.items() if value is not None}

    def _called(self, node: YamlNode) -> str | None:
        if isinstance(node.value, str) and NAME.fullmatch(node.value):
            return node.value
        self._report(node.place, f"{_given(node)} is not a name: {NAME_RULE}")
        return None

    def _input(self, node: YamlNode) -> dict[str, Any] | None:
        if not isinstance(node.value, dict):
            self._report(node.place, f"input must be a mapping in braces{_not(node)}")
            return None
        for key, place in node.keys.items():
            if not NAME.fullmatch(key):
                self._report(place, f"{shown(key)} is not the name of an input: {NAME_RULE}")
        values: dict[str, Any] = node.plain()
        return values

    def _retry(self, node: YamlNode) -> Retry | None:
        if not isinstance(node.value, dict):
            count = self._whole("retry", node, _MOST_TRIES)
            return Retry(count, _USUAL_DELAY) if count else None
        given = self._mapping(
            node,
            {
                "count": lambda node: self._whole("count", node, _MOST_TRIES),
                "delay": lambda node: self._whole("delay", node, _LONGEST_DELAY, " seconds"),
            },
        )
        if "count" not in node.value:
            self._report(node.place, "retry needs a count, as in {count: 3, delay: 10}")
            return None
        return Retry(given["count"], given.get("delay", _USUAL_DELAY)) if "count" in given else None

    def _on_error(self, node: YamlNode) -> str | None:
        if node.value in _ON_ERROR:
            return str(node.value)
        hint = nearest(node.value, _ON_ERROR) if isinstance(node.value, str) else ""
        self._report(node.place, f"on_error must be fail or continue{_not(node)}{hint}")
        return None

    def _whole(self, what: str, node: YamlNode, most: int, unit: str = "") -> int | None:
        value = node.value
        # type(): true is an int, too
        if type(value) is int and 1 <= value <= most:
            return value
        allowed = f"a whole number from 1 to {most}{unit}"
        self._report(node.place, f"{what} must be {allowed}{_not(node)}")
        return None

    def _report(self, place: Place, message: str) -> None:
        self._problems.append(Problem(place, message))


def _given(node: YamlNode) -> str:
    return "an expression" if isinstance(node.value, Yaql) else shown(node.plain())


def _not(node: YamlNode) -> str:
    return f", not {_given(node)}"
