"""What a service shows of one thing is read in one way: what is not shown is not available."""

import pytest

from mistral_actions.errors import Unavailable
from mistral_actions.services.records import Record

SERVER = {"id": "s1", "name": "web", "status": "ACTIVE", "OS-EXT-STS:task_state": None}
SILENT = {"binary": "nova-compute", "host": "compute1", "status": "UNKNOWN"}


def test_a_field_that_is_shown_is_what_is_shown():
    assert Record(SERVER, "server")["name"] == "web"
    assert Record(SERVER, "server")["OS-EXT-STS:task_state"] is None


@pytest.mark.parametrize("shown", [{}, {"updated_at": None}])
def test_a_field_that_is_missing_or_null_is_not_available_in_a_sentence(shown):
    service = Record({"host": "compute1", "state": "up", **shown}, "service")
    with pytest.raises(Unavailable, match="service compute1: its updated_at is not shown"):
        service["updated_at"]


def test_a_field_that_may_be_null_must_be_there():
    with pytest.raises(Unavailable, match="task_state is not shown"):
        Record({"id": "s1", "name": "web"}, "server")["OS-EXT-STS:task_state"]


def test_an_optional_field_has_a_default():
    assert Record(SERVER, "server").get("fault") is None
    assert Record(SERVER, "server").get("locked_reason", "") == ""


def test_nothing_is_optional_of_what_lies_in_a_silent_cell():
    for read in (lambda one: one["state"], lambda one: one.get("disabled_reason")):
        with pytest.raises(Unavailable, match=r"compute1: its status is UNKNOWN: .* cell"):
            read(Record(SILENT, "service"))
    assert Record(SILENT, "service")["host"] == "compute1"


def test_what_lies_within_is_read_in_the_same_way():
    hypervisor = Record({"id": "h", "service": {"id": 1}}, "hypervisor")
    with pytest.raises(Unavailable, match="service of hypervisor h 1: its host is not shown"):
        hypervisor["service"]["host"]


def test_words_of_the_user_mean_nothing():
    server = Record({**SERVER, "metadata": {"status": "UNKNOWN"}}, "server")
    assert server["metadata"].get("HA_Enabled") is None
    assert server["metadata"] == {"status": "UNKNOWN"}
