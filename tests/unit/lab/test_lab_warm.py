"""What a nursery starts is a process like any other."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from lab.warm import Nurseries

PROGRAM = "tests.unit.lab.program"


@pytest.fixture(scope="module")
def nurseries():
    directory = Path(tempfile.mkdtemp(prefix="nurseries-"))
    yield Nurseries.at(directory)
    shutil.rmtree(directory)


@pytest.fixture
def start(nurseries, tmp_path):
    """Starts the program; what it prints is in the files ``out`` and ``error``."""
    (tmp_path / "in").write_text("said to it")

    def start(*arguments, **environment):
        with (open(tmp_path / "in") as given, open(tmp_path / "out", "w") as out,
              open(tmp_path / "error", "w") as error):
            files = given.fileno(), out.fileno(), error.fileno()
            return nurseries.start(PROGRAM, arguments, environment, files, tmp_path)
    return start


def wait_until(true):
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


def test_it_has_arguments_environment_directory_and_files_of_its_own(start, tmp_path):
    started = start("0", "two words", NAME="value")

    assert started.wait() == 0
    assert json.loads((tmp_path / "out").read_text()) == {
        "arguments": ["0", "two words"], "environment": {"NAME": "value"},
        "directory": str(tmp_path), "input": "said to it"}
    assert (tmp_path / "error").read_text() == ""


@pytest.mark.parametrize(("argument", "status", "error"), [
    ("3", 3, ""), ("a sentence", 1, "a sentence\n"), ("fail", 1, "ValueError: as it was told\n")])
def test_it_ends_as_python_would(start, tmp_path, argument, status, error):
    assert start(argument).wait() == status
    assert (tmp_path / "error").read_text().endswith(error)


def test_a_signal_ends_it_and_is_told(start, tmp_path):
    started = start("sleep")
    wait_until(lambda: (tmp_path / "out").read_text())
    assert started.poll() is None

    os.kill(started.pid, signal.SIGTERM)

    wait_until(lambda: started.poll() is not None)
    assert started.poll() == -signal.SIGTERM


def test_it_does_not_outlive_whoever_started_it(start, tmp_path):
    started = start("sleep")
    wait_until(lambda: (tmp_path / "out").read_text())
    pid = started.pid

    del started

    wait_until(lambda: is_gone(pid))


def remove(directory):
    shutil.rmtree(directory)


def change_owner(directory):
    gone = subprocess.Popen(["true"])
    gone.wait()
    (directory / "owner").write_text(str(gone.pid))


@pytest.mark.parametrize("end", [remove, change_owner])
def test_a_nursery_ends_with_its_directory_or_its_owner(end):
    directory = Path(tempfile.mkdtemp(prefix="nurseries-"))
    nurseries = Nurseries.at(directory)
    with open(os.devnull, "w+") as nothing:
        nurseries.start(PROGRAM, ["0"], {}, (nothing.fileno(),) * 3).wait()
    socket = directory / f"{PROGRAM}.socket"

    def listening():
        return str(socket) in Path("/proc/net/unix").read_text()
    assert listening()

    end(directory)

    wait_until(lambda: not listening())
    shutil.rmtree(directory, ignore_errors=True)
