"""A hypervisor that only pretends, and pretends to be slow, broken or dead when told so.

It is Nova's own ``FakeDriver`` with what recovery needs: a host that can die in the middle of an
operation, guests that survive a restart of nova-compute, node identities that stay the same, live
migrations that take their time, and faults that are injected while it runs.
"""

import json
import threading
import time
import uuid
from pathlib import Path

from nova import exception
from nova.compute import power_state
from nova.virt import fake

from lab import faults

#: Where the guests of each host are kept over a restart; set before the first host starts.
GUESTS = Path()


class HostDied(BaseException):
    """Ends whatever a killed host was doing.

    Not an ``Exception``, because Nova would handle that: it would put the server in ERROR, and a
    host without power can do nothing of the kind.
    """


class LabDriver(fake.FakeDriver):
    """One host. ``compute_driver`` in nova.conf names this class."""

    def __init__(self, virtapi, read_only=False):
        super().__init__(virtapi, read_only)
        self.died = threading.Event()
        self._live_migrations = {}
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def init_host(self, host):
        super().init_host(host)
        self._file = GUESTS / f"guests-{host}.json"
        if self._file.exists():
            for server, (name, state) in json.loads(self._file.read_text()).items():
                self.instances[server] = fake.FakeInstance(name, state, server)

    def _save(self):
        with self._lock:
            guests = {key: (guest.name, guest.state) for key, guest in self.instances.items()}
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps(guests))
            new.replace(self._file)

    def _work(self, operation, instance):
        """Take the time, and fail, as injected; a delay ends early if its fault is lifted."""
        injected = faults.find(operation, self._host, instance.uuid)
        began = time.monotonic()
        while time.monotonic() - began < self._delay(operation, instance):
            if self.died.wait(0.1):
                break
        if self.died.is_set():
            raise HostDied(self._host)
        if injected.get("fail"):
            raise exception.InternalError(f"injected: {injected['fail']}")

    def _delay(self, operation, instance):
        return float(faults.find(operation, self._host, instance.uuid).get("delay", 0))

    # Identity. The stock driver draws a new node uuid in each process, and a nova-compute whose
    # node changed its uuid refuses to start.

    def get_available_resource(self, nodename):
        resources = super().get_available_resource(nodename)
        if resources:
            resources["uuid"] = str(uuid.uuid5(uuid.NAMESPACE_DNS, nodename))
        return resources

    def get_nodenames_by_uuid(self, refresh=False):
        return {str(uuid.uuid5(uuid.NAMESPACE_DNS, n)): n for n in self.get_available_nodes()}

    def get_host_uptime(self):
        # without it os-hypervisors logs a traceback per host and call
        days = int(time.monotonic() - self._started) // 86400
        return f"00:00:00 up {days} days, 0 min, 0 users, load average: 0.0, 0.0, 0.0"

    # Guests

    def spawn(self, context, instance, *args, **kwargs):
        self._work("spawn", instance)
        super().spawn(context, instance, *args, **kwargs)
        self._save()

    def destroy(self, context, instance, *args, **kwargs):
        self._work("destroy", instance)
        super().destroy(context, instance, *args, **kwargs)
        self._save()

    def power_off(self, instance, *args, **kwargs):
        self._work("power_off", instance)
        super().power_off(instance, *args, **kwargs)
        self._save()

    def power_on(self, context, instance, *args, **kwargs):
        self._work("power_on", instance)
        super().power_on(context, instance, *args, **kwargs)
        self._save()

    def reboot(self, context, instance, *args, **kwargs):
        self._work("reboot", instance)
        super().reboot(context, instance, *args, **kwargs)

    def instance_on_disk(self, instance):
        # shared storage unless {"instance_on_disk": {"value": false}} was injected
        return faults.find("instance_on_disk", self._host, instance.uuid).get("value", True)

    # Cold migration and resize

    def migrate_disk_and_power_off(self, context, instance, *args, **kwargs):
        self._work("migrate_disk_and_power_off", instance)
        if instance.uuid in self.instances:
            self.instances[instance.uuid].state = power_state.SHUTDOWN
        self._save()
        return "[]"  # disk_info, as libvirt returns it

    def finish_migration(self, context, migration, instance, *args, **kwargs):
        self._work("finish_migration", instance)
        super().finish_migration(context, migration, instance, *args, **kwargs)
        self._save()

    def finish_revert_migration(self, context, instance, *args, **kwargs):
        self._work("finish_revert_migration", instance)
        super().finish_revert_migration(context, instance, *args, **kwargs)
        self._save()

    # Live migration: lasts for the injected delay, and can be aborted or forced to its end
    # meanwhile. The stock FakeLiveMigrateDriver has one flag for all guests of a host.

    def check_can_live_migrate_destination(self, context, instance, *args, **kwargs):
        self._work("check_can_live_migrate_destination", instance)
        return super().check_can_live_migrate_destination(context, instance, *args, **kwargs)

    def pre_live_migration(self, context, instance, *args, **kwargs):
        self._work("pre_live_migration", instance)
        return super().pre_live_migration(context, instance, *args, **kwargs)

    def live_migration(self, context, instance, dest, post_method, recover_method,
                       block_migration=False, migrate_data=None):
        job = self._live_migrations[instance.uuid] = LiveMigration()
        injected = faults.find("live_migration", self._host, instance.uuid)
        try:
            job.ended.wait(float(injected.get("delay", 0)))
            if self.died.is_set():
                raise HostDied(self._host)
            if job.aborted:
                recover_method(context, instance, dest, migrate_data, migration_status="cancelled")
            elif injected.get("fail"):
                # like libvirt: roll back; an exception here would put the server in ERROR
                recover_method(context, instance, dest, migrate_data)
            else:
                post_method(context, instance, dest, block_migration, migrate_data)
        finally:
            self._live_migrations.pop(instance.uuid, None)

    def live_migration_force_complete(self, instance):
        self._live_migration(instance).ended.set()

    def live_migration_abort(self, instance):
        job = self._live_migration(instance)
        self._work("live_migration_abort", instance)
        job.aborted = True
        job.ended.set()

    def _live_migration(self, instance):
        job = self._live_migrations.get(instance.uuid)
        if job is None:
            raise exception.InternalError("no live migration is running")
        return job

    def post_live_migration(self, context, instance, block_device_info, migrate_data=None):
        self.destroy(context, instance, network_info=None, block_device_info=block_device_info)

    def die(self):
        """Stop everything that runs on this host, without a word to anybody."""
        self.died.set()
        for job in list(self._live_migrations.values()):
            job.ended.set()


class LiveMigration:
    """One that is running."""

    def __init__(self):
        self.ended = threading.Event()
        self.aborted = False
