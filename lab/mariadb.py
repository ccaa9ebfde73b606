"""A MariaDB server of the lab's own: its own data, one port, run as whoever runs the lab."""

import getpass
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from lab import ini, pins
from lab.ports import choose
from lab.process import ROOT, Process, run
from lab.template import made_once

START_TIMEOUT = 60  # seconds; a start takes less than one
# Debian keeps servers where only the administrator's shell looks
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def program() -> str | None:
    """Return the path of the server, None if it is not installed."""
    return shutil.which("mariadbd", path=PATH)


class MariaDB:
    """One database, and one user who may do everything in it.

    :param directory: for its data, ``mariadb.log`` and its PID.
    :param name: of the database and of the user.
    :param durable: what is committed is on disk, as everywhere; else a crash of the machine may
        lose the data of a lab.
    """

    def __init__(self, directory: Path, port: int, name: str, password: str,
                 durable: bool = False):
        self.process = Process("mariadb", directory)
        self.data = directory / "mariadb"
        self.url = f"mysql+pymysql://{name}:{password}@127.0.0.1:{port}/{name}"
        self._port = port
        self._durable = durable
        self._first_statements = (
            f"create database if not exists {name} character set utf8mb3;\n"
            f"create or replace user {name}@'127.0.0.1' identified by '{password}';\n"
            f"grant all on {name}.* to {name}@'127.0.0.1';\n")

    def install(self) -> None:
        """Make the server's own tables.

        :raises LabError: that failed.
        """
        command = ["mariadb-install-db", "--no-defaults", f"--user={getpass.getuser()}",
                   f"--datadir={self.data}", "--skip-test-db", "--skip-name-resolve",
                   "--auth-root-authentication-method=normal"]
        run(*command, environment=os.environ | {"PATH": PATH})

    def start(self) -> None:
        """Start the server and wait until it takes connections.

        :raises LabError: it ended, or did not get ready.
        """
        ini.write_private(self.data / "first.sql", self._first_statements)
        self.restart()

    def restart(self) -> None:
        """Start a server that was killed, with the user that it had.

        :raises LabError: it ended, or did not get ready.
        """
        volatile = ["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"]
        self.process.start([
            program() or "mariadbd", "--no-defaults", f"--user={getpass.getuser()}",
            f"--datadir={self.data}", f"--init-file={self.data}/first.sql",
            "--bind-address=127.0.0.1", f"--port={self._port}",
            "--socket=socket",  # below the data: a path of a socket must be short
            f"--pid-file={self.data}/pid", "--skip-name-resolve", "--skip-log-bin",
            "--max-connections=500", "--performance-schema=OFF", "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=8M", "--character-set-server=utf8mb3",
            *([] if self._durable else volatile),
        ], os.environ | {"PATH": PATH})
        wait_for_greeting(self.process, self._port, b"", START_TIMEOUT)

    def stop(self) -> None:
        self.process.stop(20)


def copy_migrated(data: Path, service: str, migrate: Callable[[Path, str], object],
                  *made_by: Path) -> None:
    """Give a service the data of a server after its migrations, unless it has some already.

    They are kept for the next start, as those of ``lab.template``.

    :param service: the name of its environment, of the database and of the user.
    :param migrate: is given a directory for its files, and the URL of the empty database.
    :param made_by: files; when one changes, the migrations are run again.
    :raises LabError: that failed.
    """
    if data.exists():
        return
    makers = pins.checksum(ROOT / "requirements" / f"{service}.txt", Path(__file__),
                           Path(program() or ""), *made_by)

    def make(directory: Path) -> None:
        port = choose({}, ("mariadb",))["mariadb"]
        server = MariaDB(directory, port, service, "only-for-this-minute")
        server.install()
        server.start()
        try:
            migrate(directory, server.url)
        finally:
            server.stop()

    template = pins.CACHE / f"{service}-database-{makers}"
    made_once(template, make)
    shutil.copytree(template / "mariadb", data)


def wait_for_greeting(process: Process, port: int, hello: bytes, timeout: float) -> None:
    """Wait until a server answers on its port: a port that is open says less than that.

    :param hello: what its clients say first.
    :param timeout: seconds.
    :raises LabError: the process ended, or did not answer in time.
    """
    def greets() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                connection.sendall(hello)
                return bool(connection.recv(1))
        except OSError:
            return False

    process.wait_until(greets, timeout)
