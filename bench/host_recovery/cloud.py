"""The cloud of the benchmark: one set of servers that moves from host to host."""

import subprocess
import sys
from pathlib import Path

import yaml

from bench.host_recovery.proxy import Proxies
from lab import Lab, ini
from lab.process import ROOT

FIRST = "host1"


class WrongOutcome(Exception):
    """A recovery did not do what was to be measured."""


class Cloud(Lab):
    """A lab that Mistral and the floor reach through counting proxies only.

    Each recovery goes from the host that holds all servers to a fresh, empty one, so that no row
    finds records of an earlier one, and no server is booted twice. No other host is alive.
    """

    def __init__(self, state: Path):
        super().__init__(state, hosts=(FIRST,))
        self.source = FIRST
        self.servers = 0
        self.proxies = Proxies({name: self.ports[name] for name in ("identity", "compute")})
        self._hosts = 1

    @property
    def env(self) -> dict[str, str]:
        return super().env | {"OS_CLIENT_CONFIG_FILE": str(self.state / "proxied.yaml")}

    def up(self, *, fresh: bool = False) -> None:
        """Start the lab and install the pack."""
        super().up(fresh=fresh)
        clouds = yaml.safe_load((self.state / "clouds.yaml").read_text())
        clouds["clouds"]["lab"]["auth"]["auth_url"] = self.proxies.url("identity") + "/v3"
        ini.write_private(Path(self.env["OS_CLIENT_CONFIG_FILE"]), yaml.safe_dump(clouds))
        # the pack of this checkout, even if another one is installed
        environment = self.env | {"PYTHONPATH": str(ROOT)}
        openstack = Path(sys.executable).parent / "openstack"
        subprocess.run([openstack, "recovery", "sync"], env=environment, check=True,
                       stdout=subprocess.DEVNULL)

    def down(self) -> None:
        """Stop the lab and the proxies."""
        super().down()
        self.proxies.close()

    def grow(self, count: int) -> None:
        """Boot what is missing to ``count`` servers on the host that holds them."""
        if self.servers > count:
            raise ValueError(f"there are {self.servers} servers already, {count} were wanted")
        if missing := count - self.servers:
            self.boot_many(missing, self.source, f"of{count}")
        self.servers = count

    def kill_source(self) -> str:
        """Start an empty host and kill the one that holds the servers; return the empty one."""
        self._hosts += 1
        destination = f"host{self._hosts}"
        self.start_host(destination)
        self.kill_host(self.source)
        return destination

    def check(self, destination: str) -> None:
        """See that all servers run on a host, unlocked, and that each was evacuated once.

        :raises WrongOutcome: with what was found instead.
        """
        found = list(self.connection().compute.servers(all_projects=True))
        good = [server for server in found if server.status == "ACTIVE" and not server.is_locked
                and server.compute_host == destination]
        records = self.migrations(self.source)
        done = {record["instance_uuid"] for record in records if record["status"] == "done"}
        if not len(good) == len(done) == len(records) == self.servers:
            raise WrongOutcome(f"of {self.servers} servers, {len(good)} are ACTIVE and unlocked on "
                               f"{destination}; {len(records)} evacuations from {self.source}, "
                               f"{len(done)} of them done")

    def bury(self, destination: str) -> None:
        """Forget the dead host; the next recovery starts from where the servers are now."""
        # a nova-compute that starts removes what was evacuated from it, allocations too; else
        # each server would claim something on every host it ever was on
        self.start_host(self.source)
        self.kill_host(self.source)
        self.source = destination
