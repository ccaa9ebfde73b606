"""A Mistral that loses messages and jobs, as one does whose engines die; in virtual time.

Import it when Mistral is loaded.
"""

import datetime
import types

from mistral.db.v2 import api as db_api
from mistral.engine import workflow_handler
from mistral.rpc import clients as rpc_clients
from mistral.scheduler import base as schedulers

from driver.rehearsals.replacements import task_path
from mistral_actions.engine import keeper
from tests.workbooks.two_engines import StoredJobs

OWN = types.SimpleNamespace(id="", project_id="<default-project>", context={})
MOMENT = {"idle": 1, "execution": None}
WHOLE, PART, LOOK = "recovery.losses.whole", "recovery.losses.part", "recovery.keeper.look"


class LossyJobs(StoredJobs):
    """Loses jobs: they fail, and Mistral strikes them off."""

    lost, times, asleep = "", 0, False

    def _run(self, row):
        if self.asleep:  # of an engine that has died: the job stays
            return
        if self.times and row.func_name.endswith(self.lost):
            self.times -= 1
            db_api.delete_scheduled_jobs(id=row.id)
        else:
            super()._run(row)


class Lossy:
    """A Mistral, and what it loses next.

    :param mistral: that of the session.
    """

    def __init__(self, mistral, monkeypatch):
        self.mistral, self.agenda, self._patch = mistral, mistral._agenda, monkeypatch
        self.jobs = LossyJobs(self.agenda)
        self.runs = []
        self.polls = {}  # how often a task asks for another try
        self._begin = lambda: None
        self.pause_at = ""  # a task at whose run somebody pauses the execution
        self.hangs = ""  # a task whose action goes on and on
        monkeypatch.setitem(mistral._replaced, (schedulers, "_SCHEDULER"), self.jobs)
        client = mistral._replaced[rpc_clients, "_ENGINE_CLIENT"]
        self.lost_start = self.lost_result = None
        self.agenda.time = self.agenda.time.replace(microsecond=1)
        client = _Client(self, client)
        monkeypatch.setitem(mistral._replaced, (rpc_clients, "_ENGINE_CLIENT"), client)
        monkeypatch.setattr(mistral._executor, "_engine", client)

    # what is lost

    def lose_start_of(self, task):
        """Lose the message that starts the next task of this name."""
        self.lost_start = task

    def lose_jobs(self, function, times):
        """Lose so many jobs of this name."""
        self.jobs.lost, self.jobs.times = function, times

    def lose_end_of(self, workflow):
        """Lose the look whether an execution of this workflow has ended, once all tasks have."""
        check = workflow_handler.check_and_complete

        def lose(wf_ex_id):
            execution = db_api.get_workflow_execution(wf_ex_id)
            left = db_api.get_incomplete_task_executions_count(workflow_execution_id=wf_ex_id)
            if execution.workflow_name != workflow or left:
                check(wf_ex_id)
                return
            self._patch.setattr(workflow_handler, "check_and_complete", check)

        self._patch.setattr(workflow_handler, "check_and_complete", lose)

    def lose_result_of(self, workflow):
        """Lose the message that tells of the end of an execution of this workflow."""
        self.lost_result = workflow

    # what happens

    def start(self, workflow=WHOLE, **inputs):
        """Start a workflow, let all happen that does, and return its id."""
        before = {one.id for one in self.executions()}
        self.mistral.run(workflow, inputs, self._result)
        (new,) = (one.id for one in self.executions() if one.id not in before and not one.task)
        return new

    def look(self, **inputs):
        """Let the keeper look, and all happen that comes of it; return its report."""
        done = self.mistral.run(LOOK, inputs, self._result)
        assert done.stopped is None
        return done.output["report"]

    def _result(self, path, *_):
        self.runs.append(path)
        if path == self.pause_at:
            with db_api.transaction(read_only=True):
                (one,) = db_api.get_workflow_executions(workflow_name=WHOLE, state="RUNNING")
                self.agenda.soon(self.mistral._engine.pause_workflow, one.id)
        self._begin()
        self._begin = lambda: None
        if self.polls.get(path):
            self.polls[path] -= 1
            return {"data": {"finished": False, "message": "not yet"}}
        return None

    def watch(self, seconds):
        """Look each second of the next run what stands still; return a list for what is found.

        It gets an element for each look.
        """
        found = []

        def look():
            with db_api.transaction(read_only=True):
                there = keeper.standing_still(keeper._internals(), db_api, OWN, MOMENT)
                found.append([(one.workflow_name, lost) for one, lost in there])

        def begin():
            for second in range(seconds):
                self.agenda.later(second + 0.5, None, look, {})

        self._begin = begin
        return found

    def look_twice(self):
        """Let two keepers look at once; return their reports."""
        with self.mistral._at_work():
            both = [self.mistral._engine.start_workflow(LOOK).id for _ in range(2)]
            self.agenda.run()
        return [self.state(one).report for one in both]

    def set_state(self, execution, do):
        """Let a person pause an execution, resume it, ..."""
        with self.mistral._at_work():
            getattr(self.mistral._engine, do)(execution)
            self.agenda.run()

    def write_state(self, execution, state):
        """Give an execution a state, and nothing else: what goes with that is lost."""
        with self.mistral._at_work(), db_api.transaction():
            db_api.get_workflow_execution(execution).state = state

    def another_engine(self):
        """Let an engine do what one had still to do that has died."""
        with self.mistral._at_work():
            with db_api.transaction(read_only=True):
                rows = [one.get_clone() for one in db_api.get_scheduled_jobs()]
            for row in rows:
                self.agenda.later(1, row.key, self.jobs._run, {"row": row})
            self.agenda.run()

    def wait(self, seconds=31):
        """Let time pass in which nothing happens."""
        self.agenda.time += datetime.timedelta(seconds=seconds)

    def executions(self):
        with self.mistral._at_work(), db_api.transaction(read_only=True):
            return [_Seen(one) for one in db_api.get_workflow_executions()]

    def runs_of_others(self):
        """The tasks that ran an action, without the keeper's."""
        return [path for path in self.runs if path not in ("check_input", "tell")]

    def cancel_all(self):
        """Leave nothing that another test would find."""
        with self.mistral._at_work(), db_api.transaction():
            for one in db_api.get_workflow_executions():
                if one.state in ("RUNNING", "PAUSED"):
                    one.state = "CANCELLED"
            db_api.delete_scheduled_jobs()

    def state(self, execution):
        """State, reason and description of an execution."""
        (found,) = (one for one in self.executions() if one.id == execution)
        return found


class _Client:
    """The client of the engine, over which messages are lost."""

    def __init__(self, lossy, client):
        self._lossy, self._client = lossy, client

    def __getattr__(self, name):
        return getattr(self._client, name)

    def start_task(self, task_ex_id, **more):
        with db_api.transaction(read_only=True):
            name = db_api.get_task_execution(task_ex_id).name
        if name == self._lossy.lost_start:
            self._lossy.lost_start = None
        else:
            self._client.start_task(task_ex_id=task_ex_id, **more)

    def on_action_complete(self, id_, result, wf_action=False, **more):
        if wf_action:
            with db_api.transaction(read_only=True):
                name = db_api.get_workflow_execution(id_).workflow_name
            if name == self._lossy.lost_result:
                self._lossy.lost_result = None
                return
        elif self._lossy.hangs:
            with db_api.transaction(read_only=True):
                path = task_path(db_api.get_action_execution(id_).task_execution)
            if path == self._lossy.hangs:
                return
        self._client.on_action_complete(id_, result, wf_action=wf_action, **more)


class _Seen:
    def __init__(self, one):
        self.id, self.workflow, self.state = one.id, one.workflow_name, one.state
        self.task, self.description = one.task_execution_id, one.description or ""
        self.report = (one.output or {}).get("report")
