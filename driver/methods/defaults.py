"""What is done about a failure that the operator says nothing about: what Masakari does."""

from collections.abc import Mapping, Sequence

from driver.methods.model import FAILURES, PHASES, ChainEntry, MethodChain, Methods
from driver.text.problems import Place

DEFAULTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "instance_failure": {
        "pre": ["stop_instance_task"],
        "main": ["start_instance_task"],
        "post": ["confirm_instance_active_task"],
    },
    "process_failure": {
        "pre": ["disable_compute_node_task"],
        "main": ["confirm_compute_node_disabled_task"],
    },
    "host_auto_failure": {
        "pre": ["disable_compute_service_task"],
        "main": ["prepare_HA_enabled_instances_task"],
        "post": ["evacuate_instances_task"],
    },
    "host_rh_failure": {
        "pre": ["disable_compute_service_task"],
        "main": ["prepare_HA_enabled_instances_task", "evacuate_instances_task"],
    },
}


def default_chain(failure: str, file: str) -> MethodChain:
    """Return the chain of a failure that a file says nothing about.

    :param failure: one of ``FAILURES``.
    :param file: the file, for messages about the chain's entries.
    """
    place, names = Place(file, path=failure), DEFAULTS[failure]
    phases = {
        phase: tuple(ChainEntry(name, place) for name in names.get(phase, ())) for phase in PHASES
    }
    return MethodChain(failure, None, phases)


def default_methods() -> Methods:
    """Return the recovery methods of an operator who has no file."""
    chains = {failure: default_chain(failure, "the defaults") for failure in FAILURES}
    return Methods(None, chains, {})
