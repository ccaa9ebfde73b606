"""The parts of a Senlin lab that need no server."""

import re
import subprocess
from pathlib import Path

import pytest

from lab import broker, environments, mariadb, ports, senlin, wheel
from lab.__main__ import build_parser, main
from lab.errors import LabError
from lab.senlin import SenlinLab


@pytest.fixture
def no_servers(monkeypatch):
    monkeypatch.setattr(mariadb, "program", lambda: None)
    monkeypatch.setattr(broker, "program", lambda: None)


@pytest.fixture
def servers(monkeypatch):
    monkeypatch.setattr(mariadb, "program", lambda: "/usr/sbin/mariadbd")
    monkeypatch.setattr(broker, "program", lambda: "rabbitmq-server")


def test_what_a_machine_lacks_is_named_with_the_way_to_get_it(no_servers):
    """One sentence with the packages, for the reader of a skipped test."""
    assert "apt-get install --no-install-recommends mariadb-server rabbitmq-server" in (
        senlin.missing())


def test_nothing_is_said_to_be_missing_where_both_servers_are(servers):
    """Then there is no sentence."""
    assert senlin.missing() is None


def test_up_refuses_a_senlin_without_its_servers(no_servers, capsys, tmp_path):
    """Before anything is started or written."""
    assert main(["up", "--senlin", "--state", str(tmp_path / "state")]) == 1
    assert "mariadb-server and rabbitmq-server" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_port_of_senlin_can_be_chosen_on_the_command_line():
    """As one of the other services."""
    args = build_parser().parse_args(["up", "--senlin", "--port", "clustering=8777"])
    assert (args.senlin, args.port) == (True, [("clustering", 8777)])


def test_no_two_services_get_the_same_port(servers, tmp_path):
    """Neither among themselves nor with those of the lab around them."""
    lab = SenlinLab(tmp_path)
    chosen = [*lab.ports.values(), *lab.lab.ports.values()]
    assert len(chosen) == len(set(chosen)) == len(senlin.PORTS) + len(ports.DEFAULT_PORTS)


def test_a_port_that_is_taken_by_another_service_is_not_chosen():
    """Even though nobody listens there yet."""
    free = ports.choose({}, {"one": 0})["one"]
    others = ports.choose({}, [f"port{n}" for n in range(500)], taken=[free])
    assert free not in others.values()


def test_a_service_that_senlin_does_not_have_is_refused_with_those_it_has(servers, tmp_path):
    """Names are those of its commands."""
    with pytest.raises(LabError, match="no service 'manager' of Senlin; there are conductor,"):
        SenlinLab(tmp_path).kill("manager")


def test_a_lab_without_a_senlin_is_not_taken_for_one(servers, tmp_path):
    """The commands then mean the lab alone."""
    assert not SenlinLab.is_in(tmp_path)
    with pytest.raises(LabError, match="no lab with a Senlin was started in"):
        SenlinLab.attach(tmp_path)


def test_everything_that_listens_does_so_on_the_loopback_interface(servers, tmp_path):
    """What the lab writes for its servers names no other address."""
    lab = SenlinLab(tmp_path)
    lab._write_files()
    text = (lab.state / "senlin.conf").read_text()
    assert set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text)) == {"127.0.0.1"}
    assert (lab.state / "senlin.conf").stat().st_mode & 0o777 == 0o600


def test_a_wheel_is_built_once_and_again_when_a_source_changes(monkeypatch, tmp_path):
    """It holds the packages, the workbooks, and nothing of an earlier build."""
    built = []

    def build(*command):
        built.append(command)
        out = Path(command[command.index("--outdir") + 1])
        (out / "one.whl").write_text("")

    (tmp_path / "driver").mkdir()
    source = tmp_path / "driver" / "a.py"
    source.write_text("1")
    monkeypatch.setattr(wheel, "ROOT", tmp_path)
    monkeypatch.setattr(wheel, "WHEELS", tmp_path / ".lab")
    monkeypatch.setattr(wheel, "run", build)
    first, again = wheel.wheel(), wheel.wheel()
    source.write_text("2")
    assert first == again != wheel.wheel()
    assert len(built) == 2


def test_the_pins_of_senlin_are_exact():
    """Each line names one version of one library."""
    text = (environments.ROOT / "requirements" / "senlin.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+!]+", line)] == []


def test_packages_that_are_there_are_not_installed_again():
    """Then tools/packages.sh says and does nothing."""
    script = ". tools/packages.sh; dpkg-query() { echo installed; }; install_packages a b"
    done = subprocess.run(["bash", "-euc", script], cwd=environments.ROOT, text=True,
                          capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("setting", "reason"), [
    ("id() { echo 1000; }; apt-get() { :; }", "because only root may: a b"),
    ("command() { return 1; }", "for lack of apt-get: a b"),
])
def test_packages_that_cannot_be_installed_are_named_with_the_reason(setting, reason):
    """In one sentence, and the tests go on without them."""
    script = (f". tools/packages.sh; dpkg-query() {{ return 1; }}; {setting}; "
              "install_packages a b")
    done = subprocess.run(["bash", "-euc", script], cwd=environments.ROOT, text=True,
                          capture_output=True)
    assert done.returncode == 0
    assert reason in done.stderr
    assert "the tests that need them are skipped" in done.stderr
