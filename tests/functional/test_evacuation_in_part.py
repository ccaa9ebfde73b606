"""Servers are evacuated exactly once though Nova leaves them out of its lists now and then.

When the machine that died carried a controller as well, the database of Nova's cell does not answer
for moments; a list then lacks the cell's records, with status 200. Here every second list of
migrations and of servers is such a list. Of the tests of evacuation, those run again in which a
missing record costs most:

* servers that were stopped, in ERROR or locked: all is restored from records, and unlocked by lists
* a Mistral that is killed in the middle, and a recovery that a second one finishes: what was begun
  is known from Nova alone
* a reserved host that fails, and servers that all fail at first: failures of an earlier attempt are
  told from those of this one by the records
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from lab import Lab
from mistral_actions.servers.state import is_our_lock
from tests.functional import (
    test_recovery_keeps_states,
    test_recovery_methods_of_hosts,
    test_recovery_survives,
)
from tests.functional.support import HOSTS, Cloud, recovering

LISTS = ["os-migrations", "servers/detail"]
AGAIN = (
    test_recovery_survives.test_mistral_killed_in_the_middle_goes_on_and_moves_every_server_once,
    test_recovery_survives.test_a_recovery_cancelled_in_the_middle_is_finished_by_the_next_one,
    test_recovery_keeps_states.test_stopped_error_and_locked_servers_stay_what_they_are,
    test_recovery_keeps_states.test_a_server_whose_evacuation_failed_ends_as_it_was_when_a_second_run_moves_it,
    test_recovery_methods_of_hosts.test_the_second_reserved_host_takes_over_when_the_first_refuses,
)


class LabInPart(Lab):
    """A lab whose Nova keeps leaving out records, whatever else is injected."""

    def set_faults(self, faults: Mapping[str, Mapping[str, Any]]) -> None:
        super().set_faults({"nova": {"drop": LISTS, "every": 2}, **faults})


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud for each test: the tests come from modules that have one each."""
    with recovering(LabInPart(tmp_path_factory.mktemp("lab"), hosts=HOSTS)) as cloud:
        cloud.lab.set_faults({})
        yield cloud


@pytest.mark.parametrize("test", AGAIN, ids=lambda test: test.__name__.removeprefix("test_"))
def test_what_holds_of_evacuations_holds_while_lists_lack_records(
    cloud: Cloud, test: Callable[[Cloud], None]
) -> None:
    test(cloud)

    for server in cloud.get("/servers/detail?all_tenants=1")["servers"]:
        assert not is_our_lock(server), server["name"]
        states = cloud.migrations(server)
        assert cloud.done(server).count("evacuate") == len(states), server["name"]
        assert set(states[:-1]) <= {"failed", "error"}, "evacuated while it was evacuated"
