"""Where `openstack` and `mistral` are that a test runs as a person does."""

import os
import sys
from pathlib import Path

REAL = Path(sys.executable).parent
# In a test run, programs that start at once (lab/warm.py); tests/conftest.py says where they are.
BIN = REAL


def search_path(first: Path) -> str:
    """Return a PATH of somebody who has activated the environment of the tests.

    :param first: REAL, or BIN for programs that start at once.
    """
    return os.pathsep.join(map(str, (first, REAL, os.environ["PATH"])))
