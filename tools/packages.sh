# Sourced by tools/test: Debian packages that some tests need besides Python.

# install_packages PACKAGE...: those that are missing; says in one sentence why not, if not
install_packages() {
  local package missing=
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=" $package"
  done
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "Not installed, for lack of apt-get:$missing; the tests that need them are skipped." >&2
  elif [ "$(id -u)" != 0 ]; then
    echo "Not installed, because only root may:$missing; the tests that need them are skipped." >&2
  else
    echo "Installing Debian packages:$missing (once, one to three minutes)"
    mkdir -p .lab
    without_starting_services apt_install $missing >.lab/packages.log 2>&1 ||
      echo "apt-get did not install$missing (see .lab/packages.log); the tests that need them" \
        "are skipped." >&2
  fi
}

apt_install() {
  find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mmin -1440 2>/dev/null | grep -q . ||
    apt-get update -q || return
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# Run a command while no package may start its service: the tests start their own servers, and
# none of Debian's is wanted. What was forbidden before is so again afterwards.
without_starting_services() (
  policy=/usr/sbin/policy-rc.d kept=
  if [ -e "$policy" ]; then kept=$(mktemp) && cp -p "$policy" "$kept" || return; fi
  trap 'if [ -n "$kept" ]; then mv "$kept" "$policy"; else rm -f "$policy"; fi' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && "$@"
)
