"""A stand-in for Keystone: tokens, the service catalog, and the check of tokens for Nova.

It answers as Keystone does to good and bad passwords, to known and unknown tokens and to scopes
that a user has no role on. Tokens live in memory.
"""

import json
import threading
import time
import uuid
from dataclasses import dataclass, field

from lab.wsgi import HttpError, read_json, respond

DOMAIN = {"id": "default", "name": "Default"}
PROJECTS = {"admin": "a" * 32, "demo": "d" * 32}
LIFETIME = 12 * 3600  # seconds


@dataclass
class User:
    """Who may log in, where, and as what."""

    name: str
    password: str = field(repr=False)
    roles: tuple[str, ...]
    projects: tuple[str, ...]


def users(passwords):
    """Return the users of the lab with the given passwords (``{name: password}``)."""
    return {
        "admin": User("admin", passwords["admin"], ("admin", "manager", "member", "reader"),
                      ("admin", "demo")),
        "demo": User("demo", passwords["demo"], ("member", "reader"), ("demo",)),
    }


def _time(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))


def _unauthorized():
    return HttpError("401 Unauthorized", "The request you have made requires authentication.")


class Tokens:
    """The tokens that were given out, and one for the services among themselves."""

    def __init__(self, accounts, catalog, service_token):
        self._accounts = accounts
        self._catalog = catalog
        self._lock = threading.Lock()
        self._tokens = {service_token: self._token(accounts["admin"], "admin", ["password"],
                                                   time.time() + 10 * 365 * 86400)}

    def get(self, token_id):
        """Return what is behind a token, None if it is unknown or has expired."""
        token = self._tokens.get(token_id)
        return token if token and token["expires_at"] > _time(time.time()) else None

    def revoke(self, token_id):
        with self._lock:
            self._tokens.pop(token_id, None)

    def issue(self, body):
        """Carry out ``POST /v3/auth/tokens``; return the token's id and content."""
        try:
            identity = body["auth"]["identity"]
            methods = identity["methods"]
            user, expires = self._authenticate(identity, methods)
            project = self._project(user, body["auth"].get("scope"))
        except (KeyError, TypeError, AttributeError) as error:
            raise HttpError("400 Bad Request", f"malformed request: {error!r}") from error
        token_id = uuid.uuid4().hex
        with self._lock:
            self._tokens[token_id] = self._token(user, project, methods, expires)
        return token_id, self._tokens[token_id]

    def _authenticate(self, identity, methods):
        if methods == ["password"]:
            given = identity["password"]["user"]
            user = self._accounts.get(given.get("name") or given["id"].removeprefix("user-"))
            if user is None or user.password != given["password"]:
                raise _unauthorized()
            return user, time.time() + LIFETIME
        if methods == ["token"]:
            old = self.get(identity["token"]["id"])
            if old is None:
                raise _unauthorized()
            # a token made from another one lives no longer than that
            return self._accounts[old["user"]["name"]], old["expires_at"]
        raise HttpError("401 Unauthorized", f"authentication methods {methods} are not supported")

    @staticmethod
    def _project(user, scope):
        """Return the name of the project that was asked for, None for an unscoped token."""
        if not isinstance(scope, dict) or "project" not in scope:
            return None
        asked = scope["project"]
        for name in user.projects:
            if asked.get("name") == name or asked.get("id") == PROJECTS[name]:
                return name
        raise _unauthorized()

    def _token(self, user, project, methods, expires):
        token = {
            "methods": methods,
            "user": {"id": f"user-{user.name}", "name": user.name, "domain": DOMAIN,
                     "password_expires_at": None},
            "audit_ids": [uuid.uuid4().hex[:22]],
            "issued_at": _time(time.time()),
            "expires_at": expires if isinstance(expires, str) else _time(expires),
        }
        if project:
            token |= {
                "project": {"id": PROJECTS[project], "name": project, "domain": DOMAIN},
                "is_domain": False,
                "roles": [{"id": f"role-{role}", "name": role} for role in user.roles],
                "catalog": self._catalog,
            }
        return token


def catalog(endpoints):
    """Return a service catalog; ``endpoints`` are tuples of type, name, URL."""
    return [
        {"id": f"service-{kind}", "type": kind, "name": name, "endpoints": [
            {"id": f"{kind}-{interface}", "interface": interface, "url": url,
             "region": "RegionOne", "region_id": "RegionOne"}
            for interface in ("public", "internal", "admin")]}
        for kind, name, url in endpoints
    ]


class Identity:
    """The WSGI application."""

    def __init__(self, url, tokens):
        self._url = url
        self._tokens = tokens

    def __call__(self, environ, start_response):
        try:
            return self._dispatch(environ, start_response)
        except HttpError as error:
            headers = []
            if error.status.startswith("401"):
                headers = [("WWW-Authenticate", f'Keystone uri="{self._url}/v3"')]
            return respond(start_response, error.status, error.body(), headers)

    def _dispatch(self, environ, start_response):
        path, method = environ["PATH_INFO"].rstrip("/"), environ["REQUEST_METHOD"]
        version = {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
                   "links": [{"rel": "self", "href": f"{self._url}/v3/"}], "media-types": []}
        if path == "":
            return respond(start_response, "300 Multiple Choices",
                           {"versions": {"values": [version]}})
        if path == "/v3":
            return respond(start_response, "200 OK", {"version": version})
        if (method, path) == ("POST", "/v3/auth/tokens"):
            token_id, token = self._tokens.issue(read_json(environ))
            return respond(start_response, "201 Created", {"token": token},
                           [("X-Subject-Token", token_id)])
        caller = self._tokens.get(environ.get("HTTP_X_AUTH_TOKEN"))
        if caller is None:
            raise _unauthorized()
        if path == "/v3/auth/tokens":
            return self._subject_token(environ, method, start_response)
        if path == "/v3/auth/catalog":
            return respond(start_response, "200 OK", {"catalog": caller.get("catalog", [])})
        if path == "/v3/projects" or path.startswith("/v3/projects/"):
            return self._projects(path, start_response)
        raise HttpError("404 Not Found", f"the lab's identity service has no {path}")

    def _subject_token(self, environ, method, start_response):
        subject = environ.get("HTTP_X_SUBJECT_TOKEN")
        token = self._tokens.get(subject)
        if token is None:
            raise HttpError("404 Not Found", "This token is not known.")
        if method == "DELETE":
            self._tokens.revoke(subject)
            return respond(start_response, "204 No Content")
        body = None if method == "HEAD" else {"token": token}
        return respond(start_response, "200 OK", body, [("X-Subject-Token", subject)])

    @staticmethod
    def _projects(path, start_response):
        projects = {key: {"id": key, "name": name, "enabled": True, "domain_id": "default"}
                    for name, key in PROJECTS.items()}
        wanted = path.removeprefix("/v3/projects").strip("/")
        if not wanted:
            return respond(start_response, "200 OK", {"projects": list(projects.values())})
        if wanted not in projects:
            raise HttpError("404 Not Found", f"Could not find project: {wanted}.")
        return respond(start_response, "200 OK", {"project": projects[wanted]})


class RequireToken:
    """What keystonemiddleware does in front of a service, without asking over HTTP.

    ``public`` are the paths that need no token: the version documents.
    """

    def __init__(self, application, tokens, public):
        self._application = application
        self._tokens = tokens
        self._public = public

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"].rstrip("/") in self._public:
            return self._application(environ, start_response)
        for header in ("USER_ID", "USER_NAME", "PROJECT_ID", "PROJECT_NAME", "ROLES",
                       "IDENTITY_STATUS", "SERVICE_CATALOG"):
            environ.pop(f"HTTP_X_{header}", None)
        token = self._tokens.get(environ.get("HTTP_X_AUTH_TOKEN"))
        if token is None or "project" not in token:
            error = _unauthorized()
            return respond(start_response, error.status, error.body())
        environ |= {
            "HTTP_X_IDENTITY_STATUS": "Confirmed",
            "HTTP_X_USER_ID": token["user"]["id"],
            "HTTP_X_USER_NAME": token["user"]["name"],
            "HTTP_X_USER_DOMAIN_ID": "default",
            "HTTP_X_PROJECT_ID": token["project"]["id"],
            "HTTP_X_PROJECT_NAME": token["project"]["name"],
            "HTTP_X_PROJECT_DOMAIN_ID": "default",
            "HTTP_X_ROLES": ",".join(role["name"] for role in token["roles"]),
            "HTTP_X_SERVICE_CATALOG": json.dumps(token["catalog"]),
        }
        return self._application(environ, start_response)


class PlacementToken:
    """Translates tokens for Placement, whose authentication without Keystone knows one: admin."""

    def __init__(self, application, tokens):
        self._application = application
        self._tokens = tokens

    def __call__(self, environ, start_response):
        token = self._tokens.get(environ.pop("HTTP_X_AUTH_TOKEN", None))
        if token is not None:
            admin = any(role["name"] == "admin" for role in token.get("roles", []))
            environ["HTTP_X_AUTH_TOKEN"] = "admin" if admin else token["user"]["name"]
        return self._application(environ, start_response)
