#!/bin/sh
# Opens the window; where there is no screen it says so and gives the tour.
set -eu
cd "$(dirname "$0")/.."
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname)" = Darwin ]; then
    exec .venv/bin/pos-app
fi
echo "There is no screen here: taking the tour on a virtual one instead."
exec packaging/tour.sh
