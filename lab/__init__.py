"""The lab: a real Mistral and a real Nova with fake hypervisors, on the loopback interface.

Two processes, no broker, no database server. Real are Mistral's engine, executor and API, Nova's
API, conductor, scheduler and compute managers, and Placement. Made up are identity, image and
network (stubs) and the hypervisors, whose hosts can be killed and whose operations can be delayed
and made to fail while they run::

    with Lab(Path("state")) as lab:
        lab.boot("web", "compute1")
        lab.kill_host("compute1")

On the command line: ``python -m lab --help``.
"""

from lab.cluster import Lab
from lab.errors import LabError

__all__ = ["Lab", "LabError"]
