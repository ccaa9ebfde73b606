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


def fewer_tries(text):
    """Return a workbook that gives up a tenth as late: each try costs a twentieth of a second.

    test_contract.py looks at the true number.
    """
    return text.replace("count: 60\n", "count: 6\n")


@pytest.fixture(scope="session")
def mistral():
    """A Mistral that has the pack's workbooks and those that tests need besides."""
    mistral = open_mistral()
    for workbook in files.read_workbooks():
        mistral.install(fewer_tries(workbook.text))
    for path in sorted((HERE / "fixtures").glob("*.yaml")):
        mistral.install(path.read_text(encoding="utf-8"))
    yield mistral
    mistral.close()


@pytest.fixture(scope="session")
def rehearse(mistral):
    """Carry out a case of a file, once per session: the outcome."""
    done = {}

    def run(path):
        if path not in done:
            (case,) = cases.read_cases([path])
            done[path] = carry_out(mistral, case)
        return done[path]

    return run
