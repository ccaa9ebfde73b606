"""Processes that start at once, because their libraries have been imported for them.

Importing is most of what a service of the lab, or an ``openstack``, does before it does anything,
and a test run starts hundreds of them. Here a *nursery* (``lab.nursery``) imports the libraries of
one program, and forks for each start of it: its child has arguments, environment, directory and
standard files of its own, and runs the program's ``main``, as if it had been started like any
other process.

Nothing is shared between the children but what importing leaves behind. A program that is to find
other libraries (``PYTHONPATH``) is started in the usual way.
"""

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

#: modules with a ``main``, started as ``python -m MODULE``
SERVICES = ("lab.nova_server", "lab.mistral_server", "lab.keystone_server")
#: programs that are called by another name than that of their module
CLIENTS = {"openstack": "openstackclient.shell", "mistral": "mistralclient.shell"}
#: what the environment of a nursery has not, because a process of it might differ there
SPECIAL = ("OS_", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE")
ROOT = Path(__file__).resolve().parent.parent


class Nurseries:
    """All nurseries of a test run; each is made when it is first needed.

    :param directory: for their sockets and logs, made by ``at``. When it is removed, they end, and
        so they do when the process ends that has made it.
    """

    def __init__(self, directory: Path):
        self.directory = directory

    @classmethod
    def at(cls, directory: Path) -> "Nurseries":
        """Make the directory; in its ``bin`` are an ``openstack`` and a ``mistral``."""
        nurseries = cls(directory)
        nurseries._write_programs()
        (directory / "owner").write_text(str(os.getpid()))
        return nurseries

    def can_start(self, command: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Return whether a command is ``python -m PROGRAM``, with the libraries that are there."""
        return ([*command[:2]] == [sys.executable, "-m"] and command[2] in SERVICES
                and environment.get("PYTHONPATH") == os.environ.get("PYTHONPATH"))

    def start(self, program: str, arguments: Sequence[str], environment: Mapping[str, str],
              files: tuple[int, int, int], cwd: str | Path = ".") -> "Started":
        """Start a program: one of ``CLIENTS``, or any module that has a ``main``.

        :param arguments: those after its name.
        :param files: standard input, output and error.
        """
        connection = self._connect(program)
        request = {"arguments": [program, *arguments], "environment": dict(environment),
                   "cwd": str(cwd)}
        socket.send_fds(connection, [b"*"], files)
        connection.sendall(json.dumps(request).encode() + b"\n")
        return Started(connection)

    def _write_programs(self) -> None:
        (self.directory / "bin").mkdir(parents=True)
        for name in CLIENTS:
            program = self.directory / "bin" / name
            program.write_text(f"#!{sys.executable} -IS\nimport sys\n"
                               f"sys.path.insert(0, {str(ROOT / 'lab')!r})\nimport warm\n"
                               f"warm.stand_in({name!r}, {str(self.directory)!r})\n")
            program.chmod(0o755)

    def _connect(self, program: str) -> socket.socket:
        path = self.directory / f"{program}.socket"
        with open(self.directory / f"{program}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                self._make(program)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        return connection

    def _make(self, program: str) -> None:
        log = self.directory / f"{program}.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SPECIAL)}
        with open(log, "wb") as output:
            made = subprocess.run(
                [sys.executable, "-m", "lab.nursery", program, str(self.directory)], cwd=ROOT,
                env=kept, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False,
                start_new_session=True)
        if made.returncode:
            raise RuntimeError(f"there is no nursery of {program}:\n{log.read_text()}")


class Started:
    """A process that a nursery has started; as much of ``Popen`` as the lab uses.

    It does not outlive this object, nor the process that holds it.
    """

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._told = connection.makefile("r")
        self._status: int | None = None
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """Return the exit status (minus the signal), None while it runs."""
        if self._status is None and select.select([self._connection], [], [], 0)[0]:
            self.wait()
        return self._status

    def wait(self) -> int:
        if self._status is None:
            self._status = int(self._told.readline() or -signal.SIGKILL)
            self.close()
        return self._status

    def close(self) -> None:
        """Let go of the process, which is killed if it still runs."""
        self._told.close()
        self._connection.close()

    __del__ = close


def stand_in(program: str, directory: str) -> None:
    """Be a program for whoever has started this process: it runs, and this one ends like it."""
    started = Nurseries(Path(directory)).start(
        program, sys.argv[1:], os.environ, (0, 1, 2), os.getcwd())
    os._exit(started.wait() & 0xFF)
