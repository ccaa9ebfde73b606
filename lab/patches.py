"""What has to be changed in the libraries so that one process and SQLite are enough.

Each patch takes away a limit of the embedded set-up (an in-memory broker that sleeps, a database
with a single writer); none changes what Nova or Mistral do.
"""

import collections
import contextlib
import threading
import time


def wake_fake_rpc() -> None:
    """Let the ``fake:/`` transport deliver at once; it looks for messages every 50 ms otherwise."""
    from oslo_messaging._drivers import base, impl_fake

    arrived = threading.Condition()
    deliver = impl_fake.FakeExchange.deliver_message

    def deliver_message(self, *args, **kwargs):
        deliver(self, *args, **kwargs)
        with arrived:
            arrived.notify_all()

    @base.batch_poll_helper
    def poll(self, timeout=None):
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._stopped.is_set():
            with arrived:
                for target in self._targets:
                    exchange = self._exchange_manager.get_exchange(target.exchange)
                    context, message, reply, requeue = exchange.poll(target, self._pool)
                    if message is not None:
                        return impl_fake.FakeIncomingMessage(context, message, reply, requeue)
                if deadline is not None and time.monotonic() >= deadline:
                    return None
                arrived.wait(1)
        return None

    def stop(self):
        self._stopped.set()
        with arrived:
            arrived.notify_all()

    impl_fake.FakeExchange.deliver_message = deliver_message
    impl_fake.FakeListener.poll = poll
    impl_fake.FakeListener.stop = stop


def serialise_sqlite_writers() -> None:
    """One writing transaction at a time per database, or SQLite says "database is locked".

    The same idea as ``nova.tests.fixtures.DatabaseWriteLock``.
    """
    from oslo_db.sqlalchemy import enginefacade

    guard = threading.Lock()
    locks: dict[str, threading.RLock] = collections.defaultdict(threading.RLock)
    original = enginefacade._TransactionContextManager._transaction_scope

    @contextlib.contextmanager
    def scope(self, context):
        with contextlib.ExitStack() as stack:
            if self._mode is enginefacade._WRITER:
                with guard:
                    lock = locks[str(self.writer.get_engine().url)]
                stack.enter_context(lock)
            yield stack.enter_context(original(self, context))

    enginefacade._TransactionContextManager._transaction_scope = scope


def keep_sqlite_connections() -> None:
    """Let a transaction have a connection that is open; oslo.db opens and closes one for each.

    That is a third of what Nova does in the lab.
    """
    from oslo_db.sqlalchemy import engines
    from sqlalchemy import pool

    connection_arguments = engines._init_connection_args

    def pooled(url, engine_args, kw):
        connection_arguments(url, engine_args, kw)
        if engine_args.get("poolclass") is pool.NullPool:
            engine_args |= {"poolclass": pool.QueuePool, "pool_size": 50, "max_overflow": -1}
            engine_args["connect_args"]["check_same_thread"] = False

    def checked_in(_connection, record):
        # what oslo.db notes when it begins, and forgets only when it commits or rolls back itself
        record.info.pop("in_transaction", None)

    engines._init_connection_args = pooled
    engines._thread_yield = checked_in  # in the place of a yield to eventlet, which nobody uses


def report_heartbeats_at_once() -> None:
    """Let a nova-compute that has started have sent its first heartbeat, 5 seconds earlier."""
    from nova.servicegroup.drivers.db import DbDriver

    join = DbDriver.join

    def report_and_join(self, member, group, service=None):
        self._report_state(service)
        join(self, member, group, service)

    DbDriver.join = report_and_join


def trust_dsl_schemas() -> None:
    """Check definitions against Mistral's schemas, but not those schemas against theirs each time.

    That is 0.2 seconds per task of every workbook that is created, for the same answer.
    """
    from jsonschema import exceptions, validators
    from mistral.exceptions import InvalidModelException
    from mistral.lang import base

    def validate_schema(self):
        schema = self.get_schema()
        validator = validators.validator_for(schema)(schema)
        error = exceptions.best_match(validator.iter_errors(self._data))
        if error is not None:
            raise InvalidModelException(f"Invalid DSL: {error}")

    base.BaseSpec.validate_schema = validate_schema


def keep_scheduled_jobs_readable() -> None:
    """Let any thread of Mistral look at the jobs that its scheduler holds in memory.

    Mistral 23 keeps them as rows of a session. While another thread commits that session, looking
    at one fails (``DetachedInstanceError``), the refresh of a join that was to be scheduled then is
    lost, and its workflow waits for ever: seen in plans whose last two parents end together.
    """
    from mistral.scheduler.default_scheduler import DefaultScheduler
    from sqlalchemy import orm

    schedule = DefaultScheduler._schedule_in_memory

    def schedule_detached(self, scheduled_job):
        # it is written (flushed) already; detached from its session, nothing expires it
        session = orm.object_session(scheduled_job)
        if session is not None:
            session.expunge(scheduled_job)
        schedule(self, scheduled_job)

    DefaultScheduler._schedule_in_memory = schedule_detached
