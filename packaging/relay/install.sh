#!/bin/sh
# Installs the relay, pinned and without Qt, with the Python given:
#   python3 -m venv /opt/pos-app && sh packaging/relay/install.sh /opt/pos-app/bin/python
# What builds the program stays in a folder of its own and goes with it.
set -eu
PYTHON=${1:?which Python, for example /opt/pos-app/bin/python}
case $PYTHON in /*) ;; */*) PYTHON=$PWD/$PYTHON ;; esac
cd "$(dirname "$0")/../.."
BUILD=$(mktemp -d)
trap 'rm -rf "$BUILD"' EXIT
pip() { python=$1 && shift && "$python" -m pip "$@" -qq --disable-pip-version-check; }
"$PYTHON" -m venv "$BUILD/venv"
pip "$BUILD/venv/bin/python" install --require-hashes -r packaging/locks/build.lock
pip "$BUILD/venv/bin/python" wheel --no-build-isolation --no-deps --wheel-dir "$BUILD" .
pip "$PYTHON" install --require-hashes -r packaging/locks/relay.lock
pip "$PYTHON" install --no-deps --force-reinstall "$BUILD"/pos_app-*.whl
