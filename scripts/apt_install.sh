#!/usr/bin/env bash
# apt_install.sh PACKAGE...: install Debian packages without a question, as root. Fails when one cannot be had.
# The package lists are fetched only when a name is unknown or a download fails: a fresh machine has none, and a
# machine without network still installs what it has.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive LC_ALL=C
# A fresh Ubuntu runs its own upgrades for the first minutes, hence the wait for the lock.
APT=(apt-get -qq -o DPkg::Lock::Timeout=60 -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o Dpkg::Use-Pty=0)

known() { apt-cache show --no-all-versions "$1" > /dev/null 2>&1; }
install() { "${APT[@]}" install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@" < /dev/null; }

updated=
for package in "$@"; do
  known "$package" && continue
  "${APT[@]}" update || true
  updated=1
  break
done
names=()
for package in "$@"; do
  if known "$package"; then names+=("$package"); else echo "skipped, this distribution has no package $package" >&2; fi
done
[ ${#names[@]} -gt 0 ] || exit 1
install "${names[@]}" && exit 0
[ -z "$updated" ] || exit 1
"${APT[@]}" update && install "${names[@]}"
