"""A wire carries what is said, takes its time if told so, and can be cut in the middle of it."""

import http.client
import http.server
import threading
import time
import urllib.error
from collections.abc import Iterator

import pytest

from lab.process import opener
from lab.wire import Wire

ANSWER = b"x" * 300_000


class Handler(http.server.BaseHTTPRequestHandler):
    """Says the answer."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def wire() -> Iterator[Wire]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Wire(server.server_port) as wire:
            yield wire
        server.shutdown()


def answer(wire: Wire) -> bytes:
    with opener.open(f"http://127.0.0.1:{wire.port}/", timeout=30) as response:
        return bytes(response.read())


def test_all_that_is_said_arrives_also_when_the_wire_is_slow(wire: Wire) -> None:
    assert answer(wire) == ANSWER
    wire.delay = 0.02
    assert answer(wire) == ANSWER


def test_a_cut_breaks_what_is_being_said_until_the_wire_is_mended(wire: Wire) -> None:
    wire.delay = 0.2
    broken: list[BaseException] = []

    def ask() -> None:
        try:
            answer(wire)
        except (OSError, http.client.HTTPException) as error:
            broken.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 30
    while not wire.connections and time.monotonic() < deadline:
        time.sleep(0.01)
    wire.cut()
    asking.join(30)
    assert len(broken) == 1
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        answer(wire)
    wire.mend()
    assert answer(wire) == ANSWER
