"""Environments are installed by uv if it can be had, else by pip; each is made once."""

from pathlib import Path

import pytest

from lab import environments, pins


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """What would have been run; those that begin with a word of ``commands.fail`` fail."""
    class Commands(list):
        fail = ()

    run = Commands()

    def record(*command):
        run.append(command)
        if any(word in command for word in run.fail):
            raise pins.Failed("it failed")
    monkeypatch.setattr(pins, "_run", record)
    monkeypatch.setattr(pins, "CACHE", tmp_path)
    monkeypatch.setattr(pins.shutil, "which", lambda name: None)
    return run


def test_uv_is_installed_once_and_installs(commands, tmp_path):
    (tmp_path / "uv-0.9.13" / "bin").mkdir(parents=True)
    (tmp_path / "uv-0.9.13" / "bin" / "uv").touch()

    pins.install(tmp_path / "e", "-r", "pins.txt")

    ((program, *arguments),) = commands
    assert Path(program).name == "uv"
    assert arguments[-3:] == ["--no-deps", "-r", "pins.txt"]


@pytest.mark.parametrize("missing", ["uv==0.9.13", "venv", "--python"])
def test_pip_installs_where_uv_cannot_be_had_or_fails(commands, tmp_path, capsys, missing):
    commands.fail = (missing,)

    pins.install(tmp_path / "e", "-r", "pins.txt")

    python, *arguments = commands[-1]
    assert python == str(tmp_path / "e" / "bin" / "python")
    assert arguments[:3] == ["-m", "pip", "install"]
    assert arguments[-2:] == ["-r", "pins.txt"]
    assert "uv" in capsys.readouterr().err


def test_an_environment_is_made_once_for_the_same_pins(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(pins, "CACHE", tmp_path)
    monkeypatch.setattr(pins, "make", lambda directory, *what: (made.append(what),
                                                                directory.mkdir()))

    first, second = environments.environment("senlin"), environments.environment("senlin")

    assert first == second
    (what,) = made
    assert what[0] == "-r"
    assert Path(what[1]).name == "senlin.txt"


def test_an_environment_that_was_not_finished_is_made_again(monkeypatch, tmp_path):
    made = []

    def make(directory, *_what):
        made.append(directory)
        directory.mkdir(exist_ok=True)
        if len(made) == 1:
            raise pins.Failed("no network")
    monkeypatch.setattr(pins, "CACHE", tmp_path)
    monkeypatch.setattr(pins, "make", make)
    with pytest.raises(environments.LabError, match="no network"):
        environments.environment("horizon")

    environments.environment("horizon")

    assert len(made) == 2
