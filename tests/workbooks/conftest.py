"""One Mistral engine for all tests of the workbooks."""

import importlib
import pathlib
import sys

import pytest

from driver.workbooks import files
from tests.workbooks import harness

HERE = pathlib.Path(__file__).parent


def pytest_configure(config):
    """Leave out the warnings about Mistral's own code and its libraries: not ours to mend."""
    for text in (
        "'cgi' is deprecated:DeprecationWarning",  # webob, below pecan
        r":DeprecationWarning:mistral\.",  # SQLAlchemy about Mistral's way of querying
        "eventletutils module is deprecated:DeprecationWarning",  # oslo.utils
    ):
        config.addinivalue_line("filterwarnings", f"ignore:{text}")


@pytest.fixture(scope="session")
def mistral(tmp_path_factory):
    """A Mistral that has the pack's workbooks and those that tests need besides."""
    with pytest.MonkeyPatch.context() as patch:
        # Some libraries load eventlet merely because it is installed, and it would then warn at
        # every fork of this process. Mistral runs on threads, which mistral.cmd says to them.
        patch.setitem(sys.modules, "eventlet", None)
        importlib.import_module("mistral.cmd")
        # not at the top: the filters above do not hold yet while this file is imported
        from tests.workbooks.virtual_mistral import VirtualMistral
    database = tmp_path_factory.mktemp("mistral") / "mistral.sqlite"
    mistral = VirtualMistral(database)
    for workbook in files.read_workbooks():
        mistral.install(workbook.text)
    for path in sorted((HERE / "fixtures").glob("*.yaml")):
        mistral.install(path.read_text(encoding="utf-8"))
    yield mistral
    mistral.close()


@pytest.fixture(scope="session")
def rehearse(mistral):
    """Run a rehearsal, once per session: the outcome."""
    done = {}

    def run(path):
        if path not in done:
            done[path] = harness.run(mistral, harness.load(path))
        return done[path]

    return run
