"""A wire between a client and a server, which can be cut and can be slow.

A server that is killed refuses connections at once. A network that fails does worse: what was said
gets lost half-way, and what is said takes its time. ::

    with Wire(port_of_nova) as wire:
        lab.add_service("compute", "nova", f"http://127.0.0.1:{wire.port}/v2.1")
        wire.cut()
        wire.mend()
"""

import contextlib
import selectors
import socket
import struct
import threading
import time

BLOCK = 65536  # bytes


class Wire:
    """A port of the loopback interface whose connections go on to another port.

    :param target: the port of the server. :param port: of the wire; by default a free one.
    """

    def __init__(self, target: int, port: int = 0) -> None:
        self.delay = 0.0  # seconds that each block takes
        self._target = target
        self._whole = True
        self._ended = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._open) // 2

    def cut(self) -> None:
        """Break all connections, in the middle of what is said, and refuse new ones."""
        with self._lock:
            self._whole = False
            broken, self._open = self._open, set()
        for end in broken:
            _break(end)

    def mend(self) -> None:
        """Be a wire again, and a fast one."""
        self._whole, self.delay = True, 0.0

    def close(self) -> None:
        self._ended = True
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _address = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=[client], daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=10)
        except OSError:
            _break(client)
            return
        server.settimeout(None)
        with self._lock:
            if self._whole:
                self._open |= {client, server}
        self._carry(client, server)
        for end in (client, server):
            self._open.discard(end)
            end.close()

    def _carry(self, *ends: socket.socket) -> None:
        """Carry what both say until one of them has said all."""
        with selectors.DefaultSelector() as speaking:
            for here, there in (ends, ends[::-1]):
                speaking.register(here, selectors.EVENT_READ, there)
            with contextlib.suppress(OSError):
                while ends[0] in self._open:
                    for key, _events in speaking.select(1):
                        said = key.fileobj.recv(BLOCK)  # type: ignore[union-attr]
                        if not said:
                            return
                        time.sleep(self.delay)
                        key.data.sendall(said)


def _break(end: socket.socket) -> None:
    """Close a connection with a reset: what waits to be read is lost, as if it were cut."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()
