"""A RabbitMQ broker of the lab's own, and the epmd that Erlang cannot do without.

Erlang would start an epmd on its usual port, listening to the world, and leave it behind. This
one has a port of its own on the loopback interface, and ends with the broker.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import amqp

from lab import ini, mariadb
from lab.errors import LabError
from lab.mariadb import PATH, wait_for_greeting
from lab.process import Process

START_TIMEOUT = 120  # seconds; a start takes 5 to 10
HELLO = b"AMQP\x00\x00\x09\x01"
USER = "lab"


def program() -> str | None:
    """Return the path of the server's start script, None if it is not installed.

    Debian's ``/usr/sbin/rabbitmq-server`` is a wrapper that insists on the user ``rabbitmq``.
    """
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    return str(found[-1]) if found else shutil.which("rabbitmq-server", path=PATH)


def missing(what: str) -> str | None:
    """Return a sentence about the servers that this machine lacks, None if it has both.

    :param what: needs RabbitMQ and MariaDB.
    """
    packages = [package for package, found in (("mariadb-server", mariadb.program()),
                                               ("rabbitmq-server", program())) if found is None]
    if not packages:
        return None
    return (f"{what} needs {' and '.join(packages)}, which this machine does not have; on "
            f"Debian and Ubuntu: apt-get install --no-install-recommends {' '.join(packages)}")


def check_installed(what: str) -> None:
    """Refuse to begin what could not be ended.

    :param what: needs RabbitMQ and MariaDB.
    :raises LabError: one of them is not installed.
    """
    if lacking := missing(what):
        raise LabError(lacking)


class Broker:
    """RabbitMQ with one user.

    :param directory: for what it keeps, its logs and its PIDs.
    :param ports: ``amqp``, ``erlang`` and ``epmd``.
    """

    def __init__(self, directory: Path, ports: Mapping[str, int], password: str):
        self.process = Process("rabbitmq", directory)
        self.epmd = Process("epmd", directory)
        self.url = f"rabbit://{USER}:{password}@127.0.0.1:{ports['amqp']}/"
        self._directory = directory / "rabbitmq"
        self._ports = ports
        self._password = password

    def start(self) -> None:
        """Start both and wait until the broker takes connections.

        :raises LabError: one ended, or did not get ready.
        """
        # messages of an earlier lab are worth nothing, and its user had another password
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True)
        (self._directory / "enabled_plugins").write_text("[].\n")
        (self._directory / "env.conf").write_text("")
        ini.write_private(self._directory / "rabbitmq.conf", "\n".join((
            f"listeners.tcp.1 = 127.0.0.1:{self._ports['amqp']}",
            f"default_user = {USER}", f"default_pass = {self._password}",
            "log.console = true", "log.file = false",
            # it must not go on strike on a full laptop
            "disk_free_limit.absolute = 1MB", "vm_memory_high_watermark.absolute = 1GB", "")))
        self.epmd.start([shutil.which("epmd", path=PATH) or "epmd", "-address", "127.0.0.1",
                         "-port", str(self._ports["epmd"])], self._environment())
        self.restart()

    def restart(self) -> None:
        """Start a broker that was killed, with its user and what it kept on its disk.

        :raises LabError: it ended, or did not get ready.
        """
        self.process.start([program() or "rabbitmq-server"], self._environment())
        wait_for_greeting(self.process, self._ports["amqp"], HELLO, START_TIMEOUT)

    def stop(self) -> None:
        self.process.stop(20)
        self.epmd.stop()

    def consumers(self, queue: str) -> int:
        """Return how many take messages from a queue, 0 if there is no such queue.

        The broker may have been started by another process.
        """
        lines = (self._directory / "rabbitmq.conf").read_text().splitlines()
        known = dict(line.split(" = ", 1) for line in lines)
        with amqp.Connection(f"127.0.0.1:{self._ports['amqp']}", userid=USER,
                             password=known["default_pass"]) as connection:
            try:
                declared = connection.channel().queue_declare(queue, passive=True)
            except amqp.NotFound:
                return 0
            return int(declared.consumer_count)

    def _environment(self) -> dict[str, str]:
        here = self._directory
        return {
            "PATH": PATH, "HOME": str(here),  # the cookie of Erlang is kept there
            "LC_ALL": "C.UTF-8",
            "RABBITMQ_NODENAME": f"lab{self._ports['amqp']}@localhost",
            "RABBITMQ_DIST_PORT": str(self._ports["erlang"]),
            "ERL_EPMD_PORT": str(self._ports["epmd"]), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(here / "mnesia"), "RABBITMQ_LOG_BASE": str(here),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(here / "env.conf"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # the script becomes the broker, instead of waiting for it: one process, one PID
            "RUNNING_UNDER_SYSTEMD": "true",
        }
