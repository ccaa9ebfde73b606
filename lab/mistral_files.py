"""What a Mistral of the lab reads: what the README says of its configuration, and its database."""

import configparser
import hashlib
import json
import re
from pathlib import Path

from lab import accounts, ini, mariadb
from lab.environments import environment
from lab.process import ROOT, run


def told_by_readme() -> ini.Sections:
    """Return the options that the README tells operators to set in ``mistral.conf``."""
    (block,) = re.findall(r"^```ini\n(.*?)^```$", (ROOT / "README.md").read_text(),
                          re.MULTILINE | re.DOTALL)
    parser = configparser.ConfigParser(default_section="none", interpolation=None)
    parser.read_string(block)
    return {name: dict(parser[name]) for name in parser.sections()}


def authentication(state: Path) -> ini.Sections:
    """Return the options with which Mistral asks the Keystone of the lab about tokens."""
    auth = accounts.read(state / "clouds.yaml")["mistral"]["auth"]
    return {"keystone_authtoken": accounts.middleware(auth) | {"service_type": "workflowv2"}}


def credentials(state: Path) -> ini.Sections:
    """Return the pack's own credentials, and the key that engines and executors share.

    Mistral 15 lets everybody upload code by default: then the pack does not use them.
    """
    policy = {f"code_sources:{what}": "rule:admin_only" for what in ("create", "update")}
    (state / "mistral-policy.yaml").write_text(json.dumps(policy))
    auth = accounts.read(state / "clouds.yaml")["recovery"]["auth"]
    key = hashlib.sha256(auth["password"].encode()).hexdigest()  # the same at each start
    return {"oslo_policy": {"policy_file": str(state / "mistral-policy.yaml")},
            "recovery": {"auth_type": "password", **auth, "ticket_key": key,
                         "allowed_roles": "admin, recovery"}}


def configuration(state: Path, port: int, database: str, broker: str) -> ini.Sections:
    """Return ``mistral.conf`` of a Mistral of many processes.

    :param port: of the API.
    :param database: URL of the database.
    :param broker: URL of the broker.
    """
    addresses = {
        "DEFAULT": {"transport_url": broker, "use_stderr": True},
        "api": {"host": "127.0.0.1", "port": port},
        "database": {"connection": database},
        # std.http may talk to this machine: there is nothing else in a lab
        "action_std_http": {"denied_cidrs": ""},
    }
    own = authentication(state) | credentials(state)
    return ini.merged(ini.merged(told_by_readme(), addresses), own)


def copy_database(data: Path, version: str) -> None:
    """Give a Mistral its database, unless it has one from an earlier start.

    :param version: the name of its environment.
    :raises LabError: the template could not be made.
    """
    def migrate(directory: Path, database: str) -> None:
        ini.write(directory / "mistral.conf", {"database": {"connection": database}})
        for command in (("upgrade", "head"), ("populate",)):
            run(str(environment(version) / "bin" / "mistral-db-manage"), "--config-file",
                str(directory / "mistral.conf"), *command)

    mariadb.copy_migrated(data, version, migrate, Path(__file__))
