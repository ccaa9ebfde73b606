# Sourced by tools/demo and tools/test: a virtual environment inside the checkout, with the
# pinned libraries and this checkout (editable). Made once, again when a requirement changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
VENV=$PWD/.venv
export PATH=$VENV/bin:$PATH PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# without bytecode each process compiles its libraries anew: half of the time of a whole run
unset OS_CLOUD OS_CLIENT_CONFIG_FILE PYTHONPATH PYTHONDONTWRITEBYTECODE

want=$(cat requirements/lab.txt setup.cfg pyproject.toml | cksum)
if [ "$(cat "$VENV/installed" 2>/dev/null)" != "$want" ]; then
  python=$(command -v python3.11 || command -v python3)
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "Python 3.11 or later is needed, this is $("$python" --version)" >&2; exit 1; }
  echo "Installing the pinned libraries into .venv (once; half a minute, with pip three minutes)"
  "$python" lab/pins.py "$VENV" requirements/lab.txt
  echo "$want" >"$VENV/installed"
fi
