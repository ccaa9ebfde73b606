"""Keystone and Nova as one small HTTP server on the loopback interface, in published shapes."""

import contextlib
import http.server
import json
import threading
from email.utils import format_datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tests.unit.mistral_actions.fake_nova import START


class Request(NamedTuple):
    method: str
    path: str
    query: dict
    headers: dict
    body: object


class Stub:
    """What the server has been asked, and what it is to answer.

    `answers[(method, path)]` is a list of (status, body); the last one is given for ever.
    """

    def __init__(self, url):
        self.url = url
        self.requests = []
        self.tokens = {"token-of-the-caller"}
        self.date = format_datetime(START, usegmt=True)
        self.answers = {("GET", "/compute/v2.1"): [(200, {"version": version(url)})]}

    def asked(self, method=None, path=None):
        """Return the requests with this method and path; without them, all."""
        return [
            one
            for one in self.requests
            if method in (None, one.method) and path in (None, one.path)
        ]

    def answer(self, request):
        """Return status and body."""
        if request.path == "/identity/v3/auth/tokens":
            return self._about_token(request)
        planned = self.answers.get((request.method, request.path.rstrip("/")))
        if planned is None:
            return 404, {"itemNotFound": {"code": 404, "message": "no such thing"}}
        return planned.pop(0) if len(planned) > 1 else planned[0]

    def _about_token(self, request):
        planned = self.answers.get((request.method, request.path))
        if planned:
            return planned.pop(0) if len(planned) > 1 else planned[0]
        if request.headers.get("x-auth-token") not in self.tokens:
            return 401, {"error": {"code": 401, "message": "The request you have made requires"}}
        return 200, self.token()

    def token(self):
        """Return what Keystone says of a token."""
        endpoint = {"id": "e", "interface": "public", "region_id": "one", "region": "one"}
        catalog = [
            {
                "type": "compute",
                "id": "c",
                "name": "nova",
                "endpoints": [{**endpoint, "url": f"{self.url}/compute/v2.1"}],
            }
        ]
        return {
            "token": {
                "methods": ["token"],
                "user": {"id": "u", "name": "u", "domain": {"id": "d", "name": "d"}},
                "project": {"id": "p", "name": "p", "domain": {"id": "d", "name": "d"}},
                "roles": [{"id": "r", "name": "admin"}],
                "issued_at": "2026-11-20T12:00:00.000000Z",
                "expires_at": "2099-11-20T12:00:00.000000Z",
                "catalog": catalog,
            }
        }


def version(url):
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": "2.96",
        "min_version": "2.1",
        "links": [{"rel": "self", "href": f"{url}/compute/v2.1/"}],
    }


@contextlib.contextmanager
def running():
    """Run the server on a free port; yield its `Stub`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_one(self):
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length)
            request = Request(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(text) if text else None,
            )
            stub.requests.append(request)
            status, body = stub.answer(request)
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response_only(status)
            if stub.date:
                self.send_header("Date", stub.date)
            kind = "text/html" if isinstance(body, str) else "application/json"
            if (request.path, status) == ("/identity/v3/auth/tokens", 201):
                self.send_header("X-Subject-Token", "token-of-the-service")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 - names of http.server

        def log_message(self, *arguments):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub = Stub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
