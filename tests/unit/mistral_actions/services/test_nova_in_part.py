"""Nova while the database of a cell does not answer: what it leaves out is asked for again."""

import pytest

from mistral_actions import errors
from mistral_actions.services.nova import Nova
from tests.unit.mistral_actions.services.test_nova import fault, nova_at

SERVICES = ("GET", "/compute/v2.1/os-services")
SERVERS = ("GET", "/compute/v2.1/servers/detail")
MIGRATIONS = ("GET", "/compute/v2.1/os-migrations")
WHOLE = {"binary": "nova-compute", "host": "c1", "id": "7", "status": "enabled", "state": "down"}
SILENT = {"binary": "nova-compute", "host": "c1", "status": "UNKNOWN"}
# what Nova shows of a server in a cell that does not answer
IN_PART = {
    "id": "s1",
    "status": "UNKNOWN",
    "tenant_id": "p",
    "created": "2026-11-20T12:00:00Z",
    "OS-EXT-STS:power_state": 0,
    "flavor": {},
    "image": {"id": "i"},
}


@pytest.fixture
def nova(openstack, no_waiting):
    return nova_at(openstack.url)


def services(*shown):
    return 200, {"services": list(shown)}


def of_host(nova: Nova, path):
    return nova.servers_on("c1") if path == SERVERS else nova.evacuations("c1")


@pytest.mark.parametrize(("path", "key"), [(SERVERS, "servers"), (MIGRATIONS, "migrations")])
def test_an_empty_list_of_a_host_is_asked_for_once_more(openstack, nova, path, key):
    openstack.answers[path] = [(200, {key: []}), (200, {key: [{"id": 1}]})]
    openstack.answers[SERVICES] = [services(WHOLE)]
    assert of_host(nova, path) == [{"id": 1}]


@pytest.mark.parametrize(("path", "key"), [(SERVERS, "servers"), (MIGRATIONS, "migrations")])
def test_no_list_of_a_host_is_believed_whose_cell_does_not_answer(openstack, nova, path, key):
    openstack.answers[path] = [(200, {key: []})]
    openstack.answers[SERVICES] = [services(SILENT)]
    with pytest.raises(errors.Unavailable, match="does not answer, that of host c1"):
        of_host(nova, path)


def test_a_list_that_is_not_empty_is_whole_and_asked_for_once(openstack, nova):
    openstack.answers[SERVERS] = [(200, {"servers": [{"id": "s1"}]})]
    nova.servers_on("c1")
    assert len(openstack.asked()) == 1


def test_an_unknown_host_is_asked_for_twice(openstack, nova):
    openstack.answers[SERVICES] = [services(), services(WHOLE)]
    assert nova.compute_service("c1") == WHOLE


def test_a_server_of_which_next_to_nothing_is_shown_is_not_available(openstack, nova):
    openstack.answers["GET", "/compute/v2.1/servers/s1"] = [(200, {"server": IN_PART})]
    openstack.answers[SERVICES] = [services(SILENT, {**WHOLE, "host": "c2"})]
    with pytest.raises(errors.Unavailable, match=r"does not answer, that of host c1[.]$"):
        nova.server("s1")


def test_a_caller_who_may_not_see_hosts_is_told_the_rest(openstack, nova):
    openstack.answers["GET", "/compute/v2.1/servers/s1"] = [(200, {"server": IN_PART})]
    openstack.answers[SERVICES] = [fault(403, "no")]
    with pytest.raises(errors.Unavailable, match=r"a cell does not answer[.]$"):
        nova.server("s1")


@pytest.mark.parametrize("first", [[], [{"id": "1", "name": "web"}]])
def test_one_server_of_a_name_or_none_is_looked_for_in_all_cells_again(openstack, nova, first):
    """Another one of this name may be in a cell that has just not answered."""
    both = [{"id": "1", "name": "web"}, {"id": "2", "name": "web"}]
    openstack.answers[SERVERS] = [(200, {"servers": first}), (200, {"servers": both})]
    openstack.answers[SERVICES] = [services(WHOLE)]
    assert nova.servers_named("web") == both


def test_no_server_is_taken_for_the_only_one_of_its_name_while_a_cell_is_silent(openstack, nova):
    openstack.answers[SERVERS] = [(200, {"servers": [{"id": "1", "name": "web"}]})]
    openstack.answers[SERVICES] = [services(SILENT)]
    with pytest.raises(errors.Unavailable, match=r"'web' in all cells.*host c1"):
        nova.servers_named("web")


def test_a_second_page_that_nova_cannot_find_again_is_asked_for_later(openstack, nova):
    """Its first server was deleted, or its cell does not answer any more: HTTP 400."""
    links = [{"rel": "next", "href": f"{openstack.url}{SERVERS[1]}?marker=1"}]
    page = {"servers": [{"id": "1"}], "servers_links": links}
    openstack.answers[SERVERS] = [(200, page), fault(400, "marker [1] not found")]
    with pytest.raises(errors.Unavailable, match="marker"):
        nova.servers_on("c1")


@pytest.mark.parametrize("answer", ["<html>", '"ok"', "{}", '{"services": null}', "[]"])
def test_an_answer_that_is_not_novas_is_no_answer(openstack, nova, answer):
    openstack.answers[SERVICES] = [(200, answer)]
    with pytest.raises(errors.Unavailable):
        nova.compute_services()
