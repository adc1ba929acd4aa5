#!/bin/sh
# Sets up what is missing and nothing else: system libraries (apt), a virtual environment, pinned packages.
#   packaging/setup.sh run    what the window needs
#   packaging/setup.sh dev    the same, and what the tests need
set -eu
cd "$(dirname "$0")/.."
. packaging/system.sh
WHAT=${1:-run}

say() { printf '%s\n' "setup: $*"; }
fail() { printf '%s\n' "setup: $*" >&2; exit 1; }

# Written by a resolver (make locks): what runs, and what builds the program itself.
LOCK=packaging/locks/window.lock
[ "$WHAT" = dev ] && LOCK=packaging/locks/dev.lock
BUILD_LOCK=packaging/locks/build.lock
PACKAGES=$RUN_PACKAGES
{ [ "$WHAT" = dev ] || [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; } && PACKAGES="$PACKAGES $SCREEN_PACKAGES"
[ "$WHAT" = dev ] && PACKAGES="$PACKAGES $TEST_PACKAGES"

# Done before, with these very files, on a machine that still has its system packages: say nothing.
KEY=$(cat "$LOCK" "$BUILD_LOCK" pyproject.toml packaging/setup.sh packaging/system.sh | cksum | tr ' ' '-')
STAMP=".venv/.set-up-$WHAT-$KEY-$([ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && echo screen || echo none)"
[ -f "$STAMP" ] && [ -x .venv/bin/pos-app ] && exit 0

PYTHON=""
for candidate in "${PYTHON_FOR_POS_APP:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then PYTHON=$candidate; break; fi
done
[ -n "$PYTHON" ] || fail "Python 3.11 or newer is needed (on Debian 12: apt-get install python3)."

# System packages, only where they are missing.
if command -v dpkg-query >/dev/null 2>&1; then
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || PACKAGES="$PACKAGES python3-venv"
    # The package that the tests build needs the shared library of the system's Python.
    case "$WHAT $(command -v "$PYTHON")" in "dev /usr/bin/"* | "dev /bin/"*)
        PACKAGES="$PACKAGES libpython$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ;; esac
    install_system $PACKAGES
else
    say "not a Debian system: if the window does not open, install the libraries that Qt names"
fi

if [ ! -x .venv/bin/python ]; then
    say "making .venv with $("$PYTHON" --version)"
    "$PYTHON" -m venv .venv
fi
say "installing pinned packages ($LOCK)"
.venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r "$LOCK" -r "$BUILD_LOCK"
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps -e .
# Without this each start would compile again where PYTHONDONTWRITEBYTECODE is set: a second instead of a third of one.
env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m compileall -q .venv/lib pos_app >/dev/null 2>&1 || true
rm -f .venv/.set-up-"$WHAT"-*
touch "$STAMP"
say "done: .venv/bin/pos-app"
