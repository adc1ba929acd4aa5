#!/bin/sh
# The relay on a server, as root, from the top of a checkout:
#   server.sh install              this version, and in use; the one before stays beside it. An upgrade is the same.
#   server.sh back                 the version before, in use again (a mailbox is only ever added to: both can read it)
#   server.sh remove               the program; settings and mail stay
#   server.sh remove --with-mail   settings and mail too
# Everything lies in /opt/pos-app-relay, a folder a version; settings in /etc/pos-app-relay.env, mail in
# /var/lib/pos-app-relay. Where systemd does not run, the service is neither started nor stopped, and it says so.
set -eu
umask 022
cd "$(dirname "$0")/../.."
SERVICE=pos-app-relay
PROGRAMS=/opt/pos-app-relay
SETTINGS=/etc/pos-app-relay.env
MAIL=/var/lib/pos-app-relay
say() { printf '%s\n' "relay: $*"; }
fail() { printf '%s\n' "relay: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "this needs root: sudo sh $0 $*"

has_systemd() { [ -d /run/systemd/system ]; }

start() {
    if ! has_systemd; then
        say "systemd does not run here: start it by hand with: pos-app-relay serve"
        return
    fi
    systemctl daemon-reload
    systemctl enable --quiet "$SERVICE"
    systemctl restart "$SERVICE"
    tries=0
    until "$PROGRAMS/current/bin/python" -c '
import urllib.request
urllib.request.urlopen("http://127.0.0.1:8300/healthz", timeout=2)' 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 30 ] || fail "it does not answer after 30 s. What it says: journalctl -u $SERVICE -n 30
relay: the version before is in use again after: sh $0 back"
        sleep 1
    done
    say "it answers: http://127.0.0.1:8300/healthz"
}

install_version() {
    version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' pos_app/__init__.py)
    version=$version-$(git rev-parse --short HEAD 2>/dev/null ||
        find pos_app resources packaging/locks pyproject.toml -type f -exec cksum {} + | sort | cksum | cut -d' ' -f1)
    id "$SERVICE" >/dev/null 2>&1 ||
        useradd --system --user-group --home-dir "$MAIL" --no-create-home --shell /usr/sbin/nologin "$SERVICE"
    install -d -o "$SERVICE" -g "$SERVICE" -m 700 "$MAIL"
    [ -e "$SETTINGS" ] || install -m 600 packaging/relay/settings.env "$SETTINGS"
    if [ ! -e "$PROGRAMS/$version/whole" ]; then
        say "installing $version"
        rm -rf "${PROGRAMS:?}/$version"
        mkdir -p "$PROGRAMS"
        python3 -m venv "$PROGRAMS/$version" || fail "python3-venv is missing: apt-get install python3-venv"
        sh packaging/relay/install.sh "$PROGRAMS/$version/bin/python"
        touch "$PROGRAMS/$version/whole"
    fi
    before=$(readlink "$PROGRAMS/current" || true)
    if [ "$before" != "$version" ]; then
        [ -z "$before" ] || ln -sfn "$before" "$PROGRAMS/before"
        ln -sfn "$version" "$PROGRAMS/current"
    fi
    install -m 755 packaging/relay/pos-app-relay /usr/local/bin/pos-app-relay
    install -D -m 644 packaging/relay/pos-app-relay.service /etc/systemd/system/pos-app-relay.service
    before=$(readlink "$PROGRAMS/before" || true)
    say "$version is in use${before:+; before it: $before}"
    # Two are kept: the one in use and the one before.
    for old in "$PROGRAMS"/*/; do
        old=$(basename "$old")
        case $old in current | before | "$version" | "$(readlink "$PROGRAMS/before" || true)") ;; *) rm -rf "${PROGRAMS:?}/$old" ;; esac
    done
    start
}

go_back() {
    before=$(readlink "$PROGRAMS/before") || fail "there is no version before this one"
    now=$(readlink "$PROGRAMS/current")
    ln -sfn "$before" "$PROGRAMS/current"
    ln -sfn "$now" "$PROGRAMS/before"
    say "$before is in use again; $now stays beside it"
    start
}

remove() {
    if has_systemd; then systemctl disable --now --quiet "$SERVICE" || true; fi
    rm -rf "$PROGRAMS" /usr/local/bin/pos-app-relay /etc/systemd/system/pos-app-relay.service
    if has_systemd; then systemctl daemon-reload; fi
    if [ "${1:-}" = --with-mail ]; then
        rm -rf "$MAIL" "$SETTINGS"
        userdel "$SERVICE" 2>/dev/null || true
        say "removed, with settings and mail. A PostgreSQL database of it stays: dropdb $SERVICE"
    else
        say "removed. Settings ($SETTINGS) and mail ($MAIL) stay; away with them: sh $0 remove --with-mail"
    fi
}

case ${1:-} in
    install) install_version ;;
    back) go_back ;;
    remove) remove "${2:-}" ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
