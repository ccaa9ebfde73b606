"""A proxy that counts the requests to identity and compute, by kind."""

import http.client
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

HOST = "127.0.0.1"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
#: A number or a UUID, with dashes or without; neither "v3" nor "v2.1".
IDENTIFIER = re.compile(r"(?<=/)(\d+|[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12})(?=/|$)")


class Call(NamedTuple):
    """One request: when it came (``time.monotonic``), and what it was."""

    at: float
    kind: str


class Proxies:
    """One counting proxy in front of each service.

    :param services: the port of each by name; only HTTP on the loopback interface.

    The services name their own addresses in catalogues and version documents. These are
    rewritten, so that a client that got in through a proxy never goes round it.
    """

    def __init__(self, services: dict[str, int]):
        self.calls: list[Call] = []
        self._servers = []
        self.ports = {name: self._serve(name, port) for name, port in services.items()}
        self._rewritten = {f"{HOST}:{services[name]}".encode(): f"{HOST}:{port}".encode()
                           for name, port in self.ports.items()}

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"

    def rewrite(self, body: bytes) -> bytes:
        for old, new in self._rewritten.items():
            body = body.replace(old, new)
        return body

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _serve(self, name: str, port: int) -> int:
        handler = type("Handler", (_Handler,), {"proxies": self, "service": name, "behind": port})
        server = ThreadingHTTPServer((HOST, 0), handler)
        threading.Thread(target=server.serve_forever, name=f"proxy-{name}", daemon=True).start()
        self._servers.append(server)
        return server.server_port


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or each answer waits 40 ms for an ACK
    proxies: Proxies
    service: str
    behind: int

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = f"{self.service} {self.command} {template(self.path, body)}"
        self.proxies.calls.append(Call(time.monotonic(), kind))
        connection = http.client.HTTPConnection(HOST, self.behind, timeout=120)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            content = self.proxies.rewrite(answer.read())
        finally:
            connection.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _forward  # noqa: N815

    def log_message(self, *_args: object) -> None:
        """Say nothing: what matters is counted."""


def template(path: str, body: bytes) -> str:
    """Return a path without what differs from call to call: the names of the query stay.

    >>> template("/v2.1/os-services?host=compute1&binary=nova-compute", b"")
    '/os-services?binary,host'
    >>> template("/v2.1/servers/8b15a3e2-9f3c-4d1c-a1fd-2f0b1a3c4d5e/action", b'{"unlock": null}')
    '/servers/{id}/action unlock'
    """
    parts = urlsplit(path)
    bare = IDENTIFIER.sub("{id}", parts.path)
    bare = bare.removeprefix("/v2.1") if bare.startswith("/v2.1/") and bare != "/v2.1/" else bare
    names = ",".join(sorted(name for name, _value in parse_qsl(parts.query)))
    what = f" {next(iter(json.loads(body)))}" if bare.endswith("/action") else ""
    return bare + (f"?{names}" if names else "") + what
