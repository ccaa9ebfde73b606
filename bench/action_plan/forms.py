"""Other forms of a compiled plan, to see what the one that is used costs.

Each takes the workflow ``run`` of a compiled plan as data and changes it. All but ``compiled``
are experiments: what they leave out is said in their docstrings.
"""

from collections.abc import Callable
from typing import Any

import yaml

_ACTION = "recovery.action."
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def compiled(run: dict) -> None:
    """The form that the compiler gives: a sub-workflow per action, one last task joins all."""


def unjoined(run: dict) -> None:
    """Without the last task, which joins all leaves: Mistral itself sees that all have ended.

    A plan that fails would not end in ERROR, and says nothing of itself.
    """
    name = "report_plan"
    del run["tasks"][name]
    for task in _actions(run):
        for edge in ("on-success", "on-error"):
            if task[edge] == [name]:
                # an error must be handled all the same
                task[edge] = ["noop"]
    del run["output"], run["output-on-error"]


def _be_silent(run):
    run["tasks"]["report_plan"] = {
        **({"join": "all"} if "join" in run["tasks"]["report_plan"] else {}),
        "action": "std.noop"}
    del run["output"], run["output-on-error"]


def direct(run: dict) -> None:
    """The action itself in the plan's workflow: a floor, with a task per action and no more.

    It has no place for check, start and wait, and no report.
    """
    for task in _actions(run):
        task["action"] = "recovery.nop"
        del task["workflow"]
        task["input"] = {name: task["input"][name] for name in ("action", "parameters")}
    _be_silent(run)


FORMS: dict[str, Callable[[dict], None]] = {
    form.__name__: form for form in (compiled, unjoined, direct)}


def rewrite(form: str, text: str) -> str:
    """Return the text of a compiled workbook in another form.

    :param form: one of ``FORMS``.
    """
    if form == "compiled":
        return text
    book = yaml.load(text, _LOADER)
    FORMS[form](book["workflows"]["run"])
    return yaml.dump(book, Dumper=_DUMPER, sort_keys=False)


def _actions(run):
    return [task for task in run["tasks"].values()
            if task.get("workflow", "").startswith(_ACTION)]
