"""The lab with a real Senlin: its four services, their broker and their database server.

Around a lab with a real Keystone, so that a cluster's trust, its tokens and its servers are real:
a node is a server of the lab's Nova, and is really rebuilt, killed and evacuated::

    with SenlinLab(Path("state")) as lab:
        lab.kill("engine")
        lab.start("engine")
"""

import json
import re
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab import accounts, broker, ini, senlin_files
from lab.broker import Broker
from lab.cluster import DEFAULT_HOSTS, Lab
from lab.environments import environment
from lab.errors import LabError
from lab.mariadb import MariaDB
from lab.ports import check_free, choose, url
from lab.process import Process, answers, at_once
from lab.wheel import install

#: in the order in which they are started; they are stopped the other way round
SERVICES = ("conductor", "engine", "health-manager", "api")
PORTS = {"clustering": 18777, "mariadb": 13306, "amqp": 15672, "erlang": 15673, "epmd": 15674}
START_TIMEOUT = 240  # seconds; a start takes about 10 beside all the others
ROLES = ("admin", "service")


def missing() -> str | None:
    """Return a sentence about what this machine lacks for a Senlin, None if nothing."""
    return broker.missing("a Senlin")


class SenlinLab:
    """A lab with Keystone, and Senlin with this pack beside it.

    :param state: as of ``Lab``; Senlin's part is in ``senlin`` below.
    :param hosts: names of the compute hosts.
    :param ports: by name, those of ``Lab`` and those in ``PORTS``; names left out get free ones.
    :param senlin_options: ``{group: {option: value}}`` for senlin.conf.
    :param lab_options: everything else that ``Lab`` takes.
    :raises LabError: MariaDB or RabbitMQ is not installed, or a port name is unknown.
    """

    def __init__(self, state: Path, hosts: Sequence[str] = DEFAULT_HOSTS,
                 ports: Mapping[str, int] | None = None,
                 senlin_options: ini.Sections | None = None, **lab_options):
        broker.check_installed("a Senlin")
        ports = ports or {}
        options = {"keystone": True} | lab_options
        self.lab = Lab(state, hosts, {name: port for name, port in ports.items()
                                      if name not in PORTS}, **options)
        self.state = self.lab.state / "senlin"
        own = {name: port for name, port in ports.items() if name in PORTS}
        self.ports = choose(own, PORTS, taken=self.lab.ports.values())
        self._options = senlin_options or {}
        # letters and digits only: they become part of URLs
        self.database = MariaDB(self.state, self.ports["mariadb"], "senlin", secrets.token_hex(12))
        self.broker = Broker(self.state, self.ports, secrets.token_hex(12))
        self.services = {name: Process(f"senlin-{name}", self.state) for name in SERVICES}

    @staticmethod
    def is_in(state: Path) -> bool:
        """Return whether the lab in a state directory was started with a Senlin."""
        return (Path(state) / "senlin" / "senlin.json").exists()

    @staticmethod
    def leave(state: Path) -> None:
        """Remember that the lab in a state directory is started without its Senlin."""
        (Path(state) / "senlin" / "senlin.json").unlink(missing_ok=True)

    @classmethod
    def attach(cls, state: Path) -> "SenlinLab":
        """Return the lab that was started with this state directory, also by another process.

        :raises LabError: there is none with a Senlin.
        """
        try:
            known = json.loads((Path(state) / "senlin" / "senlin.json").read_text())
        except OSError as error:
            raise LabError(f"no lab with a Senlin was started in {state}") from error
        found = cls(state, **known)
        found.lab = Lab.attach(state)
        return found

    def __enter__(self) -> "SenlinLab":
        self.up()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.down()

    # Where it is

    @property
    def url(self) -> str:
        return url(self.ports["clustering"])

    @property
    def env(self) -> dict[str, str]:
        """Return what the administrator's clients need in their environment."""
        return self.lab.env

    # Up and down

    def up(self, *, fresh: bool = False) -> None:
        """Start everything and wait until it answers.

        :param fresh: forget what an earlier lab left in the state directory.
        :raises LabError: it runs already, a port is taken (nothing was started then), or
            something ended or did not answer (everything is stopped again).
        """
        for process in self._processes:
            if process.pid is not None:
                raise LabError(f"the lab in {self.lab.state} is up already "
                               f"({process.name} has PID {process.pid})")
        check_free(self.ports)
        if fresh and (self.lab.state / "lab.json").exists():
            shutil.rmtree(self.lab.state)
        try:
            self._write_files()
            # most of each start is waiting for one processor, but never for the same thing
            at_once(self.lab.up, self._start_services)
            self._register()
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Stop what runs. The state is kept."""
        # without its broker a Senlin waits for it instead of ending
        at_once(*(self.services[name].stop for name in SERVICES))
        at_once(self.lab.down, self.broker.stop, self.database.stop)

    def status(self) -> list[dict]:
        """Return name, pid, running, url and memory (MB) of each process."""
        addresses = {"senlin-api": self.url, "mariadb": f"127.0.0.1:{self.ports['mariadb']}",
                     "rabbitmq": f"127.0.0.1:{self.ports['amqp']}"}
        return self.lab.status() + [process.row(addresses.get(process.name, ""))
                                    for process in self._processes]

    # Its services

    def start(self, service: str) -> None:
        """Start a service of Senlin and wait until it works.

        :param service: ``conductor``, ``engine``, ``health-manager`` or ``api``.
        :raises LabError: it runs already, ended, or did not get ready.
        """
        process = self._service(service)
        process.check_down()
        seen = process.log.stat().st_size if process.log.exists() else 0
        venv = environment("senlin")
        process.start([str(venv / "bin" / "python"), str(venv / "bin" / f"senlin-{service}"),
                       "--config-file", str(self.state / "senlin.conf")],
                      senlin_files.process_environment(self.state))
        process.wait_until(lambda: self._is_ready(service, process, seen), START_TIMEOUT)

    def stop(self, service: str) -> None:
        """End a service with SIGTERM."""
        self._service(service).stop(30)

    def kill(self, *services: str) -> None:
        """End services with SIGKILL, all at the same moment."""
        at_once(*(self._service(name).kill for name in services))

    # Inside

    @property
    def _processes(self) -> list[Process]:
        return [self.database.process, self.broker.epmd, self.broker.process,
                *self.services.values()]

    def _service(self, name: str) -> Process:
        if name not in self.services:
            raise LabError(f"no service {name!r} of Senlin; there are {', '.join(SERVICES)}")
        return self.services[name]

    def _write_files(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        known = {"ports": self.lab.ports | self.ports, "senlin_options": self._options,
                 "hosts": self.lab.hosts}
        (self.state / "senlin.json").write_text(json.dumps(known, indent=1, default=str))
        # Senlin's own account before there is a Keystone, so that all can start at once
        path = self.lab.state / "clouds.yaml"
        clouds = accounts.read(path) if path.exists() else {}
        account = clouds.setdefault(
            "lab-senlin", accounts.cloud(self.lab.identity_url, "senlin", "service"))
        accounts.write(path, clouds)
        senlin_files.write(self.state, ini.merged(
            senlin_files.configuration(self.state, account["auth"], self.database.url,
                                       self.broker.url, self.ports["clustering"]),
            self._options))

    def _start_services(self) -> None:
        # none of them asks Keystone for anything before it is asked itself
        at_once(self._start_database, self.broker.start, self._install)
        at_once(*(self._starter(name) for name in SERVICES))

    def _start_database(self) -> None:
        senlin_files.copy_database(self.database.data)
        self.database.start()

    def _install(self) -> None:
        # what it needs in a Senlin is there; tests/senlin shows that plain pip adds what is not,
        # and changes nothing
        install("senlin", self.state / "product")

    def _register(self) -> None:
        self.lab.add_user("senlin", "service", *ROLES)
        self.lab.add_service("clustering", "senlin", self.url)

    def _starter(self, service: str) -> Callable[[], None]:
        return lambda: self.start(service)

    def _is_ready(self, service: str, process: Process, seen: int) -> bool:
        if service == "api":
            return answers(self.url)
        # no other service has an address; what was in the log before is of an earlier process
        with open(process.log, errors="replace") as log:
            log.seek(seen)
            started = re.search(rf"Starting senlin-{service} service .* id: ([\w-]+)", log.read())
        if started is None:
            return False
        # It says so before the broker knows it: what it is asked until then is lost, or refused
        # ("no exchange 'senlin-engine_fanout'"). It takes messages only when it has all its queues.
        name = senlin_files.HOST if service == "conductor" else started[1]
        return self.broker.consumers(f"senlin-{service}.{name}") > 0

