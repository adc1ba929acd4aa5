#!/bin/sh
# Fills build/wheelhouse with all that the locks pin for this machine, so that installing can be tested without a network.
set -eu
cd "$(dirname "$0")/.."
LOCKS="packaging/locks/dev.lock packaging/locks/package.lock"
# The one library of this lock has wheels nowhere else.
[ "$(uname -sm)" = "Linux x86_64" ] && LOCKS="$LOCKS packaging/locks/fuzz.lock"
HOUSE=build/wheelhouse
STAMP="$HOUSE/.filled-$(.venv/bin/python --version | cat - $LOCKS | cksum | tr ' ' '-')"
[ -f "$STAMP" ] && exit 0
rm -rf "$HOUSE"
mkdir -p "$HOUSE"
for lock in $LOCKS; do
    .venv/bin/python -m pip download -qq --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
        --dest "$HOUSE" -r "$lock"
done
touch "$STAMP"
