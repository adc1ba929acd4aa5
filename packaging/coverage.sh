#!/bin/sh
# Each room that decides about money is covered by its own tests, every branch of it, or a line says why not:
# ledger: a copy that fails between its check and its name, a foreign key broken in two places at once;
# engine: what only a race reaches (a disk that fills in the middle of a callback, an answer after the stop).
set -eu
cd "$(dirname "$0")/.."
mkdir -p build
for pair in domain:unit:100 daraja:daraja:100 ledger:ledger:99 engine:engine:97; do
    room=${pair%%:*} floor=${pair##*:} tests=${pair#*:} && tests=${tests%:*}
    data=build/coverage.$room
    .venv/bin/coverage run --data-file="$data" --source="pos_app/$room" -m pytest -q -p no:cacheprovider \
        "tests/$tests" > "build/tests-of-$room.log" 2>&1 || { tail -40 "build/tests-of-$room.log"; exit 1; }
    printf '%s: ' "$room"
    tail -1 "build/tests-of-$room.log"
    .venv/bin/coverage report --data-file="$data" --skip-covered --show-missing \
        --fail-under="$floor"
done
