"""Two engines that end the same lost action, on Mistral's engine in virtual time.

What is Mistral's own here, besides the engine: the heartbeat checker, called once for each of the
two; the jobs of the scheduler, which an engine takes before it runs them. That the second checker
has read the action before the first one has written is set: the action is RUNNING again.
"""

import datetime
import functools
import heapq
import pkgutil

from mistral.db.v2 import api as db_api
from mistral.engine import post_tx_queue
from mistral.scheduler import base as schedulers
from mistral.scheduler.default_scheduler import DefaultScheduler
from mistral.services import action_heartbeat_checker
from mistral_lib import actions
from mistral_lib import utils as mistral_utils

from driver.rehearsals.replacements import ScriptedExecutor, VirtualScheduler, task_path

HEARTBEATS = 20  # seconds until an action without them is ended
LOST = "the process died"


class StoredJobs(VirtualScheduler):
    """Keeps delayed calls in Mistral's database, too, and runs those that are still there."""

    def schedule(self, job):
        """Keep a call."""
        row = DefaultScheduler._persist_job(job)
        self._agenda.later(job.run_after, job.key, self._run, {"row": row})

    def _run(self, row):
        if DefaultScheduler._capture_scheduled_job(row):
            pkgutil.resolve_name(row.func_name)(**row.func_args)
            db_api.delete_scheduled_jobs(id=row.id)


class TwoEngines(ScriptedExecutor):
    """The executor of a Mistral with two engines.

    `result_of` may return LOST: the action never ends, both engines see that, the second one
    `apart` seconds behind the first. What really runs may let time pass: see `pass_time`.
    """

    def __init__(self, mistral, monkeypatch, apart):
        super().__init__(mistral._replaced[_client()])
        self.agenda, self.apart, self.runs = mistral._agenda, apart, []
        monkeypatch.setattr(mistral, "_executor", self)
        jobs = StoredJobs(mistral._agenda)
        monkeypatch.setitem(mistral._replaced, (schedulers, "_SCHEDULER"), jobs)

    def run_action(self, action, action_ex_id, safe_rerun, exec_ctx, **_):
        """Run an action at once, or lose it."""
        with db_api.transaction(read_only=True):
            record = db_api.get_action_execution(action_ex_id)
            name, inputs, path = record.name, dict(record.input), task_path(record.task_execution)
        self.runs.append((path, name, inputs))
        left = self.result_of(path, name, inputs)
        if left is LOST:
            for late in (0, self.apart):
                self.agenda.later(HEARTBEATS + late, None, self._miss, {"id_": action_ex_id})
            return
        if left is None:
            left = action.run(None)
        if isinstance(left, dict) and left.keys() <= {"data", "error"}:
            left = actions.Result(**left)
        elif not isinstance(left, actions.Result):
            left = actions.Result(data=left)
        self._engine.on_action_complete(action_ex_id, left)

    @staticmethod
    def _miss(id_):
        """Let an engine that has read this action while it ran end it."""
        with db_api.transaction():
            action = db_api.get_action_execution(id_)
            action.state, action.last_heartbeat = "RUNNING", datetime.datetime(2020, 1, 1)
        action_heartbeat_checker.handle_expired_actions()

    def pass_time(self, seconds):
        """Let all happen that is due within so many seconds; then the caller goes on."""
        agenda, end = self.agenda, self.agenda.time + datetime.timedelta(seconds=seconds)
        queue = post_tx_queue._get_queue()  # of this thread: what happens now is done by others
        while agenda._now or (agenda._later and agenda._later[0][0] <= end):
            if agenda._now:
                function, args, kwargs = agenda._now.popleft()
                function(*args, **kwargs)
            else:
                due, _, _, function, kwargs = heapq.heappop(agenda._later)
                agenda.time = max(agenda.time, due)
                function(**kwargs)
        agenda.time = max(agenda.time, end)
        mistral_utils.set_thread_local(post_tx_queue._THREAD_LOCAL_NAME, queue)


@functools.cache
def _client():
    from mistral.rpc import clients

    return clients, "_ENGINE_CLIENT"
