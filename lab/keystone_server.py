"""A real Keystone in one process: ``python -m lab.keystone_server``.

Its database is SQLite and comes from a template, because its migrations take most of a minute.
The template knows one user, ``admin``, whose password ``lab.accounts`` replaces at once.
"""

import argparse
import importlib
import os
import shutil
import sys
from pathlib import Path

import waitress

from lab import ini, patches, template
from lab.wsgi import MANY_CONNECTIONS

TEMPLATE_PASSWORD = "replaced by lab.accounts at the first start"


def arguments(argv=None):
    parser = argparse.ArgumentParser(prog="python -m lab.keystone_server")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--option", action="append", default=[], metavar="GROUP.NAME=VALUE",
                        help="an option of keystone.conf")
    return parser.parse_args(argv)


def configuration(directory: Path) -> ini.Sections:
    return {
        "DEFAULT": {"use_stderr": True},
        "database": {"connection": f"sqlite:///{directory}/keystone.sqlite",
                     "sqlite_synchronous": False},
        "fernet_tokens": {"key_repository": directory / "fernet"},
        "fernet_receipts": {"key_repository": directory / "fernet"},
        "credential": {"key_repository": directory / "credential"},
        # the cheapest hash there is: a login costs milliseconds
        "identity": {"password_hash_algorithm": "bcrypt", "password_hash_rounds": 4},
        # everything is asked for a token, and without it half of the machine does nothing else; a
        # single process knows what has changed and keeps nothing of that
        "cache": {"enabled": True, "backend": "oslo_cache.dict"},
    }


def prepare(directory: Path, options: ini.Sections) -> None:
    """Write what Keystone needs into its directory; a database that is there is kept."""
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / "keystone.sqlite").exists():
        made = template.made(["keystone"], "lab.keystone_server")
        shutil.copy(made / "keystone.sqlite", directory)
    ini.write(directory / "keystone.conf", ini.merged(configuration(directory), options))
    os.environ["OS_KEYSTONE_CONFIG_DIR"] = str(directory)
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = "keystone.conf"


def import_libraries() -> None:
    """Import what takes long; ``lab.nursery`` does so for many processes at once."""
    importlib.import_module("keystone.server.flask.core")


def make_keys() -> None:
    from keystone import conf
    from keystone.common import fernet_utils

    for name in ("fernet_tokens", "credential"):
        directory = conf.CONF[name].key_repository
        if not os.path.exists(directory):
            keys = fernet_utils.FernetUtils(directory, 3, name)
            keys.create_key_directory()
            keys.initialize_key_repository()


def main():
    args = arguments()
    sys.argv = sys.argv[:1]  # Keystone parses it
    directory = args.state / "keystone"
    prepare(directory, ini.parse_options(args.option))

    from keystone.server.flask import core

    patches.keep_sqlite_connections()
    application = core.initialize_application(
        name="public", config_files=[str(directory / "keystone.conf")],
        # the keys are needed by what comes next, and where they are is configuration
        post_log_configured_function=make_keys)
    waitress.serve(application, host="127.0.0.1", port=args.port, threads=8, ident="identity",
                   clear_untrusted_proxy_headers=True, **MANY_CONNECTIONS)


def make_template(directory: Path) -> None:
    """Run all migrations in an empty directory, and create what every Keystone begins with."""
    from keystone import server
    from keystone.cmd import bootstrap
    from keystone.common.sql import upgrades

    path = directory / "keystone.conf"
    ini.write(path, configuration(directory))
    server.configure(config_files=[str(path)])
    make_keys()
    upgrades.offline_sync_database_to_version()
    first = bootstrap.Bootstrapper()
    first.admin_username, first.admin_password = "admin", TEMPLATE_PASSWORD
    first.project_name, first.admin_role_name, first.region_id = "admin", "admin", "RegionOne"
    first.immutable_roles = True
    first.bootstrap()
    path.unlink()
    for keys in ("fernet", "credential"):
        shutil.rmtree(directory / keys)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--template"]:
        target = Path(sys.argv[2])
        sys.argv = sys.argv[:1]  # Keystone parses it
        make_template(target)
    else:
        main()
