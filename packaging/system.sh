# Sourced: the system's packages by name, and how those that are missing are installed. Says what it does by `say`, `fail`.

RUN_PACKAGES="libegl1 libgl1 libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon0 libxcb-cursor0 libxkbcommon-x11-0
libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-image0 libxcb-randr0 libxcb-render-util0 libxcb-xinerama0 libcups2"
SCREEN_PACKAGES="xvfb xauth xdotool"
TEST_PACKAGES="openbox x11-utils imagemagick poppler-utils zbar-tools dbus gnome-keyring postgresql wrk binutils
at-spi2-core python3-pyatspi"
# What the package is built with and tried with, beside what the window needs.
BUILD_PACKAGES="binutils dpkg openbox postgresql"

# install_system PACKAGES…: by apt, as root or with sudo, only what is missing.
install_system() {
    MISSING=""
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || {
            # Newer Debian and Ubuntu rename some libraries; the new name provides the old one.
            dpkg-query -W -f '${db:Status-Status}\n' "${package}t64" 2>/dev/null | grep -qx installed || MISSING="$MISSING $package"
        }
    done
    if [ -n "$MISSING" ]; then
        say "installing system packages:$MISSING"
        if [ "$(id -u)" = 0 ]; then SUDO=""
        elif command -v sudo >/dev/null 2>&1; then SUDO=sudo
        else fail "these packages are missing and this is not root. Run, then try again:
    su -c 'apt-get update && apt-get install -y --no-install-recommends$MISSING'"
        fi
        $SUDO apt-get update -qq || say "apt-get update failed; trying with the lists that are there"
        $SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $MISSING >/dev/null ||
            fail "apt-get failed. Mend what it says above, then run, and try again:
    ${SUDO:+sudo }apt-get install -y --no-install-recommends$MISSING"
    fi
}
