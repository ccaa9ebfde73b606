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
  echo "Installing the pinned libraries into .venv (once, two to three minutes)"
  "$python" -m venv "$VENV"
  # the pins are all there is to install (--no-deps); what is never imported need not be compiled
  { pip install --quiet --no-deps --no-compile -r requirements/lab.txt && pip install --quiet --no-deps -e .; } \
    >"$VENV/install.log" 2>&1 ||
    { tail -5 "$VENV/install.log" >&2; echo "pip failed, all of it is in .venv/install.log" >&2; exit 1; }
  echo "$want" >"$VENV/installed"
fi
