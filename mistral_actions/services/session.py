"""The one way from an action to OpenStack: a session that is built once and used again.

Whose rights an action has (docs/decisions.md):

- Mistral with authentication: the caller's own token, used as it is. It is never exchanged for
  another one, because a trust token (Senlin, cron and event triggers) cannot be. So nothing
  can be done that the caller may not do.
- The same, and credentials of the pack's own (`credentials`): those of the service user, for
  what the caller may have done (`limits`). Only a ticket says who that is (`tickets`).
- Mistral without authentication (the lab): the cloud that `OS_CLOUD` names in `clouds.yaml`.
"""

import copy
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from keystoneauth1 import access, adapter, session
from keystoneauth1 import exceptions as ksa
from keystoneauth1.identity import access as access_plugin
from openstack.config import loader
from openstack.exceptions import ConfigException

from mistral_actions.errors import Forbidden, RecoveryError, Unauthorized
from mistral_actions.services import credentials, tickets
from mistral_actions.services.limits import Limited, OwnServers
from mistral_actions.services.nova import Nova
from mistral_actions.services.service import TIMEOUT, Service, translated

Client = TypeVar("Client", bound=Service)

# A cache, not a memory: an executor that starts empty does the same, with three requests more.
_MOST = 64
MEMBER = "member"  # the role that Nova asks of who does something with the servers of a project
_cache: OrderedDict[str, "_TokenOwner"] = OrderedDict()
_lock = threading.Lock()


class _TokenOwner:
    """Whoever started workflows: makes a client for each service once.

    :param adapter_for: returns the keystoneauth adapter for a service type and major version.
    :param name: who it is, as a person reads it.
    """

    def __init__(self, adapter_for: Callable[[str, str | None], Any], name: str = "") -> None:
        self._adapter_for = adapter_for
        self._name = name
        self._clients: dict[type[Service], Any] = {}

    def adapter(self, service_type: str, version: str | None) -> Any:
        return self._adapter_for(service_type, version)

    def client(self, kind: type[Client], service_type: str, version: str | None) -> Client:
        if kind not in self._clients:
            self._clients[kind] = kind(self._adapter_for(service_type, version), self._name)
        return self._clients[kind]  # type: ignore[no-any-return] # it is what its key says


class Asked:
    """What an action knows of who asks for it: Mistral's context, and the ticket of its engine.

    :param context: the action context that Mistral gives to `Action.run`.
    :param action: name of the action's class.
    :param ticket: that came with it, or null.
    :param no_ticket: why the engine has made none.
    :param for_members: whether members may have it done for their servers.
    """

    def __init__(
        self, context: Any, action: str, ticket: object, no_ticket: str, for_members: bool
    ) -> None:
        self._context = context
        self._action = action
        self._ticket = ticket
        self._no_ticket = no_ticket
        self._for_members = for_members

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def limited(
        self, user: credentials.Service | None, service_type: str, version: str | None
    ) -> Limited | None:
        """Return an adapter of the service user for what may be done; null: with the own token.

        :raises Unauthorized: nobody knows for whom the action is done.
        :raises Forbidden: it is not done for this caller.
        """
        caller = self._caller(user) if user else None
        if not (user and caller and caller.roles):
            return None
        security = self._context.security
        adapter = user.adapter(service_type, version, getattr(security, "region_name", None))

        def own() -> Any:
            return _owner(_with_keystone(security, user)).adapter(service_type, version)

        roles = {role.lower() for role in caller.roles}
        if roles & user.allowed_roles:
            return Limited(adapter, service_type, own)
        if MEMBER in roles and self._for_members and service_type == "compute":
            return OwnServers(adapter, own, caller.project, caller)
        allowed = " or ".join(sorted(user.allowed_roles)) or "none at all"
        raise Forbidden(
            f"This is done for callers with the role {allowed} only, and asked for by {caller}."
            f" Let somebody start it who has that role in the project of the token, or add one to"
            f" allowed_roles in the {credentials.WHERE}. Nothing was changed."
        )

    def _caller(self, user: credentials.Service) -> tickets.Caller:
        execution = getattr(self._context, "execution", None)
        within = getattr(execution, "workflow_execution_id", None)
        if not within:
            raise tickets.refused(
                "it is part of no workflow, and so nobody has said for whom it is done. Start the"
                " workflow of the pack instead"
            )
        if not self._ticket:
            raise tickets.refused(
                self._no_ticket
                or "it came without a ticket. The engines need the same ticket_key in section"
                " [recovery] of mistral.conf as the executors, and the same version of the pack"
            )
        return tickets.read(user.key, self._ticket, self._action, within)


def nova_of(context: Any) -> Nova:
    """Return Nova with the rights of whoever started the workflow; see `client_of`."""
    return client_of(context, Nova, "compute")


def client_of(
    context: Any, kind: type[Client], service_type: str, version: str | None = None
) -> Client:
    """Return a client of a service, for what whoever started the workflow may have done.

    :param context: the action context that Mistral gives to `Action.run`, as `Asked`.
    :param kind: class of the client. :param service_type: as in the service catalogue.
    :param version: major version to look for where the catalogue does not say it.
    :returns: a client whose session and service catalogue are reused within this process.
    :raises Unauthorized: Mistral gave no token, or Keystone refuses it; or no good ticket.
    :raises Forbidden: this is not done for this caller.
    :raises Unavailable: Keystone does not answer.

    API calls: none if Mistral passed the catalog; else `GET /v3/auth/tokens`, or
    `GET /v3/auth/catalog` if that is refused, once for a token that is new to this process.
    As the service user: `POST /v3/auth/tokens`, once for each token.
    """
    user = credentials.service()
    limited = isinstance(context, Asked) and context.limited(user, service_type, version)
    if user and limited:
        return kind(limited, f"the service user {user.name} of the {credentials.WHERE}")
    return _owner(_with_keystone(context.security, user)).client(kind, service_type, version)


def _with_keystone(security: Any, user: credentials.Service | None) -> Any:
    """Return what Mistral tells of a caller; a trigger's token comes without Keystone's address."""
    if user is None or security.auth_uri or not security.auth_token:
        return security
    known = copy.copy(security)
    known.auth_uri, known.auth_cacert = user.auth_url, user.cafile
    return known


def _owner(security: Any) -> _TokenOwner:
    """Return whoever started the workflow, with the token that Mistral has passed on."""
    token = getattr(security, "auth_token", None)
    auth_url = getattr(security, "auth_uri", None)
    name = f"{auth_url} {token}" if token and auth_url else f"cloud {os.environ.get('OS_CLOUD')}"
    key = hashlib.sha256(name.encode()).hexdigest()
    with _lock:
        if key not in _cache:
            with translated("reading the rights of the caller from Keystone"):
                _cache[key] = _by_token(security) if token and auth_url else _by_cloud()
            while len(_cache) > _MOST:
                _cache.popitem(last=False)
        _cache.move_to_end(key)
        return _cache[key]


def _by_token(security: Any) -> _TokenOwner:
    verify = False if security.insecure else (security.auth_cacert or True)
    plain = session.Session(verify=verify, timeout=TIMEOUT)
    auth_url = security.auth_uri.rstrip("/")
    if not auth_url.endswith("/v3"):
        auth_url += "/v3"
    body = {"token": _token_info(security, plain, auth_url)}
    rights = access.create(body=body, auth_token=security.auth_token)
    plugin = access_plugin.AccessInfoPlugin(rights, auth_url=auth_url)
    own = session.Session(auth=plugin, verify=verify, timeout=TIMEOUT)
    return _TokenOwner(
        lambda service_type, version: adapter.Adapter(
            own, service_type=service_type, version=version, region_name=security.region_name
        ),
        f"whoever started the workflow: {_name(rights)}",
    )


def _token_info(security: Any, plain: session.Session, auth_url: str) -> dict[str, Any]:
    """Return what Keystone says of the caller's token: user, project, roles, catalog.

    Mistral's API has asked already, and passes it on as the "service catalog" of the context.
    """
    known = getattr(security, "service_catalog", None)
    if isinstance(known, dict) and known.get("catalog"):
        return known
    headers = {"X-Auth-Token": security.auth_token}
    try:
        answer = plain.get(
            f"{auth_url}/auth/tokens",
            headers={**headers, "X-Subject-Token": security.auth_token},
            connect_retries=3,
        )
        return dict(answer.json()["token"])
    except ksa.Forbidden:
        # a token of a trust with impersonation may not ask about itself, and may for its catalog
        found = plain.get(f"{auth_url}/auth/catalog", headers=headers, connect_retries=3).json()
    nobody = {"id": None, "name": None}
    return {
        "methods": ["token"],
        "user": {**nobody, "name": getattr(security, "user_name", None), "domain": nobody},
        "project": {
            "id": getattr(security, "project_id", None),
            "name": getattr(security, "project_name", None),
            "domain": nobody,
        },
        "roles": [],
        "catalog": found["catalog"],
    }


def _name(rights: Any) -> str:
    if not rights.role_names:
        return f"user {rights.username}, by a token of a trust"
    through = " (through a trust, which passes on these and no others)" if rights.trust_id else ""
    roles = ", ".join(sorted(rights.role_names))
    return f"user {rights.username}, project {rights.project_name}, roles {roles}{through}"


def _by_cloud() -> _TokenOwner:
    if credentials.authentication():  # the rights of that cloud are not for everybody
        raise Unauthorized("Mistral passed no token to the action.")
    if "OS_CLOUD" not in os.environ:
        raise Unauthorized(
            "Mistral passed no token to the action. Turn on Mistral's authentication, or set"
            " OS_CLOUD for its executor to a cloud of clouds.yaml."
        )
    try:
        cloud = loader.OpenStackConfig().get_one()
    except ConfigException as error:
        raise RecoveryError(f"OS_CLOUD of Mistral's executor is of no use: {error}") from None
    own = cloud.get_session()
    return _TokenOwner(
        lambda service_type, version: adapter.Adapter(
            own,
            service_type=service_type,
            version=version,
            region_name=cloud.region_name,
            interface=cloud.get_interface(service_type),
            endpoint_override=cloud.get_endpoint(service_type),
        )
    )
