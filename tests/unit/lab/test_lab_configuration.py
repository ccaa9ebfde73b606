"""Options, ports and faults: what is understood, and what is refused."""

import configparser
import socket
import stat

import pytest

from lab import faults, ini
from lab.errors import LabError
from lab.ports import DEFAULT_PORTS, check_free, choose, is_free


def test_options_go_there_and_back():
    """What ``format_options`` writes, ``parse_options`` reads; a value may hold anything."""
    sections = {"DEFAULT": {"debug": "true"}, "a_b": {"x": "1=2.3", "y": ""}}
    assert ini.parse_options(ini.format_options(sections)) == sections


@pytest.mark.parametrize("option", ["", "debug", "debug=true", ".x=1", "DEFAULT.=1"])
def test_an_option_of_another_form_is_refused(option):
    """The error shows the form that is wanted."""
    with pytest.raises(LabError, match=r"GROUP\.NAME=VALUE"):
        ini.parse_options([option])


def test_overrides_win_and_add():
    """Given options replace and extend what the lab sets, group by group."""
    base = {"api": {"port": 1, "host": "h"}, "other": {"x": 1}}
    assert ini.merged(base, {"api": {"port": 2}, "new": {"y": 3}}) == {
        "api": {"port": 2, "host": "h"}, "other": {"x": 1}, "new": {"y": 3}}


def test_configuration_can_only_be_read_by_its_owner(tmp_path):
    """Files are readable INI and private, also when they replace one that was not."""
    path = tmp_path / "some.conf"
    path.write_text("old")
    path.chmod(0o644)
    ini.write(path, {"api": {"port": 1}})
    parser = configparser.ConfigParser()
    parser.read(path)
    assert parser["api"]["port"] == "1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ports_that_were_not_given_are_free_and_different():
    """Each name gets one port; given ones are kept."""
    ports = choose({"mistral": 8989})
    assert ports["mistral"] == 8989
    assert set(ports) == set(DEFAULT_PORTS)
    assert len(set(ports.values())) == len(ports)


def test_an_unknown_port_name_is_refused():
    """The error lists the names that are known."""
    with pytest.raises(LabError, match="unknown port 'nova'; known are identity, placement"):
        choose({"nova": 1})


def test_a_port_somebody_listens_on_is_taken():
    """A listener makes its port taken; when it is gone the port is free."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(LabError, match=rf"port {port} \(image\) is taken"):
            check_free({"image": port})
    assert is_free(port)


@pytest.fixture
def injected():
    yield faults.replace
    faults.replace({})


def test_the_fault_of_a_server_wins_over_that_of_its_host(injected):
    """Faults add up from general to special: "*", host, server."""
    injected({"*": {"spawn": {"delay": 1, "fail": "all"}}, "h": {"spawn": {"fail": "host"}},
              "u": {"spawn": {"fail": "server"}, "destroy": {"delay": 2}}})
    assert faults.find("spawn", "h", "u") == {"delay": 1, "fail": "server"}
    assert faults.find("spawn", "h", "v") == {"delay": 1, "fail": "host"}
    assert faults.find("destroy", "h", "v") == {}


@pytest.mark.parametrize(("wrong", "message"), [
    ({"h": {"spawm": {}}}, "unknown operation 'spawm'; known are spawn"),
    ({"h": {"spawn": {"wait": 1}}}, "unknown key 'wait' of spawn; known are delay, fail"),
    ({"h": {"spawn": {"delay": "1"}}}, "the delay of spawn is '1', must be seconds"),
    ({"h": {"spawn": {"delay": -1}}}, "the delay of spawn is -1, must be seconds"),
    ({"h": 1}, "'h' is 1, must be an object"),
    ({"h": {"spawn": "slow"}}, "'spawn' is 'slow', must be an object"),
])
def test_a_fault_that_would_do_nothing_is_refused(injected, wrong, message):
    """The error says what is wrong, and what was injected before stays."""
    injected({"h": {"spawn": {"delay": 1}}})
    with pytest.raises(LabError, match=message):
        injected(wrong)
    assert faults.current() == {"h": {"spawn": {"delay": 1}}}
