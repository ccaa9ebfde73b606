"""Ironic and Cinder on the loopback interface, in the shapes of their published references.

https://docs.openstack.org/api-ref/baremetal/ and /block-storage/v3/: the lab runs neither.
"""

import types

NODE = "9a2f0d5c-0000-4000-8000-000000000001"
VOLUME = "6edbc2f4-0000-4000-8000-000000000002"
NODE_PATH = f"/baremetal/v1/nodes/{NODE}"
POWER_PATH = f"{NODE_PATH}/states/power"
VOLUME_PATH = f"/volume/v3/p/volumes/{VOLUME}"
ACTION_PATH = f"{VOLUME_PATH}/action"
POOLS_PATH = "/volume/v3/p/scheduler-stats/get_pools"
TYPES_PATH = "/volume/v3/p/types"


def add_services(stub):
    """Put both into the catalogue, and answer what their clients ask first."""
    _, body = stub._about_token(
        types.SimpleNamespace(
            method="GET", path="/identity", headers={"x-auth-token": next(iter(stub.tokens))}
        )
    )
    for kind, path in (("baremetal", "/baremetal"), ("volumev3", "/volume/v3/p")):
        body["token"]["catalog"].append(
            {
                "type": kind,
                "id": kind,
                "name": kind,
                "endpoints": [
                    {
                        "id": kind,
                        "interface": "public",
                        "region_id": "one",
                        "region": "one",
                        "url": f"{stub.url}{path}",
                    }
                ],
            }
        )
    stub.answers["GET", "/identity/v3/auth/tokens"] = [(200, body)]
    version = {
        "id": "v1",
        "status": "CURRENT",
        "version": "1.90",
        "min_version": "1.1",
        "links": [{"rel": "self", "href": f"{stub.url}/baremetal/v1/"}],
    }
    root = {"name": "OpenStack Ironic API", "versions": [version], "default_version": version}
    stub.answers["GET", "/baremetal"] = [(200, root)]


def context_of(stub):
    """Return the action context of a workflow that somebody started with a token."""
    return types.SimpleNamespace(
        security=types.SimpleNamespace(
            auth_uri=f"{stub.url}/identity/v3",
            auth_token="token-of-the-caller",
            region_name="one",
            insecure=False,
            auth_cacert=None,
        )
    )


def node(power="power on", target=None, error=None):
    """Return a node as `GET /v1/nodes/{id}` shows it, less what is not about its power."""
    return 200, {
        "uuid": NODE,
        "name": "rack1-u7",
        "power_state": power,
        "target_power_state": target,
        "last_error": error,
        "maintenance": False,
        "provision_state": "active",
        "reservation": None,
    }


def volume(host="lvm@one#pool", kind="fast", status="in-use", migration=None):
    """Return a volume as `GET /v3/{project}/volumes/{id}` shows it to an administrator."""
    return 200, {
        "volume": {
            "id": VOLUME,
            "name": "data",
            "status": status,
            "volume_type": kind,
            "migration_status": migration,
            "os-vol-host-attr:host": host,
            "os-vol-mig-status-attr:migstat": migration,
            "os-vol-mig-status-attr:name_id": None,
            "attachments": [],
            "size": 1,
        }
    }


POOLS = (
    200,
    {"pools": [{"name": "lvm@one#pool"}, {"name": "lvm@two#pool"}, {"name": "ceph@all#vms"}]},
)
TYPES = (200, {"volume_types": [{"id": "t1", "name": "fast"}, {"id": "t2", "name": "slow"}]})
