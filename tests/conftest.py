"""How the tests are shared out when a run has several processes (``pytest -n 3``)."""

from typing import Any

import pytest

SENLIN = "tests/senlin/"
GUIDES = "tests/docs/test_commands.py"
# What takes long first, so that the processes end together: the short ones fill the gaps.
ORDER = (SENLIN, "tests/horizon/", "tests/docs/", "tests/functional/", "tests/workbooks/", "")


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
        """A file has one lab; those of Senlin have one among them, each document one of its own."""

        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            if file == GUIDES:
                return nodeid
            return SENLIN if file.startswith(SENLIN) else file

    return Scheduling(config, log)
