#!/bin/sh
# Each room that decides about money is covered by its own tests, every branch of it (or a line says why not).
set -eu
cd "$(dirname "$0")/.."
for pair in domain:unit daraja:daraja ledger:ledger engine:engine; do
    room=${pair%%:*}
    data=build/coverage.$room
    .venv/bin/coverage run --data-file="$data" --source="pos_app/$room" -m pytest -q -p no:cacheprovider \
        "tests/${pair##*:}" > "build/tests-of-$room.log" 2>&1 || { tail -40 "build/tests-of-$room.log"; exit 1; }
    printf '%s: ' "$room"
    tail -1 "build/tests-of-$room.log"
    .venv/bin/coverage report --data-file="$data" --skip-covered --show-missing \
        --fail-under="${COVERAGE_FLOOR:-100}"
done
