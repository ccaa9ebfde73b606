"""A mail server and a web server on the loopback interface that record what arrives."""

import email
import email.policy
import http.server
import json
import socketserver
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Self


class Recorder:
    """A server in a thread, on a free port, until the end of the `with` block."""

    server_class: type[socketserver.TCPServer]
    handler: type[socketserver.StreamRequestHandler]

    def __enter__(self) -> Self:
        self._server = self.server_class(("127.0.0.1", 0), self.handler)
        self._server.recorder = self  # type: ignore[attr-defined]
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return "{}:{}".format(*self._server.server_address)


@dataclass
class Mail:
    """One message, with the envelope that it came in."""

    sender: str
    recipients: list[str]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self.message.get_content().strip()


class _SmtpHandler(socketserver.StreamRequestHandler):
    """As much of SMTP as a client without extensions speaks (RFC 5321, 4.5.1)."""

    def handle(self) -> None:
        self._mail: list[str] = []
        self._say("220 recorder")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            verb, _, rest = line.partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 bye")
                return
            self._say(self._answer(verb.upper(), rest))

    def _answer(self, verb: str, rest: str) -> str:
        refusal = self.server.recorder.refusal
        if verb in ("HELO", "EHLO", "NOOP"):
            return "250 recorder"
        if verb == "RSET":
            self._mail = []
            return "250 forgotten"
        if verb in ("MAIL", "RCPT"):
            if refusal:
                return refusal
            self._mail.append(rest.partition("<")[2].partition(">")[0])
            return "250 noted"
        if verb == "DATA" and len(self._mail) > 1:
            self._say("354 end with a dot")
            self._record()
            return "250 recorded"
        return f"503 not understood, or not now: {verb}"

    def _record(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))  # a dot at the start was doubled
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        sender, *recipients = self._mail
        self.server.recorder.mails.append(Mail(sender, recipients, message))
        self._mail = []

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class MailServer(Recorder):
    """Records mails; with a `refusal` (an SMTP answer such as "451 later") it takes none."""

    server_class = socketserver.ThreadingTCPServer
    handler = _SmtpHandler

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refusal = ""


@dataclass
class Request:
    """One HTTP request; `answered` is the status that it got."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)  # they carry passwords
    body: Any
    answered: int


class _HttpHandler(http.server.BaseHTTPRequestHandler):
    def _record(self) -> None:
        recorder = self.server.recorder
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = recorder.answers.pop(0) if recorder.answers else 200
        recorder.requests.append(
            Request(
                self.command, self.path, dict(self.headers), json.loads(text or b"null"), status
            )
        )
        answer = json.dumps({"status": status}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = _record  # noqa: N815 - names of http.server

    def log_message(self, *_args: object) -> None:
        """Tests look at the record; nobody reads a log."""


class WebServer(Recorder):
    """Records requests and answers 200, or what stands in `answers` (one status per request)."""

    server_class = http.server.ThreadingHTTPServer
    handler = _HttpHandler

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://{self.address}"
