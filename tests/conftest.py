"""How the tests are shared out when a run has several processes (``pytest -n 2``)."""

from typing import Any

import pytest

SENLIN = "tests/senlin/"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadfile``, keep the files that share the one Senlin in one process."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        """A file stays together, and so do the files of a directory with one lab."""

        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return SENLIN if file.startswith(SENLIN) else file

    return Scheduling(config, log)
