"""Configuration of Nova and Placement for one process, SQLite and no network."""

from pathlib import Path

DATABASES = ("api", "cell0", "cell1", "placement")


def database(directory: Path, name: str) -> dict:
    """Return the options of one database section."""
    return {
        "connection": f"sqlite:///{directory}/{name}.sqlite",
        "max_pool_size": 50,
        # a crash of the machine may lose the cloud of a lab; waiting for the disk would halve it
        "sqlite_synchronous": False,
    }


def nova(state: Path, urls: dict[str, str], token: str) -> dict:
    """Return nova.conf.

    :param state: directory of the databases and of everything Nova writes.
    :param urls: of identity, placement, image and network.
    :param token: what Nova shows to those services.
    """

    def service(name: str, path: str = "") -> dict:
        url = urls[name] + path
        return {"auth_type": "admin_token", "endpoint": url, "endpoint_override": url,
                "token": token}

    return {
        "DEFAULT": {
            "use_stderr": True,
            "default_log_levels": "amqp=WARN,sqlalchemy=WARN,oslo.messaging=INFO,urllib3=WARN,"
                                  "keystoneauth=WARN,stevedore=WARN,oslo_concurrency=WARN,"
                                  "waitress=ERROR,placement.requestlog=WARN,neutronclient=ERROR,"
                                  "nova.thread_pool_factory=ERROR",
            "host": "controller",
            "my_ip": "127.0.0.1",
            "state_path": state,
            "instances_path": state / "instances",
            "transport_url": "fake:///",
            "compute_driver": "lab_hypervisor.LabDriver",
            "service_down_time": 60,  # Nova's default: on a busy machine heartbeats are late
            # no periodic work that would disturb a measurement or repair what a test broke
            "update_resources_interval": 60,
            "sync_power_state_interval": -1,
            "heal_instance_info_cache_interval": -1,
            "shelved_poll_interval": -1,
            "vif_plugging_is_fatal": False,
            "vif_plugging_timeout": 0,
            "shutdown_timeout": 0,
        },
        "api": {"api_paste_config": state / "api-paste.ini", "max_limit": 1000},
        "api_database": database(state, "api"),
        "database": database(state, "cell1"),
        "placement": service("placement"),
        "glance": service("image"),
        "neutron": service("network") | {"default_floating_pool": "public"},
        "keystone": service("identity", "/v3"),
        "quota": {"instances": -1, "cores": -1, "ram": -1},
        "scheduler": {"discover_hosts_in_cells_interval": -1, "workers": 1},
        "filter_scheduler": {"track_instance_changes": False},
        "conductor": {"workers": 1},
        "compute": {"live_migration_wait_for_vif_plug": False},
        "oslo_messaging_notifications": {"driver": "noop"},
        "oslo_concurrency": {"lock_path": state / "locks"},
        "oslo_policy": {"policy_file": state / "policy.yaml"},
        "vnc": {"enabled": False},
        "spice": {"enabled": False},
    }


def placement(state: Path, *, create: bool = False) -> dict:
    """Return placement.conf; ``create``: make the tables when Placement starts."""
    return {
        "DEFAULT": {"use_stderr": True},
        "api": {"auth_strategy": "noauth2"},
        "placement_database": database(state, "placement") | {"sync_on_startup": create},
    }


#: Nova's own pipeline without keystonemiddleware: ``lab.identity.RequireToken`` is around it.
API_PASTE = """\
[composite:osapi_compute]
use = call:nova.api.openstack.urlmap:urlmap_factory
/: versions
/v2.1: version_v2
/v2.1/+: v21
[composite:v21]
use = call:nova.api.auth:pipeline_factory_v21
keystone = compute_req_id faultwrap request_log sizelimit keystonecontext app_v21
[filter:request_log]
paste.filter_factory = nova.api.openstack.requestlog:RequestLog.factory
[filter:compute_req_id]
paste.filter_factory = nova.api.compute_req_id:ComputeReqIdMiddleware.factory
[filter:faultwrap]
paste.filter_factory = nova.api.openstack:FaultWrapper.factory
[filter:sizelimit]
paste.filter_factory = oslo_middleware:RequestBodySizeLimiter.factory
[filter:keystonecontext]
paste.filter_factory = nova.api.auth:NovaKeystoneContext.factory
[app:app_v21]
paste.app_factory = nova.api.openstack.compute:APIRouterV21.factory
[pipeline:versions]
pipeline = faultwrap versionapp
[pipeline:version_v2]
pipeline = compute_req_id faultwrap versionapp_v2
[app:versionapp]
paste.app_factory = nova.api.openstack.compute.versions:Versions.factory
[app:versionapp_v2]
paste.app_factory = nova.api.openstack.compute.versions:VersionsV2.factory
"""
