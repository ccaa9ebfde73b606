"""The lab with the Mistral that operators run: what its processes are told, and what is kept."""

import json
import os
import re
from pathlib import Path

import pytest

from lab import broker, distributed, ini, mariadb, mistral_files
from lab.__main__ import build_parser, main
from lab.cluster import Lab
from lab.distributed import SERVERS, VERSIONS, DistributedLab
from lab.errors import LabError
from lab.mariadb import MariaDB
from lab.process import ROOT, Process

REQUIREMENTS = ROOT / "requirements"


@pytest.fixture
def servers(monkeypatch):
    monkeypatch.setattr(mariadb, "program", lambda: "/usr/sbin/mariadbd")
    monkeypatch.setattr(broker, "program", lambda: "rabbitmq-server")


@pytest.fixture
def started(monkeypatch):
    """What would have been started: (name, command, environment)."""
    calls = []
    monkeypatch.setattr(Process, "start", lambda process, command, environment:
                        calls.append((process.name, command, environment)))
    monkeypatch.setattr(Process, "wait_until", lambda *_: None)
    monkeypatch.setattr(distributed, "environment", lambda name: Path("/venv", name))
    return calls


@pytest.fixture
def lab(servers, started, tmp_path):
    lab = DistributedLab(tmp_path, plugins=[tmp_path])
    lab._write_files()
    return lab


def pins(name):
    lines = (REQUIREMENTS / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_up_refuses_what_needs_a_broker_and_a_database_server_where_there_are_none(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(mariadb, "program", lambda: None)
    assert main(["up", "--distributed", "--state", str(tmp_path / "state")]) == 1
    assert "a Mistral of many processes needs mariadb-server" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_lab_with_a_senlin_is_not_distributed_as_well(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["up", "--distributed", "--senlin"])
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize("version", VERSIONS)
def test_mistral_has_the_version_that_was_asked_for_after_the_next_start_too(
    servers, started, tmp_path, version
):
    DistributedLab(tmp_path, version=version)._write_files()
    found = Lab.attach(tmp_path)
    found.start("api")
    assert started[0][1][0] == f"/venv/mistral{version}/bin/mistral-server"
    assert pins(f"mistral{version}.txt")["mistral"] == f"{version}.0.0"


def test_only_a_distributed_lab_has_another_version_of_mistral_than_the_newest(capsys, tmp_path):
    assert main(["up", "--mistral", "15", "--state", str(tmp_path / "state")]) == 1
    assert "--mistral needs --distributed" in capsys.readouterr().err


def test_each_process_of_mistral_is_its_own_program_with_the_wheel_and_the_plugins_only(
    lab, started, tmp_path
):
    lab.start(*SERVERS)
    assert [name for name, _command, _environment in started] == [*SERVERS]
    for name, command, environment in started:
        assert command == ["/venv/mistral23/bin/mistral-server", "--config-file",
                           f"{tmp_path}/mistral.conf", "--server", name.rstrip("12")]
        assert environment["PYTHONPATH"] == f"{tmp_path}/product{os.pathsep}{tmp_path}"


def test_mistral_as_a_whole_is_started_at_once_and_not_if_a_part_of_it_runs(
    lab, started, monkeypatch
):
    lab.start_mistral()
    assert [name for name, _command, _environment in started] == [*SERVERS]
    monkeypatch.setattr(Process, "pid", property(lambda process: process.name == "engine2" or None))
    with pytest.raises(LabError, match="engine2 runs already"):
        lab.start_mistral()
    assert len(started) == len(SERVERS)


def test_mistral_is_told_what_the_readme_says_and_addresses(lab):
    told = mistral_files.told_by_readme()
    conf = mistral_files.configuration(lab.state, 1, "mysql://", "rabbit://")
    assert {section: {name: conf[section][name] for name in told[section]}
            for section in told} == told
    with_users = ("keystone_authtoken", "recovery", "oslo_policy")
    others = {(section, name) for section in conf if section not in with_users
              for name in conf[section] if name not in told.get(section, {})}
    assert others == {("DEFAULT", "transport_url"), ("DEFAULT", "use_stderr"), ("api", "host"),
                      ("api", "port"), ("database", "connection"),
                      ("action_std_http", "denied_cidrs")}


def test_what_mistral_is_told_names_no_address_but_the_loopback_interface(lab, tmp_path):
    ini.write(tmp_path / "conf", mistral_files.configuration(
        lab.state, 1, lab.database.url, lab.broker.url))
    addresses = re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", (tmp_path / "conf").read_text())
    assert set(addresses) == {"127.0.0.1"}


def test_the_lab_in_a_directory_is_found_again_as_the_kind_that_it_is(lab, tmp_path):
    found = Lab.attach(tmp_path)
    assert (type(found), found.ports) == (DistributedLab, lab.ports)
    assert json.loads((tmp_path / "lab.json").read_text())["kind"] == "distributed"


def test_a_process_that_the_lab_does_not_have_is_refused_with_those_it_has(lab, started):
    for ask in (lab.kill, lab.start):
        with pytest.raises(LabError, match=r"no process 'engine3'; there are mariadb, rabbitmq, "
                                           r"keystone, nova, api, engine1, engine2"):
            ask("engine1", "engine3")
    assert started == []


def test_a_database_server_that_is_started_again_has_the_user_that_it_had(
    servers, started, tmp_path
):
    (tmp_path / "mariadb").mkdir()
    MariaDB(tmp_path, 1, "mistral", "first").start()
    MariaDB(tmp_path, 1, "mistral", "another").restart()
    assert "identified by 'first'" in (tmp_path / "mariadb" / "first.sql").read_text()
    assert started[0][1] == started[1][1]


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_durable_database_server_writes_to_the_disk_what_was_committed(
    servers, started, tmp_path, durable
):
    MariaDB(tmp_path, 1, "mistral", "secret", durable).restart()
    ((_name, command, _environment),) = started
    assert any("flush" in word for word in command) is not durable


def test_the_database_of_a_distributed_lab_is_durable(lab, started):
    lab.start("mariadb")
    assert not any("flush" in word for word in started[0][1])


def test_the_pins_of_mistral_are_those_of_the_lab():
    """So what one proves of a library holds for the other; only the database's driver is new."""
    mistral, of_lab = pins("mistral23.txt"), pins("lab.txt")
    assert {name for name in mistral if mistral[name] != of_lab.get(name)} == {"PyMySQL"}
    assert "mistral-recovery" not in mistral


@pytest.mark.parametrize("version", VERSIONS)
def test_no_service_of_the_lab_is_in_the_environment_of_mistral(version):
    of_lab = {"nova", "keystone", "openstack-placement", "pytest", "mistral-recovery"}
    assert not of_lab & pins(f"mistral{version}.txt").keys()


def test_the_packs_own_credentials_in_the_lab_are_set_as_the_guide_says(lab):
    guide = (ROOT / "docs" / "deployment.md").read_text()
    (told,) = re.findall(r"^\[recovery\]\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    options = {line.partition(" = ")[0] for line in told.splitlines() if line[0] != "#"}
    assert options == mistral_files.credentials(lab.state)["recovery"].keys()
