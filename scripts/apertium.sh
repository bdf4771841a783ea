#!/usr/bin/env bash
# apertium.sh [--retry]: install the Apertium packages of the configured pairs from Debian, where that can be done.
# Only a wrong setting makes it fail: the service runs without translation too, and one line says so. What was tried is remembered in .venv,
# so that a start touches apt only once; --retry forgets that. Needs `setup.sh embedded` first.
set -euo pipefail
cd "$(dirname "$0")/.."

STAMP=.venv/.installed-apertium
say() { printf '%s\n' "$*" >&2; }

[ "${1:-}" != --retry ] || rm -f "$STAMP"
# The list is a setting, so the key is made from what could change it and Python starts only when it did.
key=$(cat service/config.py - <<< "${PRECIS_APERTIUM_PAIRS-}" | sha256sum)
if [ "$(sed -n 1p "$STAMP" 2> /dev/null || true)" = "$key" ]; then
  sed 1d "$STAMP" >&2
  exit 0
fi

wanted=$(.venv/bin/python -m scripts.apertium_packages)
missing() {
  local package
  for package in $wanted; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || printf '%s ' "$package"
  done
}

missing=$(missing)
note=
if [ -n "$missing" ]; then
  count=$(wc -w <<< "$missing")
  if ! command -v apt-get > /dev/null || [ "$(id -u)" != 0 ]; then
    say "note: $count Apertium packages are not installed, and without root and apt-get they cannot be: those translations are off"
    exit 0
  fi
  say "Installing $count Apertium packages (translation without models)"
  # shellcheck disable=SC2086  # a list of package names
  scripts/apt_install.sh $missing > /dev/null || true
  still=$(missing)
  [ -z "$still" ] || note="note: $(wc -w <<< "$still") Apertium packages could not be installed (${still% }); \`make apertium\` tries again"
fi
[ -z "$note" ] || say "$note"
printf '%s\n' "$key" ${note:+"$note"} > "$STAMP"
