"""Processes are found again by their file, and only those that are still the same are touched."""

import json
import os
import sys
from pathlib import Path

import pytest

from lab.ports import choose, is_free
from lab.process import Process

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [sys.executable, "-c", """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""]


FORKS = """
import os, time
if os.fork() == 0:
    print(os.getpid(), flush=True)
time.sleep(60)
"""


LISTENS = """
import os, socket, sys, threading, time
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.fork()
for _ in range(60):
    threading.Thread(target=time.sleep, args=(60,)).start()
print("listens", flush=True)
"""


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def process(tmp_path):
    process = Process("some", tmp_path)
    yield process
    process.kill()


def test_a_process_is_found_by_another_object(process, tmp_path):
    """The file is enough to find and stop a process."""
    process.start(SLEEP, os.environ)
    same = Process("some", tmp_path)
    assert same.pid == process.pid
    same.stop()
    assert (same.pid, process.pid) == (None, None)
    assert process.exit_status == -15


def test_a_pid_that_belongs_to_another_process_now_is_not_ours(process, tmp_path):
    """A process with the PID of the file but another start time is left alone."""
    process.start(SLEEP, os.environ)
    file = tmp_path / "some.json"
    known = json.loads(file.read_text())
    file.write_text(json.dumps(known | {"started": "1"}))
    other = Process("some", tmp_path)
    assert other.pid is None
    other.stop()
    assert process.pid == known["pid"]


def test_a_process_that_does_not_listen_is_killed(process):
    """SIGKILL follows when SIGTERM was not enough."""
    process.start(DEAF, os.environ)
    while "deaf" not in process.log.read_text():
        assert process.pid is not None
    process.stop(patience=0.2)
    assert process.exit_status == -9


def test_a_process_is_killed_with_what_it_has_forked(process):
    """A service with workers leaves none behind."""
    process.start([sys.executable, "-c", FORKS], os.environ)
    while not (said := process.log.read_text()).endswith("\n"):
        assert process.pid is not None
    assert process.memory() > 0
    process.kill()
    assert not is_running(int(said))


def test_the_port_of_a_process_that_was_killed_is_free(process):
    """Also if the process has threads, which end after the first of them, and children."""
    for number in range(1, 6):
        port = choose({}, ("some",))["some"]
        process.start([sys.executable, "-c", LISTENS, str(port)], os.environ)
        while process.log.read_text().count("listens") < 2 * number:
            assert process.pid is not None
        process.kill()
        assert is_free(port)


def test_nothing_is_running_before_the_start(process):
    """An object without a file has no PID, no memory and can be stopped."""
    process.stop()
    assert (process.pid, process.memory(), process.exit_status) == (None, 0, None)


def test_the_log_is_kept_over_starts(process):
    """``tail`` returns the last lines, whichever start they are from."""
    for number in (1, 2, 3):
        process.start([sys.executable, "-c", f"print({number})"], os.environ)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process.exit_status == 0
    assert process.tail(lines=2) == "2\n3"
