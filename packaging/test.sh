#!/bin/sh
# All tests, from unit to end-to-end; the tour on a virtual screen last. Pictures land in build/.
set -eu
cd "$(dirname "$0")/.."
export QT_QPA_PLATFORM=offscreen PYTHONDONTWRITEBYTECODE=
mkdir -p build
echo "the rooms that decide about money, each covered by its own tests:"
packaging/coverage.sh
echo "the other rooms, and all of them together:"
.venv/bin/python -m pytest tests --ignore tests/unit --ignore tests/daraja --ignore tests/ledger --ignore tests/engine
echo "the tour, on a virtual screen:"
packaging/tour.sh
