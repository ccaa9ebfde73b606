"""Image and network services with just enough in them for Nova and the ``openstack`` client."""

import urllib.parse
import uuid

from lab.identity import PROJECTS
from lab.wsgi import HttpError, read_json, respond

CIRROS = "11111111-1111-1111-1111-111111111111"


class Image:
    """One image, and the snapshots that shelving makes."""

    def __init__(self, url):
        self._url = url
        self._names = {CIRROS: "cirros"}

    def __call__(self, environ, start_response):
        try:
            status, body = self._dispatch(environ)
        except HttpError as error:
            status, body = error.status, error.body()
        if isinstance(body, bytes):
            start_response(status, [("Content-Type", "application/octet-stream")])
            return [body]
        return respond(start_response, status, body)

    def _dispatch(self, environ):
        path, method = environ["PATH_INFO"].rstrip("/"), environ["REQUEST_METHOD"]
        if path in ("", "/versions"):
            return "300 Multiple Choices", {"versions": [self._version()]}
        if path == "/v2/schemas/image":
            # Nova reads only the properties that the schema names
            return "200 OK", {"name": "image", "links": [],
                              "properties": {key: {} for key in self._image(CIRROS)},
                              "additionalProperties": {"type": "string"}}
        if path == "/v2/images" and method == "POST":
            key = str(uuid.uuid4())
            self._names[key] = read_json(environ).get("name", key)
            return "201 Created", self._image(key)
        if path == "/v2/images":
            return "200 OK", {"images": self._find(environ.get("QUERY_STRING", "")),
                              "first": "/v2/images", "schema": "/v2/schemas/images"}
        key, _, rest = path.removeprefix("/v2/images/").partition("/")
        if key not in self._names or rest not in ("", "file"):
            raise HttpError("404 Not Found", f"the lab's image service has no {path}")
        if method == "DELETE":
            del self._names[key]
            return "204 No Content", None
        return "200 OK", bytes(1024) if rest == "file" else self._image(key)

    def _find(self, query):
        wanted = dict(urllib.parse.parse_qsl(query)).get("name", "").removeprefix("in:")
        return [self._image(k) for k, name in self._names.items() if wanted in ("", name)]

    def _version(self):
        return {"id": "v2.9", "status": "CURRENT",
                "links": [{"rel": "self", "href": f"{self._url}/v2/"}]}

    def _image(self, key):
        return {
            "id": key, "name": self._names[key], "status": "active", "visibility": "public",
            "protected": False, "os_hidden": False, "tags": [], "owner": PROJECTS["admin"],
            "container_format": "bare", "disk_format": "raw", "size": 1024, "virtual_size": 1024,
            "min_disk": 0, "min_ram": 0, "checksum": "0" * 32, "os_hash_algo": "sha512",
            "os_hash_value": "0" * 128, "created_at": "2024-01-01T00:00:00Z",
            "updated_at": "2024-01-01T00:00:00Z", "self": f"/v2/images/{key}",
            "file": f"/v2/images/{key}/file", "schema": "/v2/schemas/image",
        }


class Network:
    """Nothing: servers of the lab have no ports."""

    def __init__(self, url):
        self._url = url

    def __call__(self, environ, start_response):
        path, method = environ["PATH_INFO"].rstrip("/"), environ["REQUEST_METHOD"]
        if path == "":
            return respond(start_response, "200 OK", {"versions": [
                {"id": "v2.0", "status": "CURRENT",
                 "links": [{"rel": "self", "href": f"{self._url}/v2.0/"}]}]})
        parts = path.removesuffix(".json").replace("-", "_").strip("/").split("/")
        if parts == ["v2.0"]:
            return respond(start_response, "200 OK", {"resources": []})
        if parts[:2] == ["v2.0", "quotas"]:
            unlimited = dict.fromkeys(
                ("port", "network", "floatingip", "security_group", "security_group_rule"), -1)
            return respond(start_response, "200 OK", {"quota": unlimited})
        if method == "GET" and len(parts) == 2:
            return respond(start_response, "200 OK", {parts[1]: []})
        return respond(start_response, "404 Not Found", {"NeutronError": {
            "type": "NotFound", "detail": "",
            "message": f"the lab's network service has no {path}"}})
