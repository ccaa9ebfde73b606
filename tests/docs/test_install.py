"""What the README says about installing is true of the wheel that is built from this checkout."""

import configparser
import os
import re
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from lab import environments
from lab.distributed import VERSIONS
from lab.mistral_server import configuration
from mistral_actions.recovery.evacuation_pass import PASS_SECONDS
from tests.docs.documents import ROOT, blocks, readme_block

LEFT_OUT = shutil.ignore_patterns(".*", "*.egg-info", "build", "dist", "__pycache__")

# Loaded by Senlin alone: tests/senlin/test_beside_senlin.py.
IN_SENLIN = "senlin.policies"

# Runs in the new environment, far from the checkout.
LOOK = """
import sys
from importlib import metadata
from packaging.requirements import Requirement
from driver.workbooks.files import find_workbooks

pack = metadata.distribution("mistral-recovery")
entry_points = [one for one in pack.entry_points if one.group != "senlin.policies"]
for entry_point in entry_points:
    entry_point.load()
    print("loaded", entry_point.group, entry_point.name)
for name in {entry_point.module for entry_point in entry_points}:
    print("from", sys.modules[name].__file__)
for text in pack.requires:
    needed = Requirement(text)
    if needed.marker is None or any(
        needed.marker.evaluate({"extra": extra}) for extra in ("cli", "api", "rehearse")
    ):
        print("there" if needed.specifier.contains(metadata.version(needed.name)) else "not", text)
print("workbooks", find_workbooks())
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip and all libraries of this one, as Mistral's has them; no pack."""
    home = tmp_path_factory.mktemp("mistral")
    venv.create(home)
    (packages,) = home.glob("lib/python*/site-packages")
    libraries = home / "libraries"
    libraries.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "mistral_recovery" not in path.name:
            (libraries / path.name).symlink_to(path)
    (packages / "libraries.pth").write_text(str(libraries))
    pip = home / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec {home}/bin/python -m pip "$@"\n')
    pip.chmod(0o755)
    return home


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that may be written to."""
    directory = tmp_path_factory.mktemp("cloned") / "checkout"
    shutil.copytree(ROOT, directory, ignore=LEFT_OUT)
    return directory


@pytest.fixture(scope="module")
def said(home: Path, checkout: Path) -> dict[str, str]:
    """The commands of the README that build and install, each with what it prints.

    They are run as they stand, without the network.
    """
    environment = {
        **os.environ, "PATH": f"{home}/bin:{os.environ['PATH']}", "PWD": str(checkout),
        "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0",
    }
    block = next(one for one in blocks(ROOT / "README.md") if "pip wheel" in one.text)
    return {
        command: subprocess.run(
            command, shell=True, cwd=checkout, env=environment, check=True, timeout=300,
            stdout=subprocess.PIPE, text=True,
        ).stdout
        for command in block.commands
    }


@pytest.fixture(scope="module")
def wheel(said: dict[str, str], checkout: Path) -> Path:
    (built,) = (checkout / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(home: Path, said: dict[str, str]) -> Path:
    assert len(said) == 3
    return home


@pytest.fixture(scope="module")
def seen(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    done = subprocess.run(
        [environment / "bin" / "python", "-W", "ignore", "-c", LOOK],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_readme_names_the_wheel_that_is_built(wheel: Path) -> None:
    assert f"dist/{wheel.name}" in (ROOT / "README.md").read_text()


def test_the_readme_names_the_versions_of_mistral_that_are_tested() -> None:
    told = re.findall(r"^\| (\d+\.\d+\.\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    pins = [(ROOT / f"requirements/mistral{one}.txt").read_text() for one in VERSIONS]
    assert told == [re.search(r"^mistral==(.*)$", text, re.MULTILINE)[1] for text in pins]


def test_the_dry_run_names_no_other_package(said: dict[str, str]) -> None:
    (printed,) = (text for command, text in said.items() if "--dry-run" in command)
    assert would_install(printed) == ["mistral-recovery-0.1.0"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_wheel_moves_nothing_in_the_environment_of_a_mistral(version: str, wheel: Path) -> None:
    """Of 15 with the libraries of Debian 12, too."""
    python = environments.environment(f"mistral{version}") / "bin" / "python"
    dry_run = [python, "-m", "pip", "install", "--dry-run", "--no-index", wheel]
    done = subprocess.run(dry_run, check=True, timeout=120, stdout=subprocess.PIPE, text=True)
    assert would_install(done.stdout) == ["mistral-recovery-0.1.0"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_mistral_has_all_that_the_pack_uses_of_its_inside(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    """The wheel is put beside it, as the README says for a distribution's Python."""
    python = environments.environment(f"mistral{version}") / "bin" / "python"
    beside = ["--no-deps", "--no-index", "--target", tmp_path, wheel]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *beside], check=True, timeout=120)
    look = (
        "from mistral_actions.engine import internals, provider\n"
        "print(internals.version(), list(internals.missing()))\n"
        "print(len(list(provider.RecoveryActions().find_all())))"
    )
    done = subprocess.run(
        [python, "-W", "ignore", "-c", look], env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True, timeout=120, stdout=subprocess.PIPE, text=True,
    )
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    actions = setup["options.entry_points"]["mistral_recovery.actions"].strip().splitlines()
    assert done.stdout.splitlines() == [f"{version}.0.0 []", str(len(actions))]


def would_install(printed: str) -> list[str]:
    """Return what a dry run of pip would install."""
    told = [line for line in printed.splitlines() if line.startswith("Would install ")]
    return " ".join(told).removeprefix("Would install ").split()


def test_every_entry_point_of_the_wheel_loads_from_it(seen: list[str], environment: Path) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    groups = setup["options.entry_points"]
    wanted = {
        f"loaded {group} {line.partition('=')[0].strip()}"
        for group, lines in groups.items()
        if group != IN_SENLIN
        for line in lines.strip().splitlines()
    }

    assert {line for line in seen if line.startswith("loaded")} == wanted
    modules = [line.removeprefix("from ") for line in seen if line.startswith("from ")]
    assert modules
    assert all(Path(module).is_relative_to(environment) for module in modules)


def test_the_workbooks_are_found_in_the_wheel(seen: list[str], environment: Path) -> None:
    (found,) = (line.removeprefix("workbooks ") for line in seen if line[:10] == "workbooks ")

    assert Path(found) == environment / "share/mistral-recovery/workbooks"
    installed = {path.name: path.read_text() for path in Path(found).glob("*.yaml")}
    assert installed == {p.name: p.read_text() for p in (ROOT / "workbooks").glob("*.yaml")}


def test_the_wheel_needs_no_other_library_than_mistral_has(seen: list[str]) -> None:
    judged = [line for line in seen if line.split()[0] in ("there", "not")]

    assert judged
    assert [line for line in judged if line.startswith("not")] == []


def test_the_lab_runs_with_the_settings_in_the_readme(tmp_path: Path) -> None:
    """And so does `--distributed`, with all of them: tests/unit/lab/test_lab_distributed.py."""
    told = configparser.ConfigParser(default_section="none")
    told.read_string(readme_block("ini").text)
    lab = configuration(tmp_path, 1)

    assert set(told.sections()) == {
        "DEFAULT", "api", "cron_trigger", "scheduler", "action_heartbeat"}
    others = {(section, name) for section in told.sections()
              for name, value in told[section].items() if str(lab[section][name]) != value}
    # its Mistral is one process, which has to run cron triggers too
    assert others == {("cron_trigger", "run_in_api")}


def test_a_step_stops_writing_long_before_mistral_takes_its_executor_for_dead() -> None:
    told = configparser.ConfigParser(default_section="none")
    told.read_string(readme_block("ini").text)
    heartbeat = {name: int(value) for name, value in told["action_heartbeat"].items()}

    assert heartbeat["first_heartbeat_timeout"] >= 1.5 * PASS_SECONDS
    lost = heartbeat["check_interval"] * heartbeat["max_missed_heartbeats"]
    assert lost >= 1.5 * PASS_SECONDS
