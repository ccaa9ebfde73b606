"""The lab's own way to Nova: keystoneauth alone, which starts faster than an SDK.

It looks past a cell that is down (``lab.cell_down``).
"""

import requests
from keystoneauth1 import adapter, session
from keystoneauth1.exceptions import ClientException
from keystoneauth1.identity import v3

from lab.cell_down import OBSERVER
from lab.errors import LabError

#: Of all calls of the lab: new enough to boot on a host, old enough to say everything.
MICROVERSION = "2.90"
TIMEOUT = 120  # seconds; a call takes a fraction of one, on a busy machine some


class Nova:
    """Calls Nova as one user.

    :param auth: the ``auth`` of a cloud in clouds.yaml.
    """

    def __init__(self, auth):
        self._http = requests.Session()
        self._http.trust_env = False  # proxies are for the world outside
        self._api = adapter.Adapter(
            session.Session(auth=v3.Password(**auth), session=self._http, timeout=TIMEOUT),
            service_type="compute", interface="public", default_microversion=MICROVERSION,
            additional_headers={OBSERVER: "lab"})

    def close(self):
        self._http.close()

    def call(self, method, path, body=None):
        """Return the answer as an object.

        :raises LabError: Nova refused, or does not answer.
        """
        try:
            response = self._api.request(path, method, json=body, raise_exc=False)
        except ClientException as error:
            raise LabError(f"{method} {path} failed: {error}") from error
        if response.status_code >= 400:
            raise LabError(f"Nova refused {method} {path}: {_reason(response)}")
        return response.json() if response.content else {}


def _reason(response):
    try:
        (error,) = response.json().values()  # {"badRequest": {"code": 400, "message": ...}}
        return error["message"]
    except (ValueError, AttributeError, TypeError, KeyError):
        return f"{response.status_code} {response.text[:300]}"
