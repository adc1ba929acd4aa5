#!/bin/sh
# All tests, from unit to end-to-end; the tour on a virtual screen last. Pictures land in build/.
set -eu
cd "$(dirname "$0")/.."
export QT_QPA_PLATFORM=offscreen PYTHONDONTWRITEBYTECODE=
.venv/bin/python -m pytest tests
echo "the tour, on a virtual screen:"
packaging/tour.sh
