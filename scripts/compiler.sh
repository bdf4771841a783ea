#!/usr/bin/env bash
# compiler.sh: see that there is a C compiler, which neural models in int8 decode faster with. Never fails.
set -uo pipefail
cd "$(dirname "$0")/.."

[ "$(uname -m)" = x86_64 ] || exit 0 # the step in C is for these

works() { echo 'int main(void) { return 0; }' | ${CC:-cc} -x c -include stdlib.h -o /dev/null - 2> /dev/null; }

works && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  printf 'Installing a C compiler with apt-get\n' >&2
  scripts/apt_install.sh gcc libc6-dev > /dev/null || true
fi
works || printf 'note: without a C compiler neural models decode more slowly; as root: apt-get install gcc libc6-dev\n' >&2
exit 0
