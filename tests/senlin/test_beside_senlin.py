"""The package in the environment of a Senlin 16, whose libraries were pinned years ago."""

import re
import shutil
import subprocess
import sys

import pytest

from lab.environments import environment
from lab.wheel import wheel


def run(*command: str) -> str:
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def senlin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of a copy of that environment, as Senlin comes.

    The lab pins python-mistralclient with it, for there nothing is installed that we depend on.
    """
    copy = tmp_path_factory.mktemp("senlin") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", str(copy))
    (packages,) = copy.glob("lib/python*/site-packages")
    original = environment("senlin") / packages.relative_to(copy)
    shutil.copytree(original, packages, dirs_exist_ok=True)
    python = str(copy / "bin" / "python")
    run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "python-mistralclient")
    return python


def versions(python: str) -> dict[str, str]:
    """Return the version of each distribution by its name."""
    listed = run(python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check")
    return dict(re.findall(r"^(\S+)==(\S+)$", listed, re.MULTILINE))


def test_plain_pip_changes_no_library_of_senlin_and_adds_three(senlin: str) -> None:
    before = versions(senlin)
    assert (before["senlin"], before["openstacksdk"]) == ("16.0.0", "1.5.1")

    run(senlin, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel()))

    after = versions(senlin)
    assert {name: after.get(name) for name in before} == before
    added = {"mistral-recovery", "mistral-lib", "python-mistralclient", "yaql"}
    assert set(after) - set(before) == added
    assert "No broken requirements" in run(senlin, "-m", "pip", "check")
    assert policy_type(senlin) == "driver.senlin.policy.WorkflowHealthPolicy"


def policy_type(python: str) -> str:
    """Return the class that a Senlin of this environment finds for the policy type."""
    name = "senlin.policy.health.workflow-1.0"
    shown = run(python, "-W", "ignore", "-c", (
        "from senlin.engine import environment as e\n"
        f"found = e.global_env().get_policy({name!r})\n"
        "print('found', f'{found.__module__}.{found.__qualname__}')\n"))
    (found,) = re.findall(r"^found (\S+)$", shown, re.MULTILINE)
    return str(found)
