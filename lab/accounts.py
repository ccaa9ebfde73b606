"""Users and the service catalog of a real Keystone, through its API.

Whoever has an account is a cloud of ``clouds.yaml`` in the state directory: its password is there
and nowhere else.
"""

import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from keystoneauth1 import adapter, exceptions, session
from keystoneauth1.identity import v3

from lab import ini
from lab.errors import LabError
from lab.keystone_server import TEMPLATE_PASSWORD

INTERFACES = ("public", "internal", "admin")

# name in clouds.yaml: user, project, roles there. Nova and Mistral check tokens with theirs
ACCOUNTS = {
    "lab": ("admin", "admin", ("admin",)),
    "lab-demo": ("demo", "demo", ("member",)),
    "nova": ("nova", "service", ("admin", "service")),
    "mistral": ("mistral", "service", ("admin", "service")),
    "recovery": ("recovery", "service", ("admin",)),  # as which the pack's actions may talk to Nova
}


def clouds(identity_url: str) -> dict[str, dict]:
    """Return the clouds of all that have an account in every lab, with new passwords."""
    return {name: cloud(identity_url, user, project)
            for name, (user, project, _roles) in ACCOUNTS.items()}


def cloud(identity_url: str, user: str, project: str, password: str | None = None) -> dict:
    """Return an entry of ``clouds.yaml``; without a password one is made up."""
    return {"auth_type": "password", "region_name": "RegionOne", "identity_api_version": "3",
            "auth": {"auth_url": identity_url, "username": user,
                     "password": password or secrets.token_urlsafe(12), "project_name": project,
                     "user_domain_name": "Default", "project_domain_name": "Default"}}


def middleware(auth: Mapping[str, str]) -> dict[str, object]:
    """Return the options with which a service asks Keystone about tokens.

    :param auth: of the service's own cloud.
    """
    return {"auth_type": "password", "www_authenticate_uri": auth["auth_url"],
            "service_token_roles_required": True, **auth}


def read(path: Path) -> dict[str, dict]:
    """Return the clouds of a ``clouds.yaml``."""
    return dict(yaml.safe_load(path.read_text())["clouds"])


def write(path: Path, clouds: Mapping[str, dict]) -> None:
    """Replace a ``clouds.yaml``, readable by its owner only."""
    ini.write_private(path, yaml.safe_dump({"clouds": dict(clouds)}))


class Keystone:
    """The Keystone of a lab, for its administrator.

    :param auth: of the administrator's cloud. The first time, it sets that password.
    """

    def __init__(self, auth: Mapping[str, str]) -> None:
        self._session = session.Session(auth=v3.Password(**auth))
        self._api = adapter.Adapter(self._session, endpoint_override=auth["auth_url"])
        try:
            self._session.get_token()
        except exceptions.Unauthorized:
            self._set_first_password(auth)
        self._roles = {role["name"]: role["id"] for role in self._list("roles")}

    def add_user(self, name: str, password: str, project: str, roles: Iterable[str]) -> None:
        """Give a user, made if there is none, roles on a project, made if there is none."""
        user = self._found("users", name) or self._create(
            "user", name=name, password=password, domain_id="default")
        owned = self._found("projects", project) or self._create(
            "project", name=project, domain_id="default")
        for role in roles:
            if role not in self._roles:
                self._roles[role] = self._create("role", name=role)["id"]
            self._api.put(f"/projects/{owned['id']}/users/{user['id']}/roles/{self._roles[role]}")

    def add_accounts(self, known: Mapping[str, dict]) -> None:
        """Make the accounts that every lab has; the administrator may look into the project demo.

        :param known: the clouds, for their passwords.
        """
        for name, (user, project, roles) in ACCOUNTS.items():
            self.add_user(user, known[name]["auth"]["password"], project, roles)
        self.add_user("admin", known["lab"]["auth"]["password"], "demo", ["admin"])

    def add_service(self, kind: str, name: str, url: str) -> None:
        """Put a service into the catalog, or move it to another URL."""
        known = [one for one in self._list("services") if one["type"] == kind]
        service = known[0] if known else self._create("service", type=kind, name=name)
        for endpoint in self._list("endpoints", service_id=service["id"]):
            if endpoint["url"] == url:
                return
            self._api.delete(f"/endpoints/{endpoint['id']}")
        for interface in INTERFACES:
            self._create("endpoint", service_id=service["id"], interface=interface, url=url,
                         region_id="RegionOne")

    def _set_first_password(self, auth: Mapping[str, str]) -> None:
        first = v3.Password(**{**auth, "password": TEMPLATE_PASSWORD})
        with_first = session.Session(auth=first)
        user = with_first.get_user_id()
        change = {"original_password": TEMPLATE_PASSWORD, "password": auth["password"]}
        with_first.post(f"{auth['auth_url']}/users/{user}/password", json={"user": change})
        # Keystone counts in seconds: a token of this second is revoked with those before it
        deadline = time.monotonic() + 30
        while self._api.get("/roles", raise_exc=False).status_code == 401:
            if time.monotonic() > deadline:
                raise LabError("Keystone does not take the administrator's new password")
            time.sleep(0.2)

    def _list(self, collection: str, **query: str) -> list[dict[str, Any]]:
        found = self._api.get(f"/{collection}", params=query).json()
        return list(found[collection])

    def _found(self, collection: str, name: str) -> dict[str, Any] | None:
        return next(iter(self._list(collection, name=name)), None)

    def _create(self, kind: str, **fields: str) -> dict[str, Any]:
        return dict(self._api.post(f"/{kind}s", json={kind: fields}).json()[kind])
