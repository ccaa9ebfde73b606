"""One Mistral engine for all tests of the workbooks."""

import pathlib

import pytest

from driver.rehearsals import cases
from driver.rehearsals.loading import open_mistral
from driver.rehearsals.rehearse import rehearse as carry_out
from driver.workbooks import files

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
    mistral = open_mistral(tmp_path_factory.mktemp("mistral") / "mistral.sqlite")
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
            done[path] = carry_out(mistral, cases.load(path))
        return done[path]

    return run
