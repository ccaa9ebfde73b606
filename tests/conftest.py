"""How the tests are shared out when a run has several processes, and how theirs start at once."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from lab import process
from lab.warm import Nurseries
from tests import programs

ONE_LAB = ("tests/senlin/", "tests/horizon/")  # directories of which each has one lab
GUIDES = "tests/docs/test_commands.py"
# What takes long first, so that the processes end together: the short ones fill the gaps.
ORDER = (*ONE_LAB, "tests/docs/", "tests/functional/", "tests/workbooks/", "")


NURSERIES = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Let services of labs and clients start at once: importing is most of what they do."""
    known = getattr(config, "workerinput", {}).get("nurseries")
    if known is None:
        config.stash[NURSERIES] = Path(tempfile.mkdtemp(prefix="nurseries-"))
        Nurseries.at(config.stash[NURSERIES])
    process.nurseries = Nurseries(Path(known or config.stash[NURSERIES]))
    programs.BIN = process.nurseries.directory / "bin"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """All processes of a run share the nurseries."""
    node.workerinput["nurseries"] = str(node.config.stash[NURSERIES])


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the nurseries, which are gone when their directory is."""
    if NURSERIES in config.stash:
        shutil.rmtree(config.stash[NURSERIES], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a run of several processes, put the tests in the order in which they are shared out."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: [item.nodeid.startswith(start) for start in ORDER].index(True))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadfile``, keep the tests that share a lab in one process."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # by our order, not by their number

    class Scheduling(LoadFileScheduling):
        """A file has one lab, or a directory has; each document has one of its own."""

        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            if file == GUIDES:
                return nodeid
            return next((lab for lab in ONE_LAB if file.startswith(lab)), file)

    return Scheduling(config, log)
