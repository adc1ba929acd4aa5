#!/bin/sh
# Installs the relay, pinned and without Qt, with the Python given:
#   python3 -m venv /opt/pos-app && sh packaging/relay/requirements.sh /opt/pos-app/bin/python
set -eu
PYTHON=${1:?which Python, for example /opt/pos-app/bin/python}
cd "$(dirname "$0")/../.."
LOCKS=$(mktemp -d)
trap 'rm -rf "$LOCKS"' EXIT
# The window's packages are left out of the lock; what builds the wheel comes from the lock of the tests.
"$PYTHON" - "$LOCKS" <<'EOF'
import re
import sys
from pathlib import Path

blocks = lambda name: re.findall(r"^\S.*(?:\n    .*)*", Path("packaging", name).read_text(), re.M)
named = lambda block: re.split("[=\\s]", block)[0].lower()
window = {"pyside6-essentials", "shiboken6", "python-escpos", "pillow", "python-barcode", "pyyaml", "argcomplete", "appdirs"}
build = {"hatchling", "editables", "packaging", "pathspec", "pluggy", "trove-classifiers"}
folder = Path(sys.argv[1])
folder.joinpath("run").write_text("\n".join(one for one in blocks("requirements.lock") if named(one) not in window) + "\n")
folder.joinpath("build").write_text("\n".join(one for one in blocks("requirements-dev.lock") if named(one) in build) + "\n")
EOF
for lock in run build; do
    "$PYTHON" -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r "$LOCKS/$lock"
done
"$PYTHON" -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps .
