"""The one way from an action to OpenStack: a session that is built once and used again.

Whose rights an action has (docs/decisions.md):

- Mistral with authentication: the caller's own token, used as it is. It is never exchanged for
  another one, because a trust token (Senlin, cron and event triggers) cannot be. So nothing
  can be done that the caller may not do.
- Mistral without authentication (the lab): the cloud that `OS_CLOUD` names in `clouds.yaml`.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from typing import Any

from keystoneauth1 import access, adapter, session
from keystoneauth1.identity import access as access_plugin
from openstack.config import loader
from openstack.exceptions import ConfigException

from mistral_actions.errors import RecoveryError, Unauthorized
from mistral_actions.nova import TIMEOUT, Nova, translated

# A cache, not a memory: an executor that starts empty does the same, with three requests more.
_MOST = 64
_cache: OrderedDict[str, Nova] = OrderedDict()
_lock = threading.Lock()


def nova_of(context: Any) -> Nova:
    """Return Nova with the rights of whoever started the workflow.

    :param context: the action context that Mistral gives to `Action.run`.
    :returns: a client whose session and service catalogue are reused within this process.
    :raises Unauthorized: Mistral gave no token, or Keystone refuses it.
    :raises Unavailable: Keystone does not answer.

    API calls: `GET /v3/auth/tokens` once for a token that is new to this process.
    """
    security = context.security
    token = getattr(security, "auth_token", None)
    auth_url = getattr(security, "auth_uri", None)
    name = f"{auth_url} {token}" if token and auth_url else f"cloud {os.environ.get('OS_CLOUD')}"
    key = hashlib.sha256(name.encode()).hexdigest()
    with _lock:
        if key not in _cache:
            with translated("reading the rights of the caller from Keystone"):
                _cache[key] = Nova(_by_token(security) if token and auth_url else _by_cloud())
            while len(_cache) > _MOST:
                _cache.popitem(last=False)
        _cache.move_to_end(key)
        return _cache[key]


def _by_token(security: Any) -> Any:
    verify = False if security.insecure else (security.auth_cacert or True)
    plain = session.Session(verify=verify, timeout=TIMEOUT)
    auth_url = security.auth_uri.rstrip("/")
    if not auth_url.endswith("/v3"):
        auth_url += "/v3"
    headers = {"X-Auth-Token": security.auth_token, "X-Subject-Token": security.auth_token}
    body = plain.get(f"{auth_url}/auth/tokens", headers=headers, connect_retries=3).json()
    plugin = access_plugin.AccessInfoPlugin(
        access.create(body=body, auth_token=security.auth_token), auth_url=auth_url
    )
    return adapter.Adapter(
        session.Session(auth=plugin, verify=verify, timeout=TIMEOUT),
        service_type="compute",
        region_name=security.region_name,
    )


def _by_cloud() -> Any:
    if "OS_CLOUD" not in os.environ:
        raise Unauthorized(
            "Mistral passed no token to the action. Turn on Mistral's authentication, or set"
            " OS_CLOUD for its executor to a cloud of clouds.yaml."
        )
    try:
        cloud = loader.OpenStackConfig().get_one()
    except ConfigException as error:
        raise RecoveryError(f"OS_CLOUD of Mistral's executor is of no use: {error}") from None
    return adapter.Adapter(
        cloud.get_session(),
        service_type="compute",
        region_name=cloud.region_name,
        interface=cloud.get_interface("compute"),
        endpoint_override=cloud.get_endpoint("compute"),
    )
