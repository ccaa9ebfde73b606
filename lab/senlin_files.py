"""What a Senlin of the lab reads: its configuration, its database, and this pack."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from lab import accounts, ini, mariadb, pins
from lab.environments import environment
from lab.mariadb import MariaDB
from lab.ports import choose
from lab.process import ROOT, environment_with, run
from lab.template import made_once
from lab.wheel import wheel

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


def install_product(state: Path) -> None:
    """Install the wheel of this checkout where only this lab's Senlin sees it.

    What it needs in a Senlin is there; tests/senlin shows that plain pip adds what is not, and
    changes nothing.

    :raises LabError: pip failed, or the wheel could not be built.
    """
    built = wheel()
    target = state / "product"
    installed = target / "installed"
    if installed.exists() and installed.read_text() == str(built):
        return
    shutil.rmtree(target, ignore_errors=True)
    run(str(environment("senlin") / "bin" / "pip"), "install", "--quiet", "--no-deps",
        "--no-index", "--disable-pip-version-check", "--target", str(target), str(built))
    installed.write_text(str(built))


def copy_database(data: Path) -> None:
    """Give a Senlin its database, unless it has one from an earlier start.

    :raises LabError: the template could not be made.
    """
    if not data.exists():
        shutil.copytree(_template(), data)


def _template() -> Path:
    """Return the data of a MariaDB after Senlin's migrations, made now if there is none."""
    makers = pins.checksum(ROOT / "requirements" / "senlin.txt", Path(__file__),
                           Path(mariadb.__file__), Path(mariadb.program()))
    template = pins.CACHE / f"senlin-database-{makers}"
    made_once(template, _migrate)
    return template / "mariadb"


def _migrate(directory: Path) -> None:
    port = choose({}, ("mariadb",))["mariadb"]
    server = MariaDB(directory, port, "senlin", "only-for-this-minute")
    server.install()
    server.start()
    try:
        ini.write(directory / "senlin.conf", {"database": {"connection": server.url}})
        programs = environment("senlin") / "bin"
        run(str(programs / "python"), str(programs / "senlin-manage"), "--config-file",
            str(directory / "senlin.conf"), "db_sync")
    finally:
        server.stop()
