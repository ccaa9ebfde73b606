"""Faults are injected as they were meant, or refused."""

import pytest

from lab import cell_down, faults
from lab.errors import LabError

UUID = "a3423f92-3dbe-46fe-9e2f-d23d1e413cb2"
SERVER = f"/v2.1/servers/{UUID}"


@pytest.fixture(autouse=True)
def none_is_left():
    yield
    faults.replace({})


def met(fault, *paths):
    """Return for each of these requests, in their order, whether it meets the cell down."""
    fault = cell_down.Fault(fault)
    return [fault.meets("GET", *path.split("?")) for path in paths]


def test_a_cell_that_is_down_is_down_for_all_requests():
    paths = ["/v2.1/servers/detail", SERVER, "/v2.1/os-services", "/v2.1/flavors/detail"]
    assert all(met({"cell_down": True}, *paths))


@pytest.mark.parametrize(("resource", "path"), [
    ("servers", "/v2.1/servers"),
    ("servers", "/v2.1/servers/detail"),
    ("servers", f"{SERVER}/os-instance-actions/req-{UUID}"),
    ("servers/detail", "/v2.1/servers/detail"),
    ("servers/ID", SERVER),
    ("servers/ID/action", f"{SERVER}/action"),
    ("servers/ID/os-instance-actions/ID", f"{SERVER}/os-instance-actions/req-{UUID}"),
    ("os-hypervisors/ID", "/v2.1/os-hypervisors/17"),
])
def test_a_resource_is_everything_below_it_or_one_path_with_any_id(resource, path):
    assert met({"drop": [resource]}, path) == [True]
    assert met({"drop": [resource], "cell_down": True}, path) == [True]


def test_requests_of_other_resources_meet_nothing():
    paths = ["/v2.1", "/", SERVER, "/v2.1/servers", "/v2.1/os-migrations"]
    assert not any(met({"drop": ["servers/detail", "os-services"]}, *paths))


def test_once_is_the_next_request_of_each_resource():
    migrations, servers = "/v2.1/os-migrations", "/v2.1/servers/detail"
    paths = [migrations, migrations, servers, migrations, servers]
    assert met({"drop": ["os-migrations", "servers"], "once": True}, *paths) == [
        True, False, True, False, False]
    assert met({"cell_down": True, "once": True}, *paths) == [True, False, True, False, False]


def test_every_second_time_that_the_same_is_asked():
    """So nobody who asks two things in turn misses the same one for ever."""
    of_host, of_server = "?source_compute=compute1", f"?instance_uuid={UUID}&limit="
    fault = {"drop": ["os-migrations"], "every": 2}
    paths = [f"/v2.1/os-migrations{query}" for query in 3 * [of_host, of_server]]
    assert met(fault, *paths) == [False, False, True, True, False, False]
    assert met(fault, *paths[:1], "/v2.1/os-migrations?source_compute=compute2") == [False, True]
    fault = cell_down.Fault({"cell_down": True, "every": 2})
    assert [fault.meets(method, SERVER) for method in ("GET", "PUT", "GET")] == [
        False, False, True]


def test_counts_begin_anew_when_faults_are_replaced():
    fault = {"nova": {"drop": ["os-migrations"], "once": True}}
    for _ in range(2):
        faults.replace(fault)
        assert faults.of_cell().meets("GET", "/v2.1/os-migrations")
        assert not faults.of_cell().meets("GET", "/v2.1/os-migrations")
    faults.replace({})
    assert faults.of_cell() is None


def test_faults_of_hypervisors_and_of_the_cell_stand_side_by_side():
    faults.replace({"*": {"spawn": {"delay": 2}}, "nova": {"cell_down": True}})
    assert faults.find("spawn", "compute1", "some server") == {"delay": 2}
    assert faults.of_cell() is not None


@pytest.mark.parametrize(("given", "message"), [
    ({"*": {"spawm": {"delay": 1}}}, "unknown operation 'spawm'"),
    ({"*": {"spawn": {"dely": 1}}}, "unknown key 'dely' of spawn"),
    ({"*": {"spawn": {"delay": "1"}}}, "the delay of spawn is '1', must be seconds"),
    ({"*": ["spawn"]}, "must be an object"),
    ({"nova": True}, "'nova' is True, must be an object"),
    ({"nova": {}}, "neither cell_down nor drop"),
    ({"nova": {"once": True}}, "neither cell_down nor drop"),
    ({"nova": {"cell_dwon": True}}, "unknown key 'cell_dwon' of nova; known are cell_down"),
    ({"nova": {"cell_down": False}}, "cell_down of nova is False, must be true or left out"),
    ({"nova": {"cell_down": True, "once": 1}}, "once of nova is 1, must be true or left out"),
    ({"nova": {"cell_down": True, "once": True, "every": 2}}, "both once and every"),
    ({"nova": {"cell_down": True, "every": 0}}, "every of nova is 0"),
    ({"nova": {"cell_down": True, "every": True}}, "every of nova is True"),
    ({"nova": {"drop": []}}, r"drop of nova is \[\], must be a list"),
    ({"nova": {"drop": "servers"}}, "drop of nova is 'servers', must be a list"),
    ({"nova": {"drop": ["migrations"]}}, "unknown resource 'migrations'.*mean 'os-migrations'?"),
    ({"nova": {"drop": [{}]}}, "unknown resource {}"),
])
def test_a_fault_that_would_be_none_at_all_is_refused(given, message):
    with pytest.raises(LabError, match=message):
        faults.replace(given)
    assert (faults.current(), faults.of_cell()) == ({}, None)


def test_only_the_thread_of_a_request_that_meets_the_fault_is_cut_off():
    seen = []
    fault = cell_down.Fault({"drop": ["os-services"]})

    def api(environ, _start_response):
        seen.append((environ["PATH_INFO"], cell_down.is_cut_off()))
        return []

    application = cell_down.CellDown(api, lambda: fault)
    request = {"REQUEST_METHOD": "GET", "QUERY_STRING": ""}
    for path in ("/v2.1/os-services", "/v2.1/os-migrations"):
        application({**request, "PATH_INFO": path}, None)
    application({**request, "PATH_INFO": "/v2.1/os-services", "HTTP_X_LAB_OBSERVER": "us"}, None)

    assert seen == [("/v2.1/os-services", True), ("/v2.1/os-migrations", False),
                    ("/v2.1/os-services", False)]
    assert not cell_down.is_cut_off()
