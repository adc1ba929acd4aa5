#!/bin/sh
# Runs the tests of a room that decides about money, and wants every branch of it covered by those tests alone:
#   packaging/coverage.sh domain tests/unit 100
# Less than 100, and why: ledger (a copy that fails between its check and its name, a foreign key broken in two places
# at once); engine (what only a race reaches: a disk that fills in the middle of a callback, an answer after the stop).
set -eu
ROOM=$1 TESTS=$2 FLOOR=$3
cd "$(dirname "$0")/.."
mkdir -p build
DATA=build/coverage.$ROOM
.venv/bin/coverage run --data-file="$DATA" --source="pos_app/$ROOM" -m pytest -q -p no:cacheprovider "$TESTS"
.venv/bin/coverage report --data-file="$DATA" --skip-covered --show-missing --fail-under="$FLOOR"
