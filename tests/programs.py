"""Where `openstack` and `mistral` are that a test runs as a person does."""

import sys
from pathlib import Path

REAL = Path(sys.executable).parent
# In a test run, programs that start at once (lab/warm.py); tests/conftest.py says where they are.
BIN = REAL
