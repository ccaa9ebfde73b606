"""The compute hosts of the lab: nova-compute services that share one process."""

import datetime
import logging
import sys
import threading

from nova import context, objects, service
from nova.compute import rpcapi
from nova.conf import CONF
from nova.objects import host_mapping

from lab import hypervisor

LOG = logging.getLogger(__name__)

# Nova loads compute drivers from its own package only.
sys.modules["nova.virt.lab_hypervisor"] = hypervisor


class ComputeHosts:
    """Starts hosts, and kills them as a power failure would."""

    def __init__(self):
        self._running = {}
        self._lock = threading.RLock()

    def names(self):
        return sorted(self._running)

    def start(self, names):
        """Start nova-compute on hosts; new names are new hosts. Running ones are left alone."""
        with self._lock:
            for name in [name for name in names if name not in self._running]:
                compute = service.Service.create(
                    host=name, binary="nova-compute",
                    topic=rpcapi.RPC_TOPIC, topic_alt=rpcapi.RPC_TOPIC_ALT,
                )
                compute.start()
                self._running[name] = compute
                LOG.info("host %s started", name)
            host_mapping.discover_hosts(context.get_admin_context())

    def kill(self, name, noticed=True):
        """No RPC, no heartbeat, no clean-up from here on. ``KeyError`` if it is not running.

        ``noticed``: as if it had happened ``service_down_time`` ago, so that Nova shows it down.
        """
        with self._lock:
            compute = self._running.pop(name)
            compute.manager.driver.die()
            compute.tg.stop()
            compute.rpcserver.stop()
            compute.rpcserver_alt.stop()
            if noticed:
                self._age_heartbeat(name)
            LOG.info("host %s killed", name)

    @staticmethod
    def _age_heartbeat(name):
        record = objects.Service.get_by_host_and_binary(
            context.get_admin_context(), name, "nova-compute")
        record.last_seen_up -= datetime.timedelta(seconds=CONF.service_down_time)
        record.save()
