"""``openstack recovery plan``: run action plans, look at them, cancel them, undo them."""

import argparse
import sys
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

from cliff import command
from cliff.columns import FormattableColumn

from driver.commands import base
from driver.commands.display import reporter_for
from driver.commands.trees import TreeColumn
from driver.errors import DriverError
from driver.plans import graph
from driver.plans.model import RULES, Plan, PlanError
from driver.plans.reader import read_plan
from driver.plans.service import Plans, goes_on
from driver.plans.status import ActionStatus, Control, PlanStatus, sentence
from driver.recoveries.progress import Reporter
from driver.text.problems import Problem, read_text
from mistral_actions.action_plan.states import ActionState

Told = TypeVar("Told", PlanStatus, Control)

_LIST_COLUMNS = ("ID", "State", "Reason", "Plan", "Created At", "Updated At")
_ACTION_COLUMNS = ("Action", "State", "Reason", "Started At", "Ended At")
_SHOWN = ("id", "state", "reason", "message", "rule", "description", "created_at", "updated_at")
_STATES = ("ONGOING", "SUCCEEDED", "FAILED", "CANCELLING", "CANCELLED")
_FORMATS = {"mermaid": graph.mermaid, "graphviz": graph.graphviz}

Shown = tuple[tuple[str, ...], tuple[Any, ...]]


class Planning(base.Watching):
    """Mixed into a command about plans."""

    @property
    def plans(self) -> Plans:
        """The action plans of the cloud that the command is for."""
        return Plans(self.mistral)

    def wait_for_plan(self, plan: str, timeout: float | None) -> PlanStatus:
        """Show a plan's progress until it ends, and say how it ended."""
        return self._wait(lambda reporter: self.plans.wait(plan, reporter, timeout), plan)

    def wait_for_control(self, control: Control, timeout: float | None) -> Control:
        """Do the same with the cancelling of a plan, or with its rollback."""
        return self._wait(
            lambda reporter: self.plans.wait_for(control, reporter, timeout), control.plan
        )

    def _wait(self, wait: Callable[[Reporter], Told], plan: str) -> Told:
        try:
            told = wait(reporter_for(self.app.stderr))
        except KeyboardInterrupt:
            raise base.Interrupted(f"stopped waiting: {goes_on(plan)}") from None
        self.say(sentence(told))
        self.exit_status = 0 if told.succeeded else 1
        return told


class PlanLister(Planning, base.Lister):
    """A command whose result is a list."""


class PlanShowOne(Planning, base.ShowOne):
    """A command whose result is one thing."""


class RunPlan(PlanLister):
    """Run an action plan: Watcher's, or one of the format in docs/action-plans.md.

    It is started once: a plan with the same uuid that was started before is left as it is, and
    shown. Without --wait the plan is printed; see `openstack recovery plan show`.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the file, the rule and the options about waiting."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "file", metavar="<file>", help="the plan, YAML or JSON; - is the standard input"
        )
        parser.add_argument(
            "--rule",
            type=str.upper,
            choices=RULES,
            help="ALWAYS: an action runs when its parents have ended; ANY: it is an alternative "
            "to its parents (default: what the file says, else what the Mistral environment "
            '"recovery" has for its strategy, else ALWAYS)',
        )
        base.add_wait_options(parser, "the actions are printed at the end")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Table:
        """Read it, start it."""
        plan = _plan_in(parsed_args.file)
        started = self.plans.start(plan, parsed_args.rule)
        if started.advice:
            self.say(started.advice)
        if not started.is_new:
            since = started.plan.created_at
            self.say(f"plan {plan.uuid} was started before ({since}): not started again")
        if not parsed_args.wait:
            return _LIST_COLUMNS, [_row(started.plan)]
        if started.is_new:
            self.say(f"plan {plan.uuid} started: {started.plan.description}")
        status = self.wait_for_plan(plan.uuid, parsed_args.timeout)
        return _ACTION_COLUMNS, [_action_row(action) for action in status.actions]


class ListPlans(PlanLister):
    """List the action plans that were run, newest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the filters."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--state", type=str.upper, choices=_STATES, help="only plans in this state"
        )
        base.add_limit(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> base.Table:
        """Ask for plans until there are enough."""
        state = parsed_args.state
        found = (plan for plan in self.plans.plans() if state in (None, plan.state))
        return _LIST_COLUMNS, [_row(plan) for plan in islice(found, parsed_args.limit)]


class ShowPlan(PlanShowOne):
    """Show an action plan: how it stands or ended, and the tree of its actions."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the uuid and the options about waiting."""
        parser = _with_plan(super().get_parser(prog_name))
        base.add_wait_options(parser, "the plan is shown at the end")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Shown:
        """Ask for the plan."""
        if parsed_args.wait:
            plan = self.wait_for_plan(parsed_args.plan, parsed_args.timeout)
        else:
            plan = self.plans.read(parsed_args.plan)
        shown: dict[str, Any] = {name: getattr(plan, name) for name in _SHOWN}
        shown["rollback"] = ControlColumn(plan.rollback)
        shown["actions"] = TreeColumn(plan.actions)
        return tuple(shown), tuple(shown.values())


class CancelPlan(PlanShowOne):
    """Cancel an action plan: nothing new starts, and live migrations are aborted.

    What Nova cannot abort is waited for, and what has been done stays done.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the uuid and the options about waiting."""
        parser = _with_plan(super().get_parser(prog_name))
        base.add_wait_options(parser, "the plan's actions are shown at the end")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Shown:
        """Begin to cancel it."""
        control = _accepted(self.plans.cancel(parsed_args.plan))
        if not parsed_args.wait:
            return _control(control)
        control = self.wait_for_control(control, parsed_args.timeout)
        return _control(control, self.plans.read(control.plan).actions)


class RollBackPlan(PlanShowOne):
    """Undo the actions of a plan that have succeeded, in reverse order.

    Servers that are gone or were moved since are left alone.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the uuid, the window and the options about waiting."""
        parser = _with_plan(super().get_parser(prog_name))
        parser.add_argument(
            "--max-age",
            type=base.positive(int),
            metavar="<seconds>",
            help="refuse a plan that ended longer ago (default 3600)",
        )
        base.add_wait_options(parser, "what was undone is shown at the end")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Shown:
        """Begin to undo it."""
        control = _accepted(self.plans.rollback(parsed_args.plan, parsed_args.max_age))
        if not parsed_args.wait:
            return _control(control)
        control = self.wait_for_control(control, parsed_args.timeout)
        return _control(control, self.plans.read_rollback(control.plan))


class GraphPlan(Planning, command.Command):  # type: ignore[misc]
    """Print the graph of an action plan as text, with the states of the actions."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the uuid and the language."""
        parser = _with_plan(super().get_parser(prog_name))
        parser.add_argument(
            "--format",
            choices=tuple(_FORMATS),
            default="mermaid",
            help="language of the text (default: mermaid)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Write it."""
        plan = self.plans.read(parsed_args.plan)
        if not plan.actions:
            raise DriverError(f"the graph of plan {plan.id} is not known: its workbook was deleted")
        states = {one.task: ActionState(one.state) for one in plan.actions}
        self.app.stdout.write(_FORMATS[parsed_args.format](plan.graph, states))


class ControlColumn(FormattableColumn):  # type: ignore[misc]
    """A rollback: a sentence for people, its fields for programs."""

    _value: Control | None

    def human_readable(self) -> str:
        """Return how it stands."""
        if self._value is None:
            return ""
        return sentence(self._value) if self._value.ended else self._value.state

    def machine_readable(self) -> dict[str, str] | None:
        """Return its fields."""
        return dict(vars(self._value)) if self._value else None


def _plan_in(file: str) -> Plan:
    """Return the plan in a file; - is the standard input."""
    problems: list[Problem] = []
    name, read = ("<stdin>", sys.stdin.buffer.read) if file == "-" else (file, None)
    text = read_text(name, problems, read)
    if text is None:
        raise PlanError(problems)
    return read_plan(text, name)


def _with_plan(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("plan", metavar="<uuid>", help="the plan's uuid")
    return parser


def _accepted(control: Control) -> Control:
    """Return a cancelling or a rollback that was not refused."""
    if control.state == "FAILED":
        raise DriverError(sentence(control))
    return control


def _row(plan: PlanStatus) -> tuple[str, ...]:
    return (
        *(plan.id, plan.state, plan.reason, plan.description),
        *(plan.created_at, plan.updated_at),
    )


def _action_row(action: ActionStatus) -> tuple[str, ...]:
    return action.task, action.state, action.reason, action.started_at, action.ended_at


def _control(control: Control, actions: tuple[ActionStatus, ...] | None = None) -> Shown:
    """Return a cancelling or a rollback as one thing, with the actions once it has ended."""
    shown: dict[str, Any] = {
        "plan": control.plan,
        "execution": control.id,
        "state": control.state,
        "reason": control.reason,
        "message": control.message,
    }
    if actions is not None:
        shown["actions"] = TreeColumn(actions)
    return tuple(shown), tuple(shown.values())
