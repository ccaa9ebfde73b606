"""The application as a deployment file of PasteDeploy builds it; see ``examples/api/``."""

import dataclasses
from collections.abc import Mapping

import flask
from keystoneauth1 import noauth, session

from driver.api.access import Caller, everybody, with_role
from driver.api.app import OpenPlans, create_app
from driver.errors import DriverError
from driver.mistral.client import MistralClient
from driver.mistral.transport import Transport
from driver.plans.service import Plans
from driver.text.messages import listed, nearest, shown

KEYSTONE, NOAUTH = "keystone", "noauth"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the deployment file says.

    :param auth_strategy: `keystone`, or `noauth` for a Mistral without authentication.
    :param roles: who may call has one of these, with commas between them.
    :param mistral_endpoint: URL, with /v2; empty: from the catalogue in the caller's token.
    :param region_name: of the endpoint in the catalogue; empty: the first.
    :param interface: public, internal or admin.
    :param cafile: certificates by which Mistral's is checked; empty: those of the system.
    :param patience: seconds for which a call of Mistral without a usable answer is tried again.
    """

    auth_strategy: str = KEYSTONE
    roles: str = "admin"
    mistral_endpoint: str = ""
    region_name: str = ""
    interface: str = "public"
    cafile: str = ""
    patience: str = "5"


def app_factory(global_conf: Mapping[str, str], **local_conf: str) -> flask.Flask:
    """Return the application, as PasteDeploy asks for it.

    :param local_conf: the options of its section; see :class:`Settings`.
    :raises DriverError: an option that is unknown or cannot be used.
    """
    settings = _settings(local_conf)
    admit = everybody if settings.auth_strategy == NOAUTH else with_role(_roles(settings.roles))
    return create_app(admit, _opener(settings))


def _settings(given: Mapping[str, str]) -> Settings:
    known = [field.name for field in dataclasses.fields(Settings)]
    for name in given:
        if name not in known:
            raise DriverError(
                f"the recovery API has no option {shown(name)}{nearest(name, known)}; "
                f"it has {listed(known)}"
            )
    settings = Settings(**{name: value.strip() for name, value in given.items()})
    if settings.auth_strategy not in (KEYSTONE, NOAUTH):
        text = f"auth_strategy is {shown(settings.auth_strategy)}; it can be keystone or noauth"
        raise DriverError(text)
    if settings.auth_strategy == NOAUTH and not settings.mistral_endpoint:
        raise DriverError("auth_strategy noauth needs mistral_endpoint: there is no catalogue")
    _seconds(settings.patience)
    return settings


def _roles(text: str) -> list[str]:
    roles = [role.strip() for role in text.split(",")]
    if not all(roles):
        text = f"roles is {shown(text)}; it must be names of roles with commas between them"
        raise DriverError(text)
    return roles


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 600:
        raise DriverError(f"patience is {shown(text)}; it must be seconds from 0 to 600")
    return seconds


def _opener(settings: Settings) -> OpenPlans:
    """Return what opens the plans for a caller: one pool of connections, each caller's token."""
    shared = session.Session(verify=settings.cafile or True)

    def open_plans(caller: Caller) -> Plans:
        transport = Transport.from_session(
            shared,
            auth=caller.auth or noauth.NoAuth(),
            endpoint=settings.mistral_endpoint or None,
            region=settings.region_name or None,
            interface=settings.interface,
            patience=_seconds(settings.patience),
        )
        return Plans(MistralClient(transport))

    return open_plans
