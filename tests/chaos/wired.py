"""A distributed lab with wires between Mistral and what it talks to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.distributed import DistributedLab
from lab.ports import choose, url
from lab.wire import Wire


class WiredLab(DistributedLab):
    """It has `wires`: to Nova's API (in the catalog), to MariaDB and to RabbitMQ (of Mistral)."""

    def __init__(self, state: Path, hosts: Sequence[str], **options: Any) -> None:
        ports = choose({}, self.port_names)
        super().__init__(state, hosts, ports, **options)
        self.wires = {
            "nova": Wire(ports["compute"]),
            "mariadb": Wire(ports["mariadb"]),
            "rabbitmq": Wire(ports["amqp"]),
        }
        for part, port in ((self.database, "mariadb"), (self.broker, "rabbitmq")):
            target = ports["amqp" if port == "rabbitmq" else port]
            part.url = part.url.replace(f":{target}/", f":{self.wires[port].port}/")

    @property
    def nova_url(self) -> str:
        return url(self.wires["nova"].port) + "/v2.1"

    def down(self) -> None:
        super().down()
        for wire in self.wires.values():
            wire.close()
