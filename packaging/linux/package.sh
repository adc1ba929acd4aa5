#!/usr/bin/env bash
# Builds dist/pos-app (a folder that runs without Python), tries it, and makes a Debian package of it:
#   package.sh                 in a root made from nothing (Debian 12), so that nothing of this machine's gets into it;
#                              what is committed is what is built. Where no such root may be made, here, and it says so
#   package.sh here [FOLDER]   on this machine, into dist or that folder
set -euo pipefail
cd "$(dirname "$0")/../.."
CHECKOUT=$PWD
say() { printf '%s\n' "package: $*"; }
fail() { printf '%s\n' "package: $*" >&2; exit 1; }

build_here() {
    . packaging/system.sh
    local out=$1 work=build/package python=${PYTHON_FOR_POS_APP:-python3} own=""
    # Debian keeps the shared library of its Python, and venv, in packages of their own.
    case $(command -v "$python") in /usr/bin/* | /bin/*)
        own="python3-venv libpython$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ;; esac
    install_system $own $RUN_PACKAGES $SCREEN_PACKAGES $BUILD_PACKAGES
    # An environment of its own: the package holds the program and nothing of its tests.
    say "installing the program's packages"
    rm -rf "$work" "$out"/pos-app "$out"/pos-app_*.deb
    mkdir -p "$work"
    "$python" -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes \
        -r packaging/locks/window.lock -r packaging/locks/relay.lock -r packaging/locks/package.lock
    say "building"
    "$work/venv/bin/pyinstaller" --noconfirm --log-level ERROR --distpath "$out" --workpath "$work/work" packaging/pos-app.spec
    "$work/venv/bin/python" packaging/libraries.py "$out/pos-app"
    "$work/venv/bin/python" packaging/try_package.py "$out/pos-app/pos-app"
    "$work/venv/bin/python" packaging/linux/deb.py "$out/pos-app"
}

if [ "${1:-}" = here ]; then
    build_here "${2:-dist}"
    exit 0
fi
WORK=$(mktemp -d)
trap 'rm -rf --one-file-system "$WORK"' EXIT
. packaging/roots.sh
if may_make_roots && make_root bookworm "$CHECKOUT"; then
    say "in a root made from nothing (Debian 12), of what is committed"
    [ -z "$(git status --porcelain)" ] || say "WHAT IS NOT COMMITTED IS NOT IN IT"
    in_root bookworm 'packaging/linux/package.sh here'
    rm -rf dist/pos-app dist/pos-app_*.deb
    mkdir -p dist
    cp -r "$WORK"/bookworm/root/till/dist/. dist/
    say "done: dist/pos-app and $(echo dist/pos-app_*.deb)"
else
    say "NO ROOT CAN BE MADE FROM NOTHING HERE (needs root, debootstrap, namespaces): building on this machine, with its"
    say "own Python and system; where that is newer than a shop's, the package will not start there."
    build_here dist
fi
