"""The application for a WSGI server: ``gunicorn driver.api.wsgi:application``.

It is built from the deployment file that the variable RECOVERY_API_PASTE names.
"""

import logging
import os
from typing import Any

from paste import deploy  # type: ignore[import-untyped]

VARIABLE = "RECOVERY_API_PASTE"
DEFAULT = "/etc/mistral-recovery/api-paste.ini"


def load() -> Any:
    """Return the WSGI application that the deployment file describes."""
    return deploy.loadapp(f"config:{os.path.abspath(os.environ.get(VARIABLE) or DEFAULT)}")


logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
application = load()
