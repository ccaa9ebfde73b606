"""Users of a lab with a real Keystone, and what Nova knows of what they did."""

import datetime
from typing import Any

from keystoneauth1 import session
from keystoneauth1.identity import access as access_plugin
from keystoneauth1.identity import v3

from lab import Lab, accounts, servers
from lab.nova_client import Nova
from tests.functional.support import Cloud


class People:
    """Sessions of those who have an account, and of those whom they trust."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        lab.add_user("trustee", "service", "member")

    def auth(self, cloud: str, **other: str) -> dict[str, str]:
        return {**accounts.read(self._lab.state / "clouds.yaml")[cloud]["auth"], **other}

    def cloud(self, cloud: str, **other: str) -> Cloud:
        """The lab as somebody sees it who has a password."""
        return Cloud(self._lab, session.Session(auth=v3.Password(**self.auth(cloud, **other))))

    def new(self, name: str, project: str, role: str) -> Cloud:
        """The lab as a new user sees it, who has one role on a project."""
        return self.cloud(self._lab.add_user(name, project, role))

    def trusted_by(self, trustor: str, role: str, seconds: int = 3600, **other: str) -> Cloud:
        """The lab as a service sees it that got one token through a trust, as Senlin does.

        :param seconds: how long the trust lives, and so the token. :param other: a project.
        """
        mine = session.Session(auth=v3.Password(**self.auth(trustor, **other)))
        theirs = session.Session(auth=v3.Password(**self.auth("lab-trustee")))
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        trust = mine.post(f"{self._lab.identity_url}/OS-TRUST/trusts", json={"trust": {
            "trustor_user_id": mine.get_user_id(), "trustee_user_id": theirs.get_user_id(),
            "project_id": mine.get_project_id(), "impersonation": True,
            "roles": [{"name": role}], "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }}).json()["trust"]
        auth = self.auth("lab-trustee", trust_id=trust["id"])
        rights = v3.Password(**{
            key: value for key, value in auth.items() if not key.startswith("project_")
        }).get_access(session.Session())
        return Cloud(self._lab, session.Session(auth=access_plugin.AccessInfoPlugin(
            rights, auth_url=self._lab.identity_url)))


def boot_for_member(people: People, name: str, host: str) -> dict[str, Any]:
    """Boot a server of the member's project on a host, which only an administrator may choose."""
    nova = Nova(people.auth("lab", project_name="demo"))
    try:
        return dict(servers.boot(nova, name, host))
    finally:
        nova.close()


def who_acted(administrator: Cloud, server: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (action, id of the user) of all that was done with a server since it was made."""
    found = administrator.get(f"/servers/{server['id']}/os-instance-actions")["instanceActions"]
    return [(one["action"], one["user_id"]) for one in reversed(found)][1:]


def user_id(cloud: Cloud) -> str:
    return str(cloud.nova.session.get_user_id())
