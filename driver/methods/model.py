"""What a file of recovery methods means.

For each failure there is one :class:`MethodChain`: names of tasks, phase by phase.
:class:`TaskSettings` say what a name stands for and how it is run, where the name alone does not
say enough. All of it is plain data that knows where in the file it stands, so that whoever finds
something wrong later (no such action, no such input) can still point at the line.
"""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal

from driver.text.problems import Place, ProblemsError

FAILURES = ("instance_failure", "process_failure", "host_auto_failure", "host_rh_failure")
PHASES = ("pre", "main", "post", "finally")


class MethodsError(ProblemsError):
    """A file of recovery methods cannot be carried out as it is."""

    outcome = "nothing was compiled or installed"


@dataclasses.dataclass(frozen=True)
class ChainEntry:
    """The name of a task in a chain."""

    name: str
    place: Place


@dataclasses.dataclass(frozen=True)
class Retry:
    """How often a failed task is tried again.

    :param count: tries after the first one.
    :param delay: seconds between two tries.
    """

    count: int
    delay: int


def _nothing() -> Mapping[str, Any]:
    return types.MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class TaskSettings:
    """What a name in a chain stands for and how it is run; None: the file does not say.

    :param name: the name in the chains.
    :param place: where the settings begin.
    :param calls: name of the action or workflow; None: the one with the name itself.
    :param kind: which of the two ``calls`` is.
    :param input: values for its inputs, exactly as they shall reach it; a :class:`Yaql` may stand
        in place of any value, also within lists and mappings.
    :param timeout: seconds.
    :param retry: None: not tried again.
    :param on_error: whether the chain ends when the task failed.
    :param places: where each of the settings stands: by ``action``, ``workflow``, ``timeout``,
        ``retry``, ``on_error``, ``input`` and ``input.<name>``.
    """

    name: str
    place: Place
    calls: str | None = None
    kind: Literal["action", "workflow"] | None = None
    input: Mapping[str, Any] = dataclasses.field(default_factory=_nothing)
    timeout: int | None = None
    retry: Retry | None = None
    on_error: Literal["fail", "continue"] | None = None
    places: Mapping[str, Place] = dataclasses.field(default_factory=_nothing)


@dataclasses.dataclass(frozen=True)
class MethodChain:
    """The tasks that are run for one failure.

    :param failure: one of ``FAILURES``.
    :param place: where the file gives it; None: it does not, and this is the default.
    :param phases: the entries of each of the ``PHASES``, in their order; an empty phase is an
        empty tuple.
    """

    failure: str
    place: Place | None
    phases: Mapping[str, tuple[ChainEntry, ...]]


@dataclasses.dataclass(frozen=True)
class Methods:
    """All recovery methods.

    :param source: the file; None: the defaults.
    :param chains: one for each of the ``FAILURES``, in their order.
    :param tasks: the settings of tasks by name.
    """

    source: str | None
    chains: Mapping[str, MethodChain]
    tasks: Mapping[str, TaskSettings]
