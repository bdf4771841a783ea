#!/usr/bin/env bash
# setup.sh SET...: bring .venv up to date for each set, in order.
# Sets are files of pins: embedded, dev, full. A set whose pins have not changed since it was installed costs a few
# milliseconds and no network, so every make target can call this.
# PYTHON chooses the interpreter that .venv is made from.
set -euo pipefail
cd "$(dirname "$0")/.."

PIP_VERSION=26.3 # the pip that Debian 12 ships cannot resolve lxml's extras
VENV=.venv

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  die "Python 3.11 or newer is needed${PYTHON:+, and PYTHON=$PYTHON is not}; on Debian or Ubuntu: apt-get install python3"
}

make_venv() {
  local python
  python=$(find_python)
  if ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then
    # Debian and Ubuntu ship Python without the module that puts pip into a new environment.
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
      say "Installing python3-venv with apt-get"
      scripts/apt_install.sh python3-venv > /dev/null || true
    fi
    "$python" -c 'import ensurepip, venv' 2> /dev/null \
      || die "$python cannot make a virtual environment; as root: apt-get install python3-venv"
  fi
  rm -rf "$VENV"
  "$python" -m venv "$VENV"
}

files_of() {
  case $1 in
    embedded) echo requirements-api.txt requirements-embedded.txt ;;
    dev) echo requirements-api.txt requirements-embedded.txt requirements-dev.txt ;;
    full) echo requirements-api.txt requirements-embedded.txt requirements.txt ;;
    heavy) echo requirements-api.txt requirements-embedded.txt requirements.txt requirements-heavy.txt ;;
    *) die "unknown set $1; known: embedded, dev, full, heavy" ;;
  esac
}

key_of() { cat $(files_of "$1") | sha256sum; } # shellcheck disable=SC2046  # file names without blanks

installed() { [ "$(cat "$VENV/.installed-$1" 2> /dev/null || true)" = "$(key_of "$1")" ]; }

install_set() {
  local pins pip
  pins=$(files_of "$1")
  pins=${pins##* } # the last file reads the others
  say "Installing the Python packages of $pins (once for these pins)"
  rm -f "$VENV/.installed-$1"
  pip=("$VENV/bin/python" -m pip --disable-pip-version-check --no-input -q)
  "${pip[@]}" install "pip>=$PIP_VERSION" 2> /dev/null || say "note: pip itself could not be brought up to date"
  "${pip[@]}" install -r "$pins" || die "pip could not install $pins; its message is above"
  key_of "$1" > "$VENV/.installed-$1"
}

all_installed() {
  local set
  "$VENV/bin/python" -c pass 2> /dev/null || return 1
  for set in "$@"; do installed "$set" || return 1; done
}

[ $# -gt 0 ] || die "usage: scripts/setup.sh embedded|dev|full..."
for set in "$@"; do files_of "$set" > /dev/null; done
all_installed "$@" && exit 0
mkdir -p .make
exec 9> .make/setup.lock
flock 9 2> /dev/null || true # two terminals may start at once
"$VENV/bin/python" -c pass 2> /dev/null || make_venv
for set in "$@"; do installed "$set" || install_set "$set"; done
# The command line, without an installed package: it runs this checkout.
printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/%s/bin/python" -m service.cli "$@"\n' "$PWD" "$PWD" "$VENV" > "$VENV/bin/precis"
chmod +x "$VENV/bin/precis"
