"""Who calls, and whether they may: the policy of the API.

keystonemiddleware stands in front. It leaves an object in the request that no client can forge,
other than the ``X-...`` headers: without that object nobody is let in, so that an application
that was deployed without the middleware is closed, not open.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from keystoneauth1.identity import access

from driver.api.errors import HttpError
from driver.text.messages import legible

Environ = Mapping[str, Any]
_LEFT_BY_MIDDLEWARE = "keystone.token_auth"


@dataclasses.dataclass(frozen=True)
class Caller:
    """Who makes a request.

    :param user: id.
    :param project: id of the project that they act for.
    :param auth: keystoneauth plugin with their own token; None: Mistral has no authentication.
    """

    user: str
    project: str
    auth: Any = dataclasses.field(default=None, repr=False)


Admit = Callable[[Environ], Caller]


def with_role(roles: Iterable[str]) -> Admit:
    """Return what lets in those who have at least one of these roles in their project."""
    wanted = sorted(roles)

    def admit(environ: Environ) -> Caller:
        user = _user(environ)
        if not user.project_id:
            raise HttpError(403, "FORBIDDEN", "The token is for no project; plans belong to one.")
        if not {role.lower() for role in wanted} & {role.lower() for role in user.role_names}:
            raise HttpError(403, "FORBIDDEN", _missing(wanted, user))
        # Not the middleware's own plugin: that would add the token of the service to the caller's
        auth = access.AccessInfoPlugin(user)
        return Caller(user.user_id, user.project_id, auth)

    return admit


def everybody(environ: Environ) -> Caller:
    """Let everybody in: for a Mistral without authentication."""
    return Caller("nobody", "none")


def _user(environ: Environ) -> Any:
    """Return what Keystone says about the token of a request.

    :raises HttpError: 401, there is none.
    """
    confirmed = environ.get("HTTP_X_IDENTITY_STATUS") == "Confirmed"
    user = getattr(environ.get(_LEFT_BY_MIDDLEWARE), "user", None)
    if user is None or not confirmed:
        raise HttpError(401, "UNAUTHORIZED", "A valid token is needed, as the header X-Auth-Token.")
    return user


def _missing(wanted: list[str], user: Any) -> str:
    one = "one of the roles " if len(wanted) > 1 else "the role "
    names = ", ".join(f"'{role}'" for role in wanted)
    has = ", ".join(f"'{legible(role)}'" for role in sorted(user.role_names)) or "none"
    return (
        f"This needs {one}{names} in the project; user {user.user_id} has in project "
        f"{user.project_id}: {has}."
    )
