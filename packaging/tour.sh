#!/bin/sh
# The tour on a virtual screen of its own; with a screen's size and theme as arguments.
set -eu
cd "$(dirname "$0")/.."
SIZE=${1:-1366x768}
OUT=${2:-build/tour}
command -v Xvfb >/dev/null 2>&1 && command -v xdotool >/dev/null 2>&1 || env -u DISPLAY -u WAYLAND_DISPLAY packaging/setup.sh run
tour() {
    env POS_APP_LANGUAGE="$1" QT_QPA_PLATFORM=xcb QT_LOGGING_RULES="qt.qpa.*=false" \
        xvfb-run -a -s "-screen 0 ${SIZE}x24 -nolisten tcp" \
        .venv/bin/python packaging/tour.py --out "$OUT" --size "$SIZE"
}
# The manuals' pictures are the tour's, in their language: MANUAL=1 renews them.
if [ -n "${MANUAL:-}" ]; then
    for language in sw en; do
        tour "$language"
        mkdir -p "docs/manual/$language"
        for name in typed waiting-for-pin paid cancelled payments code receipt sale export wrong-input; do
            cp "$OUT"/*-"$name.png" "docs/manual/$language/$name.png"
        done
    done
else
    tour "${POS_APP_LANGUAGE:-en}"
fi
# The README's picture is one of the tour's: README=1 renews it.
if [ -n "${README:-}" ]; then cp "$OUT"/*-paid.png docs/till.png; fi
