"""The section `[recovery]` of `mistral.conf`: the pack's own credentials, the key of tickets.

Executors read all of it, engines the key only. Both have oslo.config, and Mistral's options in it;
whoever imports the pack without Mistral has neither, and none of this is set there.
"""

import threading
from typing import Any, NamedTuple

from keystoneauth1 import adapter, loading
from keystoneauth1 import exceptions as ksa
from keystoneauth1.identity import BaseIdentityPlugin

from mistral_actions.errors import Unauthorized
from mistral_actions.services.service import TIMEOUT, translated

GROUP = "recovery"
WHERE = f"section [{GROUP}] of mistral.conf"
SHORTEST_KEY = 32  # characters: `openssl rand -hex 32` makes 64
_lock = threading.Lock()


class Service(NamedTuple):
    """The service user, as which the actions talk to OpenStack.

    :param session: of keystoneauth; it gets a new token whenever the old one is about to expire.
    :param name: of the user, for the sentence of a refusal.
    """

    session: Any
    name: str
    allowed_roles: frozenset[str]
    key: bytes
    region: str | None
    interface: str
    auth_url: str
    cafile: str | None

    def adapter(self, service_type: str, version: str | None, region: str | None) -> Any:
        """Return what asks an OpenStack service as this user."""
        return adapter.Adapter(
            self.session,
            service_type=service_type,
            version=version,
            region_name=self.region or region,
            interface=self.interface,
        )


def _options() -> Any:
    """Return Mistral's options, with this section among them; null where there is no Mistral."""
    try:
        from oslo_config import cfg
    except ImportError:
        return None
    if "pecan" not in cfg.CONF:
        return None
    if GROUP not in cfg.CONF:
        _register(cfg)
    return cfg.CONF


def _register(cfg: Any) -> None:
    own = [
        cfg.ListOpt("allowed_roles", default=["admin"], help="Who may have all done."),
        cfg.StrOpt("ticket_key", secret=True, help="Engines and executors have the same one."),
        cfg.StrOpt("region_name", help="Region of the services; default: that of the request."),
        cfg.StrOpt("interface", default="public", help="Which of their endpoints are used."),
    ]
    cfg.CONF.register_opts(own, GROUP)
    loading.register_auth_conf_options(cfg.CONF, GROUP)
    loading.register_session_conf_options(cfg.CONF, GROUP)


def authentication() -> bool:
    """Say whether Mistral asks its callers who they are, as far as this process knows."""
    options = _options()
    return bool(options and options.pecan.auth_enable)


def ticket_key() -> bytes | None:
    """Return the key with which tickets are signed; null if none is set.

    :raises Unauthorized: the section cannot be read, or the key is too short.
    """
    options = _options()
    key = _read(lambda: options[GROUP].ticket_key) if options else None
    if not key:
        return None
    if len(key) < SHORTEST_KEY:
        raise _wrong(f"its ticket_key has {len(key)} characters, and needs {SHORTEST_KEY}")
    return str(key).encode()


def service() -> Service | None:
    """Return the service user; null if none is set: then actions use the tokens of their callers.

    :raises Unauthorized: what is set is of no use, or Keystone refuses it.
    :raises Unavailable: Keystone does not answer.

    API call: `POST /v3/auth/tokens`, once for each token.
    """
    options = _options()
    if not options:
        return None
    section = _read(lambda: options[GROUP])
    if not _read(lambda: section.auth_type or section.auth_section):
        return None
    with _lock:
        return _service(options, section)


def _service(options: Any, section: Any) -> Service:
    if not options.pecan.auth_enable:
        raise _wrong("[pecan] auth_enable is off: Mistral knows of nobody what he may do")
    key = ticket_key()
    if not key:
        raise _wrong("it has auth_type and no ticket_key")
    if _members_upload_code(options):
        raise _wrong(
            "Mistral's policy lets everybody upload Python code, which could read what is in it."
            " Set code_sources:create and code_sources:update to rule:admin_only in the policy file"
            " of all its hosts"
        )
    roles = frozenset(role.strip().lower() for role in section.allowed_roles if role.strip())
    session = _session(options)
    if not isinstance(session.auth, BaseIdentityPlugin):
        raise _wrong(f"its auth_type, {section.auth_type}, is none of Keystone's")
    try:
        with translated("getting a token for the service user"):
            rights = session.auth.get_access(session)
    except Unauthorized:
        raise _wrong("Keystone refuses its credentials") from None
    return Service(
        session,
        str(rights.username),
        roles,
        key,
        section.region_name,
        section.interface,
        session.auth.auth_url,
        section.cafile,
    )


def _members_upload_code(options: Any) -> bool:
    """Say whether members may have code of theirs run in Mistral; in 15 they may by default."""
    try:
        from mistral import policies
        from oslo_policy import policy
    except ImportError:
        return False
    if id(options) not in _uploads:
        rules = policy.Enforcer(options)
        rules.register_defaults(policies.list_rules())
        member = {"project_id": "p", "user_id": "u", "roles": ["member"], "is_admin": False}
        _uploads[id(options)] = any(
            rules.enforce(f"code_sources:{what}", {"project_id": "p", "user_id": "u"}, member)
            for what in ("create", "update")
        )
    return _uploads[id(options)]


_uploads: dict[int, bool] = {}
_sessions: dict[int, Any] = {}


def _session(options: Any) -> Any:
    """Return the session of this process; the configuration is read once."""
    if id(options) not in _sessions:
        auth = _read(lambda: loading.load_auth_from_conf_options(options, GROUP))
        _sessions[id(options)] = _read(
            lambda: loading.load_session_from_conf_options(
                options, GROUP, auth=auth, timeout=TIMEOUT
            )
        )
    return _sessions[id(options)]


def _read(what: Any) -> Any:
    """Return an option; what oslo.config raises would show values, secrets among them."""
    try:
        return what()
    except ksa.ClientException as error:
        raise _wrong(f"it cannot be used: {error}") from None
    except Exception as error:  # noqa: BLE001 - see above
        raise _wrong(f"it cannot be read ({type(error).__name__})") from None


def _wrong(why: str) -> Unauthorized:
    return Unauthorized(
        f"The {WHERE} of Mistral is of no use: {why}. Nothing was changed. Mend it, the same for"
        " all engines and executors, and restart them."
    )
