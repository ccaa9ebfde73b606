"""Processes that outlive the command that started them, remembered in a file each."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import warm
from lab.errors import LabError

ROOT = Path(__file__).resolve().parent.parent
#: what starts the processes of the lab if it can; a test run that starts many sets it
nurseries: warm.Nurseries | None = None

# proxies are for the world outside
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def environment_with(**own: str) -> dict[str, str]:
    """Return the environment of a process of the lab, with variables of its own.

    It has nothing of the cloud that the caller may be logged in to. And it keeps its bytecode:
    compiling all of its libraries is most of a start.
    """
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("OS_") and name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONWARNINGS": "ignore", "NO_PROXY": "127.0.0.1", **own}


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command to its end, from the checkout; return what it printed.

    :param environment: by default that of this process.
    :raises LabError: it failed; the message has the end of what it said.
    """
    ended = subprocess.run(command, text=True, check=False, env=environment, cwd=ROOT,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    if ended.returncode:
        raise LabError(f"{' '.join(command)} failed:\n{ended.stdout[-3000:]}")
    return ended.stdout


def answers(address: str) -> bool:
    """Return whether somebody answers at a URL: with what it is, or a list of versions (300)."""
    try:
        with opener.open(address, timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code == 300
    except OSError:
        return False


def at_once(*functions: Callable[[], object]) -> None:
    """Call all at once; raise what the first of them raised when all have ended."""
    with ThreadPoolExecutor(len(functions)) as pool:
        running = [pool.submit(function) for function in functions]
    for one in running:
        one.result()


class Process:
    """One process of the lab.

    ``DIRECTORY/NAME.json`` holds its PID together with the time at which it was started: a PID
    may be given to somebody else after the process has ended, and is then not ours to kill.
    """

    def __init__(self, name: str, directory: Path):
        self.name = name
        self.log = directory / f"{name}.log"
        self._file = directory / f"{name}.json"
        self._child: subprocess.Popen | warm.Started | None = None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start ``command`` in a session of its own; its output is added to the log."""
        with open(self.log, "ab") as log:
            self._child = _start(command, environment, log.fileno())
        pid = self._child.pid
        self._file.write_text(json.dumps({"pid": pid, "started": _stat(pid)["started"]}))

    @property
    def pid(self) -> int | None:
        """Return the PID of the running process, None if it is not running."""
        if self._child is not None:
            return None if self._child.poll() is not None else self._child.pid
        try:
            known = json.loads(self._file.read_text())
            stat = _stat(known["pid"])
        except (OSError, ValueError):
            return None
        same = stat["started"] == known["started"] and stat["state"] not in "ZX"
        return known["pid"] if same else None

    @property
    def exit_status(self) -> int | None:
        """Return how the process ended (minus the signal), if this object had started it."""
        return self._child.poll() if self._child else None

    def check_down(self) -> None:
        """Refuse to start what runs.

        :raises LabError: it runs.
        """
        if self.pid is not None:
            raise LabError(f"{self.name} runs already (PID {self.pid})")

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until the process, which was started, is ready.

        :param timeout: seconds.
        :raises LabError: it ended, or was not ready in time.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            if self.pid is None:
                raise LabError(f"{self.name} has ended; the end of {self.log}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not answer within {timeout} s; see {self.log}")
            time.sleep(0.05)

    def row(self, address: str) -> dict[str, object]:
        """Return name, pid, running, url and memory (MB), for a status."""
        return {"name": self.name, "pid": self.pid, "running": self.pid is not None,
                "url": address, "memory": self.memory()}

    def memory(self) -> int:
        """Return the resident memory in MB, with that of its children, 0 if it is not running."""
        pages = 0
        for member in _session(self.pid):
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 2**20

    def tail(self, lines: int = 15) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: int) -> None:
        """Send a signal, if the process is running."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, number)

    def stop(self, patience: float = 10.0) -> None:
        """End the process: SIGTERM, then SIGKILL after ``patience`` seconds."""
        self.signal(signal.SIGTERM)
        if not self._ended_within(patience):
            self.kill()

    def kill(self) -> None:
        """SIGKILL, also to what it has forked, and wait until all of it is gone."""
        leader = self.pid
        members = _session(leader)
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while self.pid is not None or _session(leader):
            if time.monotonic() > deadline:
                return
            time.sleep(0.02)

    def _ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def _start(command: Sequence[str], environment: Mapping[str, str], log: int
           ) -> subprocess.Popen | warm.Started:
    if nurseries and nurseries.can_start(command, environment):
        with open(os.devnull) as nothing:
            return nurseries.start(command[2], command[3:], environment,
                                   (nothing.fileno(), log, log), ROOT)
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log,
                            stdin=subprocess.DEVNULL, start_new_session=True)


def _session(leader: int | None) -> list[int]:
    """Return the running processes of the session that a process leads, or led until it ended."""
    found = []
    for entry in Path("/proc").iterdir() if leader else ():
        with contextlib.suppress(OSError, ValueError):
            stat = _stat(int(entry.name))
            # the first of several threads may have ended before those that still hold its ports
            ended = stat["state"] in "ZX" and stat["threads"] in ("0", "1")
            if stat["session"] == str(leader) and not ended:
                found.append(int(entry.name))
    return found


def _stat(pid: int) -> dict[str, str]:
    """Return state, session, number of threads and start time (in ticks of the machine)."""
    # the second field is the name, which may contain anything: count from its closing bracket
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return {"state": fields[0], "session": fields[3], "threads": fields[17],
            "started": fields[19]}
