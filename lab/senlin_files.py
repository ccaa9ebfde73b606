"""What a Senlin of the lab reads: its configuration and its database."""

from collections.abc import Mapping
from pathlib import Path

from lab import accounts, ini, mariadb
from lab.environments import environment
from lab.process import environment_with, run

HOST = "localhost"  # the name under which the services know each other


def configuration(state: Path, auth: Mapping[str, str], database: str, broker: str,
                  port: int) -> ini.Sections:
    """Return senlin.conf.

    :param auth: of Senlin's own account, as in ``clouds.yaml``.
    :param database: URL of the database.
    :param broker: URL of the broker.
    :param port: of the API.
    """
    one_process = {"workers": 1}
    return {
        "DEFAULT": {
            "use_stderr": True,
            "host": HOST,
            "transport_url": broker,
            "cloud_backend": "openstack",
            "default_region_name": "RegionOne",
            "environment_dir": state / "environments",
            # quick: an engine that died is noticed after 2.2 of these, in seconds
            "periodic_interval": 8,
            "service_down_time": 24,
            "health_check_interval_min": 5,
            "batch_interval": 1,
            "lock_retry_interval": 2,
            # on a busy machine everything is late, and nothing is lost
            "rpc_response_timeout": 300,
            "engine_life_check_timeout": 60,
            "default_log_levels": "amqp=WARN,sqlalchemy=WARN,oslo.messaging=INFO,urllib3=WARN,"
                                  "keystoneauth=WARN,stevedore=WARN,keystonemiddleware=WARN",
        },
        "database": {"connection": database},
        "senlin_api": {"bind_host": "127.0.0.1", "bind_port": port, "workers": 0,
                       "api_paste_config": environment("senlin") / "etc/senlin/api-paste.ini"},
        "conductor": one_process,
        "engine": one_process,
        # at each clean-up it forgets all clusters: Senlin 16 compares their ids with rows
        "health_manager": one_process | {"cleanup_interval": 365 * 24 * 3600},
        "authentication": {
            "auth_url": auth["auth_url"], "service_username": auth["username"],
            "service_password": auth["password"], "service_project_name": auth["project_name"],
        },
        "keystone_authtoken": accounts.middleware(auth),
        # a broker on this machine does not vanish silently
        "oslo_messaging_rabbit": {"heartbeat_timeout_threshold": 0},
        "oslo_policy": {"policy_file": state / "policy.yaml"},
    }


def write(state: Path, sections: ini.Sections) -> None:
    """Write everything that Senlin is told by files."""
    (state / "environments").mkdir(parents=True, exist_ok=True)
    (state / "policy.yaml").write_text("{}\n")
    ini.write(state / "senlin.conf", sections)


def process_environment(state: Path) -> dict[str, str]:
    """Return the environment of Senlin's processes, which see this pack."""
    return environment_with(PYTHONPATH=str(state / "product"), LC_ALL="C.UTF-8")


def copy_database(data: Path) -> None:
    """Give a Senlin its database, unless it has one from an earlier start.

    :raises LabError: the template could not be made.
    """
    mariadb.copy_migrated(data, "senlin", _migrate, Path(__file__))


def _migrate(directory: Path, database: str) -> None:
    ini.write(directory / "senlin.conf", {"database": {"connection": database}})
    programs = environment("senlin") / "bin"
    run(str(programs / "python"), str(programs / "senlin-manage"), "--config-file",
        str(directory / "senlin.conf"), "db_sync")
