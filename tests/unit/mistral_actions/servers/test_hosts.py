"""A name means one host, the same to all actions."""

import pytest

from mistral_actions.errors import Refused, Unavailable
from mistral_actions.servers.hosts import Hosts
from tests.unit.mistral_actions.fake_nova import FakeNova

HOSTS = ("Compute-5.Example.COM", "compute1", "compute2")


@pytest.fixture
def nova():
    return FakeNova(hosts=HOSTS, down=("compute2",))


def refusal_of(nova, *names):
    with pytest.raises(Refused) as refused:
        Hosts(nova).all_named(names)
    assert refused.value.code == "UNKNOWN_HOST"
    return refused.value.message


@pytest.mark.parametrize("name", ["compute1", "compute1.example.org", "uuid-of-compute1"])
def test_a_host_has_the_name_of_its_service_and_both_of_its_hypervisor(nova, name):
    assert Hosts(nova).named(name)["host"] == "compute1"


def test_the_name_of_a_service_goes_before_that_of_a_hypervisor(nova):
    long = "compute1.example.org"
    nova.services[long] = {**nova.services["compute2"], "host": long}
    assert Hosts(nova).named(long)["host"] == long


def test_hypervisors_are_listed_once_and_only_for_what_is_no_service(nova):
    hosts = Hosts(nova)
    hosts.named("compute1")
    assert [name for name, _ in nova.calls] == ["compute_services"]
    hosts.all_named(["compute1.example.org", "uuid-of-compute2", "compute2"])
    assert [name for name, _ in nova.calls] == ["compute_services", "hypervisors"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Compute-5", "Compute-5.Example.COM"),
        ("compute-5", "Compute-5.Example.COM"),
        ("compute-5.example.com", "Compute-5.Example.COM"),
        ("compute1.other.org", "compute1"),
        ("COMPUTE1", "compute1"),
        ("rack", "rack.example.org"),
    ],
)
def test_a_short_name_or_one_in_other_letters_is_refused_with_the_right_one(nova, name, meant):
    hypervisor = {**nova.hypervisors()[1], "hypervisor_hostname": "rack.example.org"}
    nova.hypervisors = lambda: [hypervisor]
    assert f"'{name}' (did you mean '{meant}'?). `openstack compute" in refusal_of(nova, name)


def test_all_names_that_are_unknown_are_told_in_one_sentence(nova):
    text = refusal_of(nova, "nowhere", "compute1", "Compute2")
    assert "on a host 'nowhere', nor on 'Compute2' (did you mean 'compute2'?)." in text


def test_a_name_that_one_answer_lacks_is_looked_for_once_more(nova):
    whole, answers = nova.hypervisors(), [[]]
    nova.hypervisors = lambda: answers.pop() if answers else whole
    assert Hosts(nova).named("compute1.example.org")["host"] == "compute1"


def test_a_hypervisor_of_two_hosts_names_neither(nova):
    twins = [{**one, "hypervisor_hostname": "twin"} for one in nova.hypervisors()[1:]]
    nova.hypervisors = lambda: twins
    assert "several hosts, compute1 and compute2" in refusal_of(nova, "twin")


def test_while_a_cell_is_down_a_name_may_be_that_of_a_host_there(nova):
    nova.services["compute1"] = {"binary": "nova-compute", "host": "compute1", "status": "UNKNOWN"}
    hosts = Hosts(nova)
    assert hosts.named("compute1")["status"] == "UNKNOWN"
    with pytest.raises(Unavailable, match=r"'elsewhere' in all cells: .*, that of host compute1\."):
        hosts.named("elsewhere")


@pytest.mark.parametrize(
    ("change", "code"),
    [({"status": "disabled"}, "HOST_DISABLED"), ({"state": "down"}, "HOST_DOWN")],
)
def test_a_destination_must_be_enabled_and_up(nova, change, code):
    assert Hosts(nova).destination("uuid-of-compute1") == "compute1"
    nova.services["compute1"].update(change)
    with pytest.raises(Refused) as refused:
        Hosts(nova).destination("compute1")
    assert refused.value.code == code
