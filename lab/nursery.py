"""A process that imports the libraries of one program and forks for each start of it.

``python -m lab.nursery PROGRAM DIRECTORY`` returns when it listens, at a socket in the directory;
the nursery itself goes on until the directory, or its owner, is gone. ``lab.warm`` is the other
side: it keeps a connection to each process that it has started. Through it come the PID and the
exit status, and when it is closed, the process is killed.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.warm import CLIENTS

#: of the clients, which import their plug-ins when they have read the command
PLUGINS = {
    "openstack": ("openstackclient.common.clientmanager", "openstack.connection",
                  "openstackclient.compute.client", "openstackclient.identity.client",
                  "mistralclient.osc.plugin", "mistralclient.api.v2.client"),
    "mistral": ("mistralclient.api.v2.client",),
}
CHECK = 2.0  # seconds; how often a nursery looks whether it is still wanted


def serve(program: str, directory: Path) -> None:
    """Import, listen, let the caller go on, and fork as long as that is wanted."""
    main = load(program)
    listening = socket.socket(socket.AF_UNIX)
    listening.settimeout(CHECK)
    path = directory / f"{program}.socket"
    listening.bind(f"{path}.new")
    listening.listen(32)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.rename(f"{path}.new", path)
    if os.fork():
        os._exit(0)
    while is_wanted(directory):
        with contextlib.suppress(TimeoutError):
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                watch(connection, main)
            connection.close()


def is_wanted(directory: Path) -> bool:
    """Return whether the directory is there, and so is the process that made it."""
    try:
        return Path("/proc", (directory / "owner").read_text()).exists()
    except FileNotFoundError:
        return False


def load(program: str) -> Callable[[], object]:
    """Import all that a program needs; return its ``main``."""
    arguments, sys.argv = sys.argv, [program]  # some libraries parse it when they are imported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module(CLIENTS.get(program, program))
        getattr(module, "import_libraries", lambda: None)()
        for name in PLUGINS.get(program, ()):
            importlib.import_module(name)
    sys.argv = arguments
    if threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError(f"importing {program} has started threads, which a fork would lose: "
                           f"{threading.enumerate()}")
    gc.collect()
    gc.freeze()  # the collector need not touch, and so copy, what all children share
    # a client may have looked at its arguments when it was imported: these are the real ones
    return (lambda: module.main(sys.argv[1:])) if program in CLIENTS else module.main


def watch(connection: socket.socket, main: Callable[[], object]) -> None:
    """Run the program in a process of its own, tell its PID and status, and end with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    request = json.loads(connection.makefile("r").readline())
    pid = os.fork()
    if pid == 0:
        connection.close()
        become(files, request, main)
    for file in files:
        os.close(file)
    connection.sendall(f"{pid}\n".encode())
    ended = os.pidfd_open(pid)
    if ended not in select.select([ended, connection], [], [])[0]:
        os.kill(pid, signal.SIGKILL)  # nobody is there any more who would want to know
    _, status, used = os.wait4(pid, 0)
    status = os.waitstatus_to_exitcode(status)
    print(f"{' '.join(request['arguments'][:4])}: status {status}, "
          f"{used.ru_utime + used.ru_stime:.2f} s of CPU", flush=True)
    with contextlib.suppress(OSError):
        connection.sendall(f"{status}\n".encode())
    os._exit(0)


def become(files: Sequence[int], request: Mapping, main: Callable[[], object]) -> None:
    """Be the program until it ends."""
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = list(request["arguments"])
    if kind := os.environ.get("PYTHONWARNINGS"):
        warnings.simplefilter(kind)
    status = 1
    try:
        status = run(main)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def run(main: Callable[[], object]) -> int:
    """Return the status with which Python would end after ``sys.exit(main())``."""
    try:
        said = main()
    except SystemExit as exit_:
        said = exit_.code
    except BaseException:  # noqa: BLE001 - as Python does with what nobody catches
        traceback.print_exc()
        return 1
    if said is None or isinstance(said, int):
        return (said or 0) & 0xFF
    print(said, file=sys.stderr)
    return 1


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
