"""Settings of the lab's Horizon, which imports them as ``local.local_settings``.

Its own place for them, and for the file that switches a dashboard on, is inside its package. This
directory stands before that one on the path instead, so that nothing installed is changed.
"""

import os

import mistraldashboard.enabled
from horizon.utils import secret_key
from openstack_dashboard.local import enabled as local_enabled

# what copying enabled/_50_mistral.py would do; Horizon takes over all names of this module, and
# has given this one the same meaning
local_enabled.__path__.extend(mistraldashboard.enabled.__path__)

ALLOWED_HOSTS = ["127.0.0.1"]
OPENSTACK_KEYSTONE_URL = os.environ.get("LAB_AUTH_URL")
TIME_ZONE = "UTC"

# one process, which forgets its users when it ends
SECRET_KEY = secret_key.generate_key()
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# compiling the style sheets takes many seconds: it is done once per installation
STATIC_ROOT = os.environ["LAB_STATIC"]
COMPRESS_OFFLINE = True
AVAILABLE_THEMES = [("default", "Default", "themes/default")]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
