"""A real Mistral in one process: ``python -m lab.mistral_server``.

Engine, executor and API are threads, which is what makes ``transport_url = fake:/`` (no broker)
possible: ``mistral-server --server all`` starts a process for each. The database is kept, so
executions go on after the process was killed and started again. Actions are those of the
``mistral.actions`` entry points of this environment.
"""

import argparse
import importlib
import importlib.metadata
import logging
import os
import signal
import threading
from pathlib import Path

from lab import ini, mistral_files, patches

LOG = logging.getLogger(__name__)


def arguments(argv=None):
    parser = argparse.ArgumentParser(prog="python -m lab.mistral_server")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--keystone", action="store_true",
                        help="requests need a token, and actions have it")
    parser.add_argument("--option", action="append", default=[], metavar="GROUP.NAME=VALUE",
                        help="an option of mistral.conf")
    return parser.parse_args(argv)


def configuration(state: Path, port: int) -> ini.Sections:
    own = {
        "DEFAULT": {
            "transport_url": "fake:/",
            "use_stderr": True,
            "auth_type": "noauth",
        },
        "api": {"host": "127.0.0.1", "port": port},
        # there is no other process, and no fork that would take a lock along
        "cron_trigger": {"run_in_api": True},
        "pecan": {"auth_enable": False},
        "database": {
            "connection": f"sqlite:///{state}/mistral.sqlite",
            "sqlite_synchronous": False,
        },
        # std.http may talk to this machine: there is nothing else in a lab
        "action_std_http": {"denied_cidrs": ""},
        # std.http writes the headers that it sends into the log
        "action_logging": {"sensitive_headers": "Authorization"},
        "oslo_policy": {"enforce_scope": False},
        # the nova.*, glance.* ... actions of mistral-extra need a token, which nobody has when
        # authentication is off, and 500 of them double the time of a start
        "legacy_action_provider": {"load_action_generators": False},
    }
    return ini.merged(mistral_files.told_by_readme(), own)


def authentication(state: Path) -> ini.Sections:
    """Return the options with which Mistral asks the Keystone of the lab about tokens."""
    return mistral_files.authentication(state) | {
        "DEFAULT": {"auth_type": "keystone"}, "pecan": {"auth_enable": True}}


def import_libraries() -> None:
    """Import what takes long; ``lab.nursery`` does so for many processes at once."""
    for name in ("mistral.config", "mistral.api.service", "mistral.api.app",
                 "mistral.engine.engine_server", "mistral.executors.executor_server",
                 "mistral.services.action_manager", "mistral.db.v2.sqlalchemy.api"):
        importlib.import_module(name)
    for action in importlib.metadata.entry_points(group="mistral_recovery.actions"):
        action.load()


def load_configuration(state: Path, sections: ini.Sections) -> None:
    from mistral import config
    from oslo_config import cfg
    from oslo_log import log

    path = state / "mistral.conf"
    ini.write(path, sections)
    cfg.CONF.register_cli_opts(config.CLI_OPTS)
    config.parse_args(["--config-file", str(path)])
    log.setup(cfg.CONF, "mistral")


def set_up_database() -> None:
    # "mistral-db-manage upgrade head" fails on SQLite, which cannot alter constraints: make the
    # tables from the models, then do what "populate" does, but leave out mistral-extra's two
    # workflows, whose actions are not loaded
    from mistral.db.v2 import api
    from mistral.services import action_manager

    api.setup_db()
    action_manager.sync_db()


def start_services() -> list:
    """Start everything; return the services in the order in which they are to be stopped."""
    from mistral.api import service
    from mistral.engine import engine_server
    from mistral.executors import executor_server
    from mistral.rpc import base

    base.get_transport()
    engine = engine_server.get_oslo_service(setup_profiler=False)
    executor = executor_server.get_oslo_service(setup_profiler=False)
    for server in (engine, executor):
        server.start()
        server.wait_started()
    api = service.WSGIService("mistral_api")
    api.start()
    return [api, executor, engine]


def main():
    args = arguments()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    sections = configuration(args.state, args.port)
    if args.keystone:
        sections = ini.merged(sections, authentication(args.state))
    sections = ini.merged(sections, ini.parse_options(args.option))
    patches.keep_sqlite_connections()
    patches.wake_fake_rpc()
    patches.trust_dsl_schemas()
    patches.keep_scheduled_jobs_readable()
    load_configuration(args.state, sections)
    set_up_database()
    services = start_services()
    LOG.info("ready")
    stopped.wait()
    for server in services:
        server.stop()
    LOG.info("stopped")
    # heartbeat sender, RPC pollers and thread pools are no daemon threads and would keep the
    # process alive
    os._exit(0)


if __name__ == "__main__":
    main()
