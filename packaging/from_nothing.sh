#!/usr/bin/env bash
# Tries the README's two commands, in its order, on machines that have never seen the program:
#   in a root made from nothing (Debian 12 with git, make and python3) a clean clone, `make run` first, `make setup`
#   again, which must be silent, then `make test`; and in one of Debian 13, for its newer Python, `make test-fast`.
# Where such a root may not be made, both commands run in a fresh clone with an environment of its own, and it says so.
# What is committed is what is tried. Roots lie in a folder of their own and go with it; nothing else is touched.
set -euo pipefail
cd "$(dirname "$0")/.."
CHECKOUT=$PWD
WORK=$(mktemp -d)
STARTED=$SECONDS
say() { printf '\nfrom nothing, after %d s: %s\n' $((SECONDS - STARTED)) "$*"; }
loudly() { printf '\n%s\n' "$(printf '!%.0s' {1..100})" "$@" "$(printf '!%.0s' {1..100})" >&2; }
trap 'rm -rf --one-file-system "$WORK"' EXIT

. packaging/roots.sh

BOTH_COMMANDS='
make run
said=$(make setup 2>&1)
[ -z "$said" ] || { printf "make setup is not silent the second time:\n%s\n" "$said"; exit 1; }
make test'

if ! may_make_roots || ! make_root bookworm "$CHECKOUT"; then
    loudly "THIS RUN PROVES LESS: no root could be made from nothing here (needs root, debootstrap, namespaces)." \
        "Both commands run in a fresh clone instead. A system package that this machine happens to have is not missed," \
        "and Debian 13 is not tried."
    git clone --quiet "$CHECKOUT" "$WORK/till"
    mkdir "$WORK/home"
    (cd "$WORK/till" && env -u MAKEFLAGS -u MAKELEVEL -u VIRTUAL_ENV -u DISPLAY -u WAYLAND_DISPLAY HOME="$WORK/home" \
        sh -euc "$BOTH_COMMANDS" </dev/null)
    say "done, in a fresh clone alone"
    exit 0
fi
say "Debian 12 with git, make and python3: make run, make setup, make test"
in_root bookworm "$BOTH_COMMANDS"
rm -rf --one-file-system "${WORK:?}/bookworm"
say "Debian 13: make test-fast"
make_root trixie "$CHECKOUT"
in_root trixie 'make test-fast'
say "done"
