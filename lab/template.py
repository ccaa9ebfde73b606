"""Databases of services as their own migrations make them, kept for the next start.

Migrating takes many seconds and always gives the same files, so it is done once per version, for
all checkouts of a user, and each cloud starts from copies.
"""

import importlib.util
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from lab import ini, nova_config, pins
from lab.process import run

FLAVORS = (("m1.tiny", 1, 512, 1), ("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40))


def copy_to(state: Path) -> None:
    """Give a cloud its databases, unless it has them from an earlier start."""
    template = made(("nova", "openstack-placement"), "lab.template")
    for name in nova_config.DATABASES:
        if not (state / f"{name}.sqlite").exists():
            shutil.copy(template / f"{name}.sqlite", state)
    with closing(sqlite3.connect(state / "api.sqlite")) as api, api:
        for cell in ("cell0", "cell1"):
            api.execute("update cell_mappings set database_connection = ? where name = ?",
                        (nova_config.database(state, cell)["connection"], cell))


def made(services: Sequence[str], module: str) -> Path:
    """Return the directory of a template, made now if there is none for these versions.

    :param services: the distributions whose databases it holds.
    :param module: makes it in an empty directory: ``python -m MODULE --template DIRECTORY``, in a
        process of its own, because the configuration of a service is global.
    :raises LabError: that failed.
    """
    makers = pins.checksum(*map(Path, (__file__, nova_config.__file__,
                                       importlib.util.find_spec(module).origin)))
    versions = "-".join(f"{service}-{version(service)}" for service in services)
    template = pins.CACHE / f"{versions}-{makers}"
    made_once(template, lambda directory: run(
        sys.executable, "-m", module, "--template", str(directory)))
    return template


def made_once(target: Path, make: Callable[[Path], object]) -> None:
    """Make a directory unless it is there, whole or not at all.

    :param make: fills the empty directory that it is given. Who comes meanwhile, in another
        process too, waits for it.
    """
    with pins.locked(target):
        if target.exists():
            return
        scratch = Path(tempfile.mkdtemp(dir=target.parent))
        try:
            make(scratch)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def main(directory: Path) -> None:
    """Run all migrations in an empty directory."""
    nowhere = dict.fromkeys(("identity", "placement", "image", "network"), "http://127.0.0.1:1")
    ini.write(directory / "nova.conf", nova_config.nova(directory, nowhere, "unused"))
    ini.write(directory / "placement.conf", nova_config.placement(directory, create=True))
    os.environ["OS_PLACEMENT_CONFIG_DIR"] = str(directory)

    from nova import monkey_patch
    monkey_patch.patch(backend="threading")
    import placement.wsgi
    from nova import config, context, objects
    from nova.db import migration

    placement.wsgi.init_application()
    config.parse_args(["lab"], default_config_files=[str(directory / "nova.conf")])
    objects.register_all()
    migration.db_sync(database="api")
    migration.db_sync(database="main")
    admin = context.get_admin_context()
    _create_cells(admin, objects, directory)
    _create_flavors(admin, objects)
    shutil.copy(directory / "cell1.sqlite", directory / "cell0.sqlite")
    for name in nova_config.DATABASES:
        with closing(sqlite3.connect(directory / f"{name}.sqlite")) as database:
            database.execute("pragma journal_mode = wal")  # readers do not wait for the writer
    for left_over in directory.glob("*.conf"):
        left_over.unlink()


def _create_cells(admin, objects, directory):
    for name, cell, transport in (("cell0", objects.CellMapping.CELL0_UUID, "none:///"),
                                  ("cell1", "00000000-0000-4000-8000-000000000002", "fake:///")):
        objects.CellMapping(
            admin, uuid=cell, name=name, transport_url=transport,
            database_connection=nova_config.database(directory, name)["connection"],
        ).create()


def _create_flavors(admin, objects):
    for number, (name, vcpus, memory, disk) in enumerate(FLAVORS, start=1):
        objects.Flavor(
            admin, flavorid=str(number), name=name, vcpus=vcpus, memory_mb=memory, root_gb=disk,
            ephemeral_gb=0, swap=0, rxtx_factor=1.0, is_public=True, disabled=False,
        ).create()


if __name__ == "__main__":
    main(Path(sys.argv[2]))
