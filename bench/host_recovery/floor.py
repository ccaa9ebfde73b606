"""The floor: evacuate a host with as few requests as it takes, and nothing else.

``python -m bench.host_recovery.floor SOURCE DESTINATION CONCURRENCY`` with ``OS_CLOUD`` set;
DESTINATION ``-`` leaves it to the scheduler. Prints JSON: when it began and ended
(``time.monotonic``) and what it used.
"""

import json
import resource
import sys
import time

from keystoneauth1 import adapter
from openstack.config import loader

MICROVERSION = "2.79"  # that of the pack
INTERVAL = 1  # seconds between two looks
ENDED = {"done", "completed", "failed", "error", "cancelled"}


def connect():
    """Return Nova on one session, as the cloud of the environment."""
    cloud = loader.OpenStackConfig().get_one()
    return adapter.Adapter(cloud.get_session(), service_type="compute",
                           region_name=cloud.region_name, default_microversion=MICROVERSION)


def evacuate_all(nova, source, destination, concurrency):
    """Evacuate all servers of a host, at most ``concurrency`` at a time."""
    query = {"all_tenants": 1, "host": source}
    servers = nova.get("/servers/detail", params=query).json()["servers"]
    body = {"evacuate": {"host": destination} if destination else {}}
    started = ended = 0
    while ended < len(servers):
        due = time.monotonic() + INTERVAL
        for server in servers[started:ended + concurrency]:
            nova.post(f"/servers/{server['id']}/action", json=body)
            started += 1
        time.sleep(max(0, due - time.monotonic()))
        ended = count_ended(nova, source)


def count_ended(nova, source):
    # never with changes-since: it hides a record that nobody has updated yet
    query = {"migration_type": "evacuation", "source_compute": source}
    records = nova.get("/os-migrations", params=query).json()["migrations"]
    return sum(record["status"] in ENDED for record in records)


def main(source, destination, concurrency):
    nova = connect()
    before = time.process_time()  # reading Python's modules is no part of it
    began = time.monotonic()
    evacuate_all(nova, source, None if destination == "-" else destination, int(concurrency))
    print(json.dumps({"began": began, "ended": time.monotonic(),
                      "cpu": time.process_time() - before,
                      "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
