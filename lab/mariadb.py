"""A MariaDB server of the lab's own: its own data, one port, run as whoever runs the lab."""

import getpass
import os
import shutil
import socket
from pathlib import Path

from lab import ini
from lab.process import Process, run

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
    """

    def __init__(self, directory: Path, port: int, name: str, password: str):
        self.process = Process("mariadb", directory)
        self.data = directory / "mariadb"
        self.url = f"mysql+pymysql://{name}:{password}@127.0.0.1:{port}/{name}"
        self._port = port
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
        first = self.data / "first.sql"
        ini.write_private(first, self._first_statements)
        self.process.start([
            program() or "mariadbd", "--no-defaults", f"--user={getpass.getuser()}",
            f"--datadir={self.data}", f"--init-file={first}", "--bind-address=127.0.0.1",
            f"--port={self._port}",
            "--socket=socket",  # below the data: a path of a socket must be short
            f"--pid-file={self.data}/pid", "--skip-name-resolve", "--skip-log-bin",
            "--max-connections=500", "--performance-schema=OFF", "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=8M", "--character-set-server=utf8mb3",
            # a crash of the machine may lose the data of a lab
            "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync",
        ], os.environ | {"PATH": PATH})
        wait_for_greeting(self.process, self._port, b"", START_TIMEOUT)

    def stop(self) -> None:
        self.process.stop(20)


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
