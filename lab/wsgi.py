"""Small helpers for the WSGI applications of the lab."""

import json
import threading

import waitress


class HttpError(Exception):
    """Ends a request: ``status`` such as "404 Not Found", and what the body says."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status

    def body(self):
        code, title = self.status.split(" ", 1)
        return {"error": {"code": int(code), "title": title, "message": str(self)}}


def respond(start_response, status, body=None, headers=()):
    """Answer with JSON, or with nothing when ``body`` is None."""
    data = b"" if body is None else json.dumps(body).encode()
    start_response(status, [("Content-Type", "application/json"),
                            ("Content-Length", str(len(data))), *headers])
    return [data]


def read_json(environ):
    """Return the body of the request as an object; 400 if it is not one."""
    try:
        data = json.loads(environ["wsgi.input"].read() or "{}")
    except ValueError as error:
        raise HttpError("400 Bad Request", f"the body is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise HttpError("400 Bad Request", "the body is not a JSON object")
    return data


# Senlin opens a connection for each thing that it does, and leaves it open: waitress's 100 of them
# are soon used up, and then it takes no more. More than 1000 need poll instead of select.
MANY_CONNECTIONS = {"connection_limit": 4000, "asyncore_use_poll": True}


def serve(application, port, threads, name):
    """Serve an application on the loopback interface, in threads of its own."""
    server = waitress.create_server(application, host="127.0.0.1", port=port, threads=threads,
                                    ident=name, clear_untrusted_proxy_headers=True,
                                    **MANY_CONNECTIONS)
    threading.Thread(target=server.run, name=f"http-{name}", daemon=True).start()
