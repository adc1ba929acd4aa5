#!/bin/sh
# Builds dist/pos-app (a folder that runs without Python), tests it, and makes a Debian package of it.
set -eu
cd "$(dirname "$0")/../.."
WORK=build/package
say() { printf '%s\n' "package: $*"; }

if ! command -v objdump >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
    say "installing binutils and dpkg"
    [ "$(id -u)" = 0 ] && SUDO="" || SUDO=sudo
    $SUDO apt-get update -qq
    $SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils dpkg >/dev/null
fi
# A venv of its own: the package must hold the program and nothing of its tests.
say "making a venv with the program alone"
rm -rf "$WORK" dist/pos-app
mkdir -p "$WORK"
.venv/bin/python -m venv "$WORK/venv"
PIP="$WORK/venv/bin/python -m pip install -qq --disable-pip-version-check"
$PIP --require-hashes -r packaging/locks/window.lock -r packaging/locks/package.lock
say "building"
"$WORK/venv/bin/pyinstaller" --noconfirm --log-level ERROR --distpath dist --workpath "$WORK/work" packaging/pos-app.spec
say "trying what was built"
.venv/bin/python packaging/try_package.py dist/pos-app/pos-app
VERSION=$(dist/pos-app/pos-app --version | cut -d' ' -f2)
ARCHITECTURE=$(dpkg --print-architecture)
TREE="$WORK/deb"
mkdir -p "$TREE/DEBIAN" "$TREE/opt" "$TREE/usr/bin" "$TREE/usr/share/applications" "$TREE/usr/share/doc/pos-app" \
    "$TREE/usr/share/icons/hicolor/scalable/apps"
cp -r dist/pos-app "$TREE/opt/pos-app"
ln -s /opt/pos-app/pos-app "$TREE/usr/bin/pos-app"
cp packaging/linux/pos-app.desktop "$TREE/usr/share/applications/"
cp resources/icons/app.svg "$TREE/usr/share/icons/hicolor/scalable/apps/pos-app.svg"
cp LICENSE "$TREE/usr/share/doc/pos-app/copyright"
cat resources/fonts/OFL.txt >> "$TREE/usr/share/doc/pos-app/copyright"
cat > "$TREE/DEBIAN/control" <<CONTROL
Package: pos-app
Version: $VERSION
Architecture: $ARCHITECTURE
Maintainer: The engineers of the till <till@example.invalid>
Depends: libc6, libstdc++6, libegl1, libgl1, libdbus-1-3, libfontconfig1, libglib2.0-0 | libglib2.0-0t64, libxkbcommon0, libxcb-cursor0, libxkbcommon-x11-0, libxcb-icccm4, libxcb-keysyms1, libxcb-shape0, libxcb-image0, libxcb-randr0, libxcb-render-util0, libxcb-xinerama0, libcups2 | libcups2t64, zlib1g
Section: misc
Priority: optional
Description: A till for M-PESA that never guesses about money
 The cashier types amount, phone and order reference; M-PESA's STK Push asks the
 customer for the PIN; the sale stands as waiting, then as paid with its code.
CONTROL
find "$TREE" -type d -exec chmod 755 {} +
dpkg-deb --root-owner-group --build "$TREE" "dist/pos-app_${VERSION}_${ARCHITECTURE}.deb" >/dev/null
say "dist/pos-app: $(du -sm dist/pos-app | cut -f1) MB; dist/pos-app_${VERSION}_${ARCHITECTURE}.deb: $(du -m "dist/pos-app_${VERSION}_${ARCHITECTURE}.deb" | cut -f1) MB"
