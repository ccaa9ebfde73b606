"""The building blocks: Masakari's names, and what is done for them."""

import pytest

from driver.methods.blocks import BLOCKS, OFFERED
from driver.methods.defaults import default_methods
from driver.methods.model import FAILURES

MASAKARIS = {
    "disable_compute_service_task": ("host_auto_failure", "host_rh_failure"),
    "prepare_HA_enabled_instances_task": ("host_auto_failure", "host_rh_failure"),
    "evacuate_instances_task": ("host_auto_failure", "host_rh_failure"),
    "stop_instance_task": ("instance_failure",),
    "start_instance_task": ("instance_failure",),
    "confirm_instance_active_task": ("instance_failure",),
    "disable_compute_node_task": ("process_failure",),
    "confirm_compute_node_disabled_task": ("process_failure",),
    "no_op": FAILURES,
}


def test_each_task_of_masakari_is_a_block_of_its_failures():
    assert {name: tuple(blocks) for name, blocks in BLOCKS.items()} == MASAKARIS


@pytest.mark.parametrize("failure", FAILURES)
def test_the_default_chain_ends_with_a_block_that_reports(failure):
    """Otherwise nobody would say how the recovery ended."""
    phases = default_methods().chains[failure].phases.values()
    found = [BLOCKS[entry.name][failure].reports for entries in phases for entry in entries]
    assert found == [False] * (len(found) - 1) + [True]


def test_what_a_recovery_hands_over_depends_on_the_failure():
    always = {"host", "plan", "report", "results", "failure"}
    assert set(OFFERED["process_failure"]) == always
    assert set(OFFERED["host_auto_failure"]) == set(OFFERED["host_rh_failure"])
    assert set(OFFERED["host_rh_failure"]) == always | {"servers"}
    assert set(OFFERED["instance_failure"]) == always | {"servers", "server"}
