"""Action plans on Mistral: start, list, read, cancel, roll back, wait.

What may be cancelled and rolled back is for the workflows in `recovery.action_plan` to say, so that
it holds for plain Mistral, too.
"""

import contextlib
import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from driver.errors import (
    ConflictError,
    DriverError,
    NotFoundError,
    UnreachableError,
    WorkflowMissingError,
)
from driver.mistral.client import MistralClient
from driver.mistral.records import EXECUTION_ENDED, Execution, Record
from driver.plans import queries
from driver.plans.compile import compile_plan
from driver.plans.model import Plan, choose_rule
from driver.plans.plan_progress import PlanProgress
from driver.plans.status import ActionStatus, Control, PlanStatus, plan_status
from driver.recoveries.keeper import STILL, Standstill, begin_look
from driver.recoveries.model import seconds_since
from driver.recoveries.progress import Reporter, until
from driver.text.messages import legible

T = TypeVar("T")

_ENVIRONMENT = "recovery"
_ACTIONS = "recovery.action."
_GATE = "check_plan"
# Seconds until Mistral has said whether it does what it was asked for; it may say so later.
_DECIDES = 30.0
# Mistral that does not check what a program has made takes a definition in seconds, whatever its
# size; one that does needs 0.3 s of CPU per action.
_TAKES, _TAKES_PER_ACTION = 5.0, 0.1
_GIVEN_UP = 20.0  # seconds: longer than one tries to reach a Mistral that is away
_SETTING = (
    "Mistral checks a plan before it takes it, 0.3 s of CPU per action, unless its mistral.conf has"
    " `validation_mode = enabled` in [api]; restart its API then"
)


@dataclass(frozen=True)
class Started:
    """A plan that was started.

    :param plan: how it stands, without its actions.
    :param is_new: False if it had been started before, and was left as it is.
    :param advice: a sentence for who runs this Mistral; empty if there is nothing to say.
    """

    plan: PlanStatus
    is_new: bool
    advice: str = ""


class OtherPlanError(DriverError):
    """Mistral has something else with the uuid of a plan; nothing was changed."""


class Plans:
    """The action plans of one Mistral.

    :param mistral: where they run; all is done with the rights of its caller.
    :param sleep: replaced by tests.
    :param clock: replaced by tests.
    """

    def __init__(
        self,
        mistral: MistralClient,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mistral = mistral
        self._sleep = sleep
        self._clock = clock

    def start(self, plan: Plan, rule: str | None = None) -> Started:
        """Compile a plan, install what it is compiled to, and start it; once.

        One that was started before is left as it is, however it has ended.

        :param rule: ALWAYS or ANY; None: the plan's own, else what the Mistral environment
            `recovery` has for its strategy, else ALWAYS.
        :raises OtherPlanError: Mistral has another plan with this uuid.
        :raises WorkflowMissingError: the pack's workbooks are not installed.
        :raises UnreachableError: Mistral has not taken it in time; it may do so later.
        """
        settings = None
        if rule is None and plan.rule is None and plan.strategy is not None:
            settings = self._mistral.environment(_ENVIRONMENT)
        rule = choose_rule(plan, rule, settings)
        began = self._clock()
        is_new = self._install(plan, rule) or not self._was_run(plan.uuid)
        spent = self._clock() - began
        run = self._mistral.start(queries.workflow_of(plan.uuid), {}, plan.uuid, _about(plan, rule))
        if run.workflow != queries.workflow_of(plan.uuid):
            text = f"the uuid {plan.uuid} is that of an execution of {run.workflow}"
            raise OtherPlanError(f"{text}: give the plan another one")
        slow = spent > _TAKES + _TAKES_PER_ACTION * len(plan.actions)
        advice = f"it took {spent:.0f} s to install the plan: {_SETTING}" if slow else ""
        return Started(plan_status(run, []), is_new, advice)

    def plans(self) -> Iterator[PlanStatus]:
        """Yield the plans that were started, newest first, without their actions."""
        return queries.read_all(self._mistral)

    def read(self, plan: str) -> PlanStatus:
        """Return the status of a plan and its actions.

        :param plan: its uuid.
        :raises NotFoundError: Mistral has no such plan.
        """
        return queries.read(self._mistral, plan)

    def look_again(self, status: PlanStatus) -> None:
        """Let Mistral look again at a plan in which nothing has changed for a while.

        Whoever may not start that still sees the plan.

        :param status: with its actions.
        """
        if status.state not in ("ONGOING", "CANCELLING"):
            return
        times = (time for one in status.actions for time in (one.started_at, one.ended_at))
        if seconds_since(max((status.updated_at, status.created_at, *times))) >= STILL:
            with contextlib.suppress(DriverError):
                begin_look(self._patient, status.id)

    def read_rollback(self, plan: str) -> tuple[ActionStatus, ...]:
        """Return the status of undoing each action; empty if no rollback was started."""
        return queries.read_rollback(self._mistral, plan)

    def cancel(self, plan: str) -> Control:
        """Begin to cancel a plan; it ends when what cannot be aborted has ended.

        :param plan: its uuid.
        :returns: the cancelling; a refused one has ended, FAILED, with PLAN_ENDED or
            CANCEL_RUNNING.
        :raises NotFoundError: Mistral has no such plan.
        """
        return self._control(queries.CANCEL, plan, {})

    def rollback(self, plan: str, max_age: int | None = None) -> Control:
        """Begin to undo what a plan has done.

        :param plan: its uuid.
        :param max_age: seconds since its end after which that is refused; None: 3600.
        :returns: the rollback; a refused one has ended, FAILED, with WRONG_STATE, TOO_OLD or
            ALREADY_ROLLED_BACK.
        :raises NotFoundError: Mistral has no such plan.
        """
        given = {} if max_age is None else {"max_age": max_age}
        return self._control(queries.ROLLBACK, plan, given)

    def wait(self, plan: str, reporter: Reporter, timeout: float | None = None) -> PlanStatus:
        """Wait until a plan has ended, and return how; until then show how far it is.

        :param timeout: seconds; None waits for as long as it takes.
        :raises NotFoundError: Mistral has no such plan.
        :raises StillRunningError: the timeout is over; the plan goes on.
        :raises UnreachableError: Mistral gave no answer for a minute.
        """
        uuid = queries.find(self._mistral, plan).id
        show = self._show(PlanProgress(self._patient, uuid, "run"), uuid, reporter)

        def ended() -> PlanStatus | None:
            state = self._patient.execution(uuid).state
            if state not in EXECUTION_ENDED:
                show(state)
                return None
            status = queries.read(self._patient, uuid)
            return status if status.ended else None

        return self._until(ended, uuid, reporter, timeout)

    def wait_for(
        self, control: Control, reporter: Reporter, timeout: float | None = None
    ) -> Control:
        """Wait until a cancelling or a rollback has ended; otherwise as :meth:`wait`."""
        verb = "rollback" if control.verb == "rollback" else "run"
        progress = PlanProgress(self._patient, control.plan, verb)
        show = self._show(progress, control.id, reporter)

        def ended() -> Control | None:
            run = self._patient.execution(control.id)
            if not run.ended:
                show(run.state)
                return None
            return Control.from_execution(run)

        return self._until(ended, control.plan, reporter, timeout)

    def _show(
        self, progress: PlanProgress, execution: str, reporter: Reporter
    ) -> Callable[[str], None]:
        """Return what shows the progress, and asks Mistral to look again if there is none.

        :param execution: what is waited for.
        """
        standstill = Standstill(self._patient, execution, self._clock)

        def show(state: str) -> None:
            now = progress.look(state)
            reporter.show(now)
            told = standstill.seen(now) if state == "RUNNING" else ""
            if told:
                reporter.note(told)

        return show

    @property
    def _patient(self) -> MistralClient:
        # Being patient is done in the loop, where the person who waits can be told.
        return self._mistral.with_patience(0)

    def _until(
        self, ended: Callable[[], T | None], plan: str, reporter: Reporter, timeout: float | None
    ) -> T:
        return until(ended, goes_on(plan), reporter, timeout, self._sleep, self._clock)

    def _install(self, plan: Plan, rule: str) -> bool:
        """Install the workbook of a plan, if it is not there; return whether it was not."""
        book = compile_plan(plan, rule)
        there = self._mistral.workbook(book.name)
        if there is None:
            self._check_types(plan)
            try:
                with self._said_why_it_is_slow(plan):
                    self._mistral.add_workbook(book.text)
                return True
            except ConflictError:  # somebody was faster: perhaps an earlier try of this call
                there = self._mistral.workbook(book.name)
        if there != book.text:
            raise OtherPlanError(
                f"this Mistral has another plan with the uuid {plan.uuid}, or this one under "
                f"another rule: see `openstack recovery plan show {plan.uuid}`. Give the new plan "
                "a uuid of its own, or leave it at what there is"
            )
        return False

    @contextlib.contextmanager
    def _said_why_it_is_slow(self, plan: Plan) -> Iterator[None]:
        """Turn "no answer" into what is most likely at work, when Mistral was there and is slow.

        :raises UnreachableError: with what to do.
        """
        began = self._clock()
        try:
            yield
        except UnreachableError as error:
            spent = self._clock() - began
            if spent < _GIVEN_UP:
                raise
            raise UnreachableError(
                f"Mistral has not taken the {len(plan.actions)} actions of plan {plan.uuid} within"
                f" {spent:.0f} s: {_SETTING}. Nothing was started. If Mistral takes it later, it is"
                f" there and waits: run the plan again ({error})"
            ) from error

    def _was_run(self, uuid: str) -> bool:
        try:
            queries.find(self._mistral, uuid)
        except NotFoundError:
            return False
        return True

    def _check_types(self, plan: Plan) -> None:
        there = self._mistral.workflow_names(_ACTIONS)
        missing = {f"{_ACTIONS}{action.type}" for action in plan.actions} - there
        if missing:
            raise WorkflowMissingError(
                f"workflow {min(missing)} is not installed in this Mistral: "
                "run `openstack recovery sync`"
            )

    def _control(self, workflow: str, plan: str, more: Record) -> Control:
        """Start what cancels a plan or rolls it back, and wait until it has accepted or refused."""
        run = queries.find(self._mistral, plan)
        before = {one.id for one in queries.Controls(self._mistral, workflow).of(run)}
        # Those that ask at the same moment start one together; one that was refused before
        # must not stand in the way.
        own_id = next(name for name in _ids(run.id, workflow) if name not in before)
        begun = self._mistral.start(workflow, {"plan": run.id, **more}, own_id)
        give_up_at = self._clock() + _DECIDES
        while not (begun.ended or self._has_passed(begun) or self._clock() >= give_up_at):
            self._sleep(0.3)
            begun = self._mistral.execution(begun.id)
        return Control.from_execution(begun)

    def _has_passed(self, begun: Execution) -> bool:
        tasks = self._mistral.tasks(begun.id, "id,name,state")
        return any(task["name"] == _GATE and task["state"] == "SUCCESS" for task in tasks)


def goes_on(plan: str) -> str:
    """Return the sentence for everyone who stops watching."""
    return (
        "it goes on in Mistral; watch the plan again with "
        f"`openstack recovery plan show {plan} --wait`"
    )


def _ids(plan: str, workflow: str) -> Iterator[str]:
    """Yield the ids that the executions of a workflow have that is about a plan."""
    verb = workflow.rpartition(".")[2]
    names = itertools.chain([verb], (f"{verb} {number}" for number in itertools.count(2)))
    return (str(uuid.uuid5(uuid.UUID(plan), name)) for name in names)


def _about(plan: Plan, rule: str) -> str:
    """Return what a list of executions tells of a plan."""
    count = "1 action" if len(plan.actions) == 1 else f"{len(plan.actions)} actions"
    strategy = f", strategy {legible(plan.strategy)}" if plan.strategy else ""
    return f"{count}, rule {rule}{strategy}"
