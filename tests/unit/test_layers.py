"""Arrows between modules point down, and none goes in a circle."""

import ast
import functools
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# From the ground up. What stands on one floor (a module, or a folder of them) knows nothing of
# its neighbours.
FLOORS = {
    "mistral_actions": [
        {"errors"},
        {"inputs", "recovery_plan"},
        {"services"},
        {"base"},
        {"steps"},
        {"servers"},
        {"recovery", "nodes", "action_plan", "keeper"},
        {"engine"},
    ],
    "driver": [
        {"errors"},
        {"text"},
        {"mistral"},
        {"workbooks"},
        {"recoveries"},
        {"methods", "plans", "senlin"},
        {"rehearsals"},
        {"commands", "api"},
        {"osc_plugin"},
    ],
}


@functools.cache
def modules(package: str) -> dict[str, ast.Module]:
    """Return the modules of a package by their full names."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text())
    return found


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield all that a module imports, inside of functions too: modules, and names in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are written in full"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def arrows(package: str) -> dict[str, set[str]]:
    """Return the modules of the same package that each module imports."""
    trees = modules(package)
    found: dict[str, set[str]] = {name: set() for name in trees}
    for name, tree in trees.items():
        for imported in imports(tree):
            for module in (imported, imported.rpartition(".")[0]):
                if module in trees and module != package:
                    found[name].add(module)
                    break
    return found


@pytest.mark.parametrize("package", FLOORS)
def test_every_module_imports_from_its_own_folder_and_the_floors_below_only(package: str) -> None:
    floor = {room: level for level, rooms in enumerate(FLOORS[package]) for room in rooms}
    upward = [
        (name, other)
        for name, others in arrows(package).items()
        if name != package
        for other in others
        for room, below in [(name.split(".")[1], other.split(".")[1])]
        if room != below and floor[below] >= floor[room]
    ]

    assert upward == []


@pytest.mark.parametrize("package", FLOORS)
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    graphlib.TopologicalSorter(arrows(package)).prepare()  # or it raises, with the circle


def test_of_what_executors_import_only_the_functions_of_the_engine_read_its_database() -> None:
    readers = {
        name
        for name, tree in modules("mistral_actions").items()
        if any(one.startswith("mistral.db") for one in imports(tree))
    }

    assert {name.rpartition(".")[0] for name in readers} == {"mistral_actions.engine"}


@pytest.mark.parametrize(
    ("library", "folder"),
    [
        ("mistral", "driver.rehearsals"),
        ("mistralclient", "driver.mistral"),
        ("senlin", "driver.senlin"),
        ("eventlet", "driver.senlin"),
        ("flask", "driver.api"),
    ],
)
def test_what_only_one_kind_of_host_has_is_imported_in_one_folder(
    library: str, folder: str
) -> None:
    users = {
        name.rpartition(".")[0]
        for name, tree in modules("driver").items()
        if any(one.split(".")[0] == library for one in imports(tree))
    }

    assert users == {folder}


def test_actions_know_no_driver_and_drivers_only_what_needs_no_mistral() -> None:
    upward = {
        name
        for name, tree in modules("mistral_actions").items()
        if any(one.split(".")[0] == "driver" for one in imports(tree))
    }
    known = {
        one.rpartition(".")[0] if one not in modules("mistral_actions") else one
        for tree in modules("driver").values()
        for one in imports(tree)
        if one.split(".")[0] == "mistral_actions"
    }

    assert upward == set()
    pure = {
        "mistral_actions.errors",
        "mistral_actions.inputs",
        "mistral_actions.action_plan.states",
    }
    assert known <= pure
