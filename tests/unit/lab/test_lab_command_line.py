"""The command line understands its users, or says why not."""

import pytest

from lab.__main__ import DEFAULT_STATE, build_parser, main
from lab.cluster import DEFAULT_HOSTS


def test_up_has_the_documented_defaults():
    """Without arguments the lab has four hosts, the usual ports and its state in the checkout."""
    args = build_parser().parse_args(["up"])
    assert (args.state, tuple(args.hosts), args.port) == (DEFAULT_STATE, DEFAULT_HOSTS, [])


def test_a_server_is_described_by_its_options():
    """Power state, lock and any number of properties."""
    args = build_parser().parse_args(
        ["server", "db", "compute2", "--stopped", "--locked", "--property", "HA_Enabled=True",
         "--property", "k=a=b"])
    assert (args.name, args.host, args.power, args.locked) == ("db", "compute2", "stopped", True)
    assert args.property == [("HA_Enabled", "True"), ("k", "a=b")]


@pytest.mark.parametrize(("command", "message"), [
    (["up", "--port", "nova=1"], "unknown port 'nova'"),
    (["up", "--port", "mistral=many"], "'many' is not a port number"),
    (["up", "--port", "8989"], "not of the form NAME=VALUE"),
    (["up", "--hosts", "a,,b"], "not a list of different names"),
    (["up", "--hosts", "a,a"], "not a list of different names"),
    (["faults", "{"], "not JSON"),
    (["faults", "[]"], "not a JSON object"),
    (["host", "stop", "compute1"], "invalid choice"),
    (["server", "a", "h", "--stopped", "--error"], "not allowed with"),
    ([], "required: COMMAND"),
])
def test_what_is_not_understood_ends_with_status_2(capsys, command, message):
    """The error names the argument and what is wrong with it."""
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [
    ["status"], ["down"], ["env"], ["host", "kill", "compute1"], ["faults", "{}"],
    ["server", "a", "compute1"]], ids=" ".join)
def test_commands_need_a_lab_that_was_started(capsys, tmp_path, command):
    """Without a lab in the state directory each command says so, with status 1."""
    assert main([*command, "--state", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"lab: no lab was started in {tmp_path}\n"


def test_up_refuses_options_that_are_none(capsys, tmp_path):
    """A misspelled option is refused before anything is started."""
    assert main(["up", "--state", str(tmp_path / "state"), "--mistral-option", "debug"]) == 1
    assert "'debug' is not an option" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_up_refuses_a_plugin_that_is_not_there(capsys, tmp_path):
    """A misspelled directory is refused before anything is started."""
    assert main(["up", "--state", str(tmp_path / "state"), "--plugin", str(tmp_path / "x")]) == 1
    assert f"plugin {tmp_path / 'x'} is not a directory" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()
