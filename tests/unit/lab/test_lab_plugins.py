"""Packages of others reach Mistral's Python path, and nobody else's."""

import os
from pathlib import Path

import pytest

from lab import Lab, LabError
from lab.process import Process


@pytest.fixture
def environments(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """The environment that each process was started with; none is really started."""
    started: dict[str, dict[str, str]] = {}

    def start(process, _command, environment):
        process.log.touch()
        started[process.name] = dict(environment)

    monkeypatch.setattr(Process, "start", start)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return started


def try_to_start(lab: Lab) -> None:
    with pytest.raises(LabError, match="has ended"):  # nothing was really started
        lab.up()


def test_only_mistral_has_the_plugins_on_its_path(environments, tmp_path):
    """All directories, in their order; Nova's environment does not change."""
    plugins = [tmp_path / "one", tmp_path / "two"]
    for plugin in plugins:
        plugin.mkdir()
    try_to_start(Lab(tmp_path / "state", plugins=plugins))
    assert environments["mistral"]["PYTHONPATH"] == os.pathsep.join(map(str, plugins))
    assert "PYTHONPATH" not in environments["nova"]


def test_the_path_of_the_caller_comes_behind_the_plugins(environments, tmp_path, monkeypatch):
    """What the caller's own path leads to is still found."""
    monkeypatch.setenv("PYTHONPATH", "callers")
    try_to_start(Lab(tmp_path / "state", plugins=[tmp_path]))
    assert environments["mistral"]["PYTHONPATH"] == f"{tmp_path}{os.pathsep}callers"
    assert environments["nova"]["PYTHONPATH"] == "callers"


def test_without_plugins_no_path_is_set(environments, tmp_path):
    """A lab without plugins starts Mistral as it always did."""
    try_to_start(Lab(tmp_path / "state"))
    assert "PYTHONPATH" not in environments["mistral"]


def test_a_lab_that_is_started_again_has_its_plugins(environments, tmp_path, monkeypatch):
    """The state directory remembers them, as absolute paths."""
    (tmp_path / "plugin").mkdir()
    monkeypatch.chdir(tmp_path)
    try_to_start(Lab(tmp_path / "state", plugins=[Path("plugin")]))
    environments.clear()
    monkeypatch.chdir("/")
    try_to_start(Lab.attach(tmp_path / "state"))
    assert environments["mistral"]["PYTHONPATH"] == str(tmp_path / "plugin")


def test_a_plugin_that_is_no_directory_is_refused(tmp_path):
    """Python would pass over it in silence; the error says how to make one."""
    with pytest.raises(LabError, match=r"plugin .*gone is not a directory; make it with pip"):
        Lab(tmp_path / "state", plugins=[tmp_path / "gone"])
