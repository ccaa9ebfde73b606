"""The lab as one object: start it, stop it, break it, look into it."""

import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lab import accounts, ini, servers
from lab.errors import LabError
from lab.nova_client import Nova
from lab.ports import DEFAULT_PORTS, NOVA_PORTS, check_free, choose, url
from lab.process import Process, answers, at_once, environment_with, opener

if TYPE_CHECKING:
    import openstack

DEFAULT_HOSTS = ("compute1", "compute2", "compute3", "compute4")
START_TIMEOUT = 120  # seconds; a start takes about 5, the first one of a checkout about 10


class Lab:
    """A cloud with Mistral, in a state directory.

    :param state: directory for databases, configuration and logs. What an earlier lab left there
        is used again.
    :param hosts: names of the compute hosts.
    :param ports: by name (``lab.ports.DEFAULT_PORTS``); names left out get free ports.
    :param mistral_options: ``{group: {option: value}}`` for mistral.conf.
    :param nova_options: the same for nova.conf.
    :param keystone: a real Keystone, and Mistral and Nova behind it. Else a stand-in answers for
        Nova, and Mistral asks nobody for a token.
    :param keystone_options: the same for keystone.conf.
    :param plugins: directories with packages of others (``pip install --target DIR``) whose
        actions Mistral, and only Mistral, loads as well.
    :raises LabError: an unknown port name, or a plugin that is no directory.
    """

    #: what its processes listen at
    port_names: ClassVar[Mapping[str, int]] = DEFAULT_PORTS
    kind = "plain"  # and its subclasses have other names

    def __init__(self, state: Path, hosts: Sequence[str] = DEFAULT_HOSTS,
                 ports: Mapping[str, int] | None = None,
                 mistral_options: ini.Sections | None = None,
                 nova_options: ini.Sections | None = None,
                 keystone: bool = False, keystone_options: ini.Sections | None = None,
                 plugins: Sequence[Path | str] = ()):
        self.state = Path(state).resolve()
        self.hosts = tuple(hosts)
        self.ports = choose(ports or {}, self.port_names)
        self.plugins = tuple(_plugin(path) for path in plugins)
        self._options = {"mistral": mistral_options or {}, "nova": nova_options or {},
                         "keystone": keystone_options or {}}
        self.keystone = Process("keystone", self.state) if keystone else None
        self.mistral = Process("mistral", self.state)
        self.nova = Process("nova", self.state)
        self._nova_client: Nova | None = None
        self._connection: openstack.connection.Connection | None = None

    @classmethod
    def attach(cls, state: Path) -> "Lab":
        """Return the lab that was started with this state directory, also by another process.

        :raises LabError: there is none.
        """
        try:
            known = json.loads((Path(state) / "lab.json").read_text())
        except OSError as error:
            raise LabError(f"no lab was started in {state}") from error
        if known.pop("kind") == cls.kind:
            return cls(state, **known)
        from lab.distributed import DistributedLab  # a subclass: it imports this module

        return DistributedLab(state, **known)

    def __enter__(self) -> "Lab":
        self.up()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.down()

    # Where it is

    @property
    def identity_url(self) -> str:
        return url(self.ports["identity"]) + "/v3"

    @property
    def nova_url(self) -> str:
        return url(self.ports["compute"]) + "/v2.1"

    @property
    def mistral_url(self) -> str:
        return url(self.ports["mistral"]) + "/v2"

    @property
    def control_url(self) -> str:
        return url(self.ports["control"])

    @property
    def env(self) -> dict[str, str]:
        """Return what the administrator's clients need in their environment."""
        return self.environment_of("lab")

    def environment_of(self, cloud: str) -> dict[str, str]:
        """Return what clients need in their environment to act as somebody.

        :param cloud: a name of the ``clouds.yaml`` of the lab.
        """
        config = {"OS_CLIENT_CONFIG_FILE": str(self.state / "clouds.yaml"), "OS_CLOUD": cloud}
        if self.keystone is None:
            return config | {"OS_MISTRAL_URL": self.mistral_url}
        # the mistral client does not know clouds.yaml
        auth = accounts.read(self.state / "clouds.yaml")[cloud]["auth"]
        return config | {f"OS_{key.upper()}": value for key, value in auth.items()} | {
            "OS_IDENTITY_API_VERSION": "3", "OS_REGION_NAME": "RegionOne"}

    # Up and down

    def up(self, *, fresh: bool = False) -> None:
        """Start all processes and wait until all answer.

        :param fresh: forget what an earlier lab left in the state directory.
        :raises LabError: one runs already, a port is taken (nothing was started then), or a
            process ended or did not answer (everything is stopped again).
        """
        for process in self._processes:
            if process.pid is not None:
                raise LabError(f"the lab in {self.state} is up already "
                               f"({process.name} has PID {process.pid})")
        check_free(self.ports)
        if fresh:
            self._forget()
        self.state.mkdir(parents=True, exist_ok=True)
        self._write_files()
        try:
            if self.keystone is not None:
                self._spawn_keystone(self.keystone)
            self._spawn_nova()
            self._spawn_mistral()
            if self.keystone is not None:
                self._wait_for(self.keystone, self.identity_url)
                self._fill_keystone()
            self._wait_for_mistral()
            self._wait_for(self.nova, self.control_url)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Stop what runs: SIGTERM, then SIGKILL after 10 seconds. The state is kept."""
        for client in (self._nova_client, self._connection):
            if client is not None:
                client.close()
        self._nova_client = self._connection = None
        at_once(*(process.stop for process in self._processes))

    def status(self) -> list[dict]:
        """Return name, pid, running, url and memory (MB) of each process."""
        return [process.row(self._addresses.get(process.name, "")) for process in self._processes]

    def kill(self, *names: str) -> None:
        """End processes with SIGKILL, all at the same moment.

        :param names: as ``status`` shows them.
        :raises LabError: a name is unknown.
        """
        at_once(*(self._part(name)[0].kill for name in names))

    def start(self, *names: str) -> None:
        """Start processes that were killed, each when the one before it works.

        :param names: as ``status`` shows them.
        :raises LabError: a name is unknown, or one runs, has ended, or did not get ready.
        """
        for process, start in [self._part(name) for name in names]:
            process.check_down()
            start()

    def kill_mistral(self) -> None:
        """End the Mistral process with SIGKILL."""
        self.mistral.kill()

    def stop_mistral(self) -> int | None:
        """End the Mistral process with SIGTERM; return its exit status if this object knows it."""
        self.mistral.stop()
        return self.mistral.exit_status

    def start_mistral(self) -> None:
        """Start Mistral again on the same database and wait until it answers.

        :raises LabError: it runs, its port is taken, or it does not answer.
        """
        check_free({"mistral": self.ports["mistral"]})
        self.start("mistral")

    # Hosts and faults

    def kill_host(self, name: str, noticed: bool = True) -> None:
        """Kill a host: no RPC, no heartbeat, no clean-up, whatever it was doing.

        :param noticed: Nova shows it down, as if it had happened a while ago; else only when
            ``service_down_time`` (60 seconds) has passed.
        :raises LabError: it is not running.
        """
        self._control("POST", f"/hosts/{name}/{'kill' if noticed else 'kill-unnoticed'}")

    def start_host(self, name: str) -> None:
        """Start a host that was killed, or a new one; then Nova has seen its heartbeat."""
        self._control("POST", f"/hosts/{name}/start")

    def set_faults(self, faults: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace all injected faults.

        :param faults: ``{host | server uuid | "*": {operation: {"delay": seconds,
            "fail": text}}}``; operations are listed in ``lab.faults``. The key ``"nova"`` lets
            requests of Nova's API meet a cell that is down: see ``lab.cell_down.Fault``.
        :raises LabError: an operation, a resource or a key is unknown.
        """
        self._control("PUT", "/faults", faults)

    def running_hosts(self) -> list[str]:
        """Return the names of the hosts that were not killed."""
        return self._control("GET", "/")["hosts"]

    # Keystone

    def add_user(self, name: str, project: str, *roles: str) -> str:
        """Give a user, made if need be, roles on a project, made if need be.

        :returns: the name of the user's cloud in ``clouds.yaml``.
        """
        clouds = accounts.read(self.state / "clouds.yaml")
        cloud = f"lab-{name}"
        clouds.setdefault(cloud, accounts.cloud(self.identity_url, name, project))
        accounts.write(self.state / "clouds.yaml", clouds)
        self._administrator().add_user(name, clouds[cloud]["auth"]["password"], project, roles)
        return cloud

    def add_service(self, kind: str, name: str, url: str) -> None:
        """Put a service into the catalog of the real Keystone."""
        self._administrator().add_service(kind, name, url)

    def _administrator(self) -> accounts.Keystone:
        return accounts.Keystone(accounts.read(self.state / "clouds.yaml")["lab"]["auth"])

    # Nova

    def connection(self) -> "openstack.connection.Connection":
        """Return a connection as the administrator; it is closed by ``down``."""
        import openstack  # takes half a second, which most commands can do without

        if self._connection is None:
            config = openstack.config.OpenStackConfig(
                config_files=[str(self.state / "clouds.yaml")], load_envvars=False)
            self._connection = openstack.connection.Connection(
                config=config.get_one(cloud="lab"))
        return self._connection

    def boot(self, name: str, host: str, *, metadata: Mapping[str, str] | None = None,
             power: str = "running", locked: bool = False, wait: bool = True) -> dict:
        """Boot a server on a host and bring it into a state: see ``lab.servers.boot``."""
        return servers.boot(self._nova, name, host, metadata=metadata, power=power,
                            locked=locked, wait=wait)

    def boot_many(self, count: int, host: str, prefix: str) -> list[dict]:
        """Boot servers ``PREFIX-1``, ``PREFIX-2``, ... on a host, all at once."""
        return servers.boot_many(self._nova, count, host, prefix)

    def migrations(self, source_host: str) -> list[dict]:
        """Return Nova's records of evacuations away from a host, oldest first."""
        path = f"/os-migrations?migration_type=evacuation&source_compute={source_host}"
        found = self._nova.call("GET", path)["migrations"]
        return sorted(found, key=lambda migration: migration["id"])

    # Inside

    @property
    def _parts(self) -> dict[str, tuple[Process, Callable[[], object]]]:
        """Return its processes by name, each with what starts it again and waits for it."""
        def nova() -> None:
            self._spawn_nova()
            self._wait_for(self.nova, self.control_url)

        def mistral() -> None:
            self._spawn_mistral()
            self._wait_for_mistral()

        parts = {"nova": (self.nova, nova), "mistral": (self.mistral, mistral)}
        if (keystone := self.keystone) is None:
            return parts

        def identity() -> None:
            self._spawn_keystone(keystone)
            self._wait_for(keystone, self.identity_url)

        return {"keystone": (keystone, identity), **parts}

    def _part(self, name: str) -> tuple[Process, Callable[[], object]]:
        if name not in self._parts:
            raise LabError(f"no process {name!r}; there are {', '.join(self._parts)}")
        return self._parts[name]

    @property
    def _processes(self) -> list[Process]:
        return [process for process, _start in self._parts.values()]

    @property
    def _addresses(self) -> dict[str, str]:
        return {"keystone": self.identity_url, "nova": self.nova_url, "mistral": self.mistral_url}

    @property
    def _nova(self) -> Nova:
        if self._nova_client is None:
            self._nova_client = Nova(accounts.read(self.state / "clouds.yaml")["lab"]["auth"])
        return self._nova_client

    def _forget(self) -> None:
        if (self.state / "lab.json").exists():  # or it is a directory of somebody else
            shutil.rmtree(self.state)

    @property
    def _known(self) -> dict[str, object]:
        """Return what the next start, and whoever attaches, must know: the parameters."""
        return {"kind": self.kind, "hosts": self.hosts, "ports": self.ports,
                "mistral_options": self._options["mistral"],
                "nova_options": self._options["nova"],
                "keystone": self.keystone is not None,
                "keystone_options": self._options["keystone"],
                "plugins": [str(path) for path in self.plugins]}

    def _write_files(self) -> None:
        (self.state / "lab.json").write_text(json.dumps(self._known, indent=1, default=str))
        # who was given an account keeps it over a stop and start
        path = self.state / "clouds.yaml"
        known = accounts.read(path) if self.keystone and path.exists() else {}
        accounts.write(path, accounts.clouds(self.identity_url) | known)

    def _fill_keystone(self) -> None:
        """Make the accounts and the catalog; what is there already stays."""
        keystone = self._administrator()
        keystone.add_accounts(accounts.read(self.state / "clouds.yaml"))
        for kind, name, address in (
            ("identity", "keystone", self.identity_url), ("compute", "nova", self.nova_url),
            ("image", "glance", url(self.ports["image"])),
            ("network", "neutron", url(self.ports["network"])),
            ("workflowv2", "mistral", self.mistral_url), ("workflow", "mistral", self.mistral_url),
        ):
            keystone.add_service(kind, name, address)

    def _spawn_keystone(self, process: Process) -> None:
        self._spawn(process, [sys.executable, "-m", "lab.keystone_server", "--state",
                              str(self.state), "--port", str(self.ports["identity"])], {})

    def _spawn_nova(self) -> None:
        command = [sys.executable, "-m", "lab.nova_server", "--state", str(self.state),
                   "--hosts", ",".join(self.hosts), "--workflow-url", self.mistral_url]
        for name in NOVA_PORTS:
            command += [f"--{name}-port", str(self.ports[name])]
        self._spawn(self.nova, command + self._keystone_flag, {})

    def _spawn_mistral(self) -> None:
        command = [sys.executable, "-m", "lab.mistral_server", "--state", str(self.state),
                   "--port", str(self.ports["mistral"])]
        # without tokens, the pack's actions reach the Nova of the lab through this environment
        extra = {} if self.keystone else self.env
        self._spawn(self.mistral, command + self._keystone_flag,
                    extra | self._plugin_environment())

    @property
    def _keystone_flag(self) -> list[str]:
        return ["--keystone"] if self.keystone else []

    def _wait_for_mistral(self) -> None:
        self._wait_for(self.mistral, self.mistral_url)

    def _plugin_environment(self) -> dict[str, str]:
        """Return what makes a Python process find the plugins, their entry points included."""
        paths = [*map(str, self.plugins), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(filter(None, paths))} if self.plugins else {}

    def _spawn(self, process: Process, command: list[str], extra: Mapping[str, str]) -> None:
        for option in ini.format_options(self._options[process.name]):
            command += ["--option", option]
        process.start(command, environment_with(**extra))

    def _wait_for(self, process: Process, address: str) -> None:
        process.wait_until(lambda: answers(address), START_TIMEOUT)

    def _control(self, method: str, path: str, body: object = None) -> dict:
        request = urllib.request.Request(
            self.control_url + path, method=method,
            data=None if body is None else json.dumps(body).encode())
        try:
            with opener.open(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise LabError(json.load(error)["error"]["message"]) from error
        except OSError as error:
            raise LabError(f"the lab in {self.state} does not answer: {error}") from error


def _plugin(path: Path | str) -> Path:
    # a path that does not exist would be passed over in silence, and its actions be missing
    if not Path(path).is_dir():
        raise LabError(f"plugin {path} is not a directory; make it with "
                       "pip install --target DIRECTORY PACKAGE")
    return Path(path).resolve()
