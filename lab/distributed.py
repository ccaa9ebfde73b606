"""The lab with the Mistral that operators run: many processes, and nothing in them patched.

The processes are started by ``mistral-server``, in an environment that has Mistral and this pack's
wheel and nothing of the lab; RabbitMQ and MariaDB are between them, and a real Keystone before
them. ``mistral.conf`` has what the README says and addresses. Each can be killed::

    with DistributedLab(Path("state")) as lab:
        lab.kill("engine1", "rabbitmq")
        lab.start("rabbitmq", "engine1")
"""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab import ini, mistral_files
from lab.broker import Broker, check_installed
from lab.cluster import DEFAULT_HOSTS, Lab
from lab.environments import environment
from lab.mariadb import MariaDB
from lab.ports import DEFAULT_PORTS, check_free
from lab.process import Process, answers, at_once, environment_with
from lab.wheel import install

#: what each process of Mistral is: its name, and what ``mistral-server --server`` is told
SERVERS = {"api": "api", "engine1": "engine", "engine2": "engine",
           "executor1": "executor", "executor2": "executor", "periodic": "periodic"}
PORTS = DEFAULT_PORTS | {"mariadb": 13306, "amqp": 15672, "erlang": 15673, "epmd": 15674}
#: of Mistral, the newest first; what each runs on is in ``requirements/mistralVERSION.txt``
VERSIONS = ("23", "15")
START_TIMEOUT = 240  # seconds; a start takes about 10 beside all the others


class DistributedLab(Lab):
    """A cloud with a Mistral of six processes, RabbitMQ, MariaDB and Keystone.

    Parameters are those of ``Lab``; there is always a Keystone.

    :param version: of Mistral, one of ``VERSIONS``.
    :raises LabError: MariaDB or RabbitMQ is not installed, or as ``Lab``.
    """

    port_names = PORTS
    kind = "distributed"

    def __init__(self, state: Path, hosts: Sequence[str] = DEFAULT_HOSTS,
                 ports: Mapping[str, int] | None = None, version: str = VERSIONS[0], **options):
        check_installed("a Mistral of many processes")
        self.version = version
        self._environment = f"mistral{version}"
        super().__init__(state, hosts, ports, **{**options, "keystone": True})
        # in Mistral 15 it is the API that starts cron triggers
        self.servers = {name: Process(name, self.state) for name in SERVERS
                        if (name, version) != ("periodic", "15")}
        self.mistral = self.servers["api"]
        # letters and digits only: they become part of URLs
        self.database = MariaDB(self.state, self.ports["mariadb"], self._environment,
                                secrets.token_hex(12), durable=True)
        self.broker = Broker(self.state, self.ports, secrets.token_hex(12))

    # Mistral as a whole

    def kill_mistral(self) -> None:
        """End all processes of Mistral with SIGKILL."""
        self.kill(*self.servers)

    def stop_mistral(self) -> int | None:
        """End all processes of Mistral with SIGTERM; return the exit status of its API."""
        at_once(*(process.stop for process in self.servers.values()))
        return self.mistral.exit_status

    def start_mistral(self) -> None:
        """Start all processes of Mistral and wait until they work.

        :raises LabError: one runs, the port is taken, or one does not get ready.
        """
        for process in self.servers.values():
            process.check_down()
        check_free({"mistral": self.ports["mistral"]})
        begins = {name: self._spawn_server(name) for name in self.servers}
        for name, of_log in begins.items():
            self._wait_for_server(name, of_log)

    def down(self) -> None:
        """Stop what runs: SIGTERM, then SIGKILL after 10 seconds. The state is kept."""
        self.stop_mistral()  # without its broker it waits for it instead of ending
        super().down()

    # Inside

    @property
    def _parts(self) -> dict[str, tuple[Process, Callable[[], object]]]:
        others = super()._parts
        del others["mistral"]
        return {
            "mariadb": (self.database.process, self.database.restart),
            "rabbitmq": (self.broker.process, self.broker.restart),
            **others,
            **{name: (process, self._starter(name)) for name, process in self.servers.items()},
        }

    @property
    def _known(self) -> dict[str, object]:
        return super()._known | {"version": self.version}

    @property
    def _processes(self) -> list[Process]:
        return [self.broker.epmd, *super()._processes]

    @property
    def _addresses(self) -> dict[str, str]:
        return super()._addresses | {
            "api": self.mistral_url, "mariadb": f"127.0.0.1:{self.ports['mariadb']}",
            "rabbitmq": f"127.0.0.1:{self.ports['amqp']}"}

    def _starter(self, name: str) -> Callable[[], object]:
        def start() -> None:
            self._wait_for_server(name, self._spawn_server(name))

        return start

    def _spawn_mistral(self) -> None:
        at_once(self._start_database, self.broker.start,
                lambda: install(self._environment, self.state / "product"))
        ini.write(self.state / "mistral.conf", ini.merged(
            mistral_files.configuration(self.state, self.ports["mistral"], self.database.url,
                                        self.broker.url), self._options["mistral"]))
        for name in self.servers:
            self._spawn_server(name)

    def _wait_for_mistral(self) -> None:
        for name in self.servers:
            self._wait_for_server(name, 0)

    def _start_database(self) -> None:
        mistral_files.copy_database(self.database.data, self._environment)
        self.database.start()

    def _spawn_server(self, name: str) -> int:
        """Start a process of Mistral; return where its part of its log begins."""
        process = self.servers[name]
        begins = process.log.stat().st_size if process.log.exists() else 0
        program = environment(self._environment) / "bin" / "mistral-server"
        process.start([str(program), "--config-file", str(self.state / "mistral.conf"),
                       "--server", SERVERS[name]],
                      environment_with(PYTHONPATH=os.pathsep.join(
                          map(str, (self.state / "product", *self.plugins)))))
        return begins

    def _wait_for_server(self, name: str, begins: int) -> None:
        process = self.servers[name]
        process.wait_until(lambda: self._is_ready(name, process.log, begins), START_TIMEOUT)

    def _is_ready(self, name: str, log: Path, begins: int) -> bool:
        if name == "api":
            return answers(self.mistral_url)
        # an engine or an executor has no address; what was in its log before is of another process
        with open(log, "rb") as said:
            said.seek(begins)
            return f"{SERVERS[name].title()} server started".encode() in said.read()
