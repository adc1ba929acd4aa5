#!/usr/bin/env bash
# Runs docs/relay.md line by line, as root, in a Debian 12 made from nothing: every block marked `sh`, in its order, stopping
# at the first line that fails. Then it looks at what the page promises. Stand-ins, because a root has neither:
#   systemctl    starts what a unit says, with its settings and as its user, and stops it
#   a real name  relay.example.org is this machine, and Caddy makes the certificate itself
# make relay-page does it; it needs root, debootstrap and the network.
set -euo pipefail
cd "$(dirname "$0")/../.."
CHECKOUT=$PWD
WORK=$(mktemp -d)
trap 'rm -rf --one-file-system "$WORK"' EXIT
. packaging/roots.sh
may_make_roots || { echo "relay page: no root can be made from nothing here (needs root, debootstrap, namespaces)" >&2; exit 1; }
make_root bookworm "$CHECKOUT"
ROOT=$WORK/bookworm

# The page's lines.
awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' docs/relay.md |
    sed "s|git clone ADDRESS|git clone -q /root/till|" >"$ROOT/root/lines.sh"
cp packaging/relay/systemctl_stand_in.sh "$ROOT/usr/bin/systemctl"
chmod 755 "$ROOT/usr/bin/systemctl"
mkdir -p "$ROOT/run/systemd/system"
echo "127.0.0.1 relay.example.org" >>"$ROOT/etc/hosts"
cat >"$ROOT/root/all.sh" <<'TRIAL'
set -eu
try() { printf '\n# %s\n' "$1"; eval "$1" </dev/null || { echo "relay page: this line failed: $1" >&2; cat /tmp/*.log >&2; exit 1; }; }
while IFS= read -r line; do
    try "$line"
    case $line in
        # So that the page's `git pull` has something to fetch, and `back` a version to go back to.
        "git clone"*) git -C /root/till -c user.name=x -c user.email=x@example.invalid commit -q --allow-empty -m newer ;;
        *"Caddyfile >"*) sed -i '0,/^{/s//{\n\tlocal_certs/' /etc/caddy/Caddyfile ;;
        *"restart caddy"*)
            # The certificate of Caddy's own authority is what curl is to believe.
            tries=0
            until [ -e /root/.local/share/caddy/pki/authorities/local/root.crt ] && curl -kfs https://relay.example.org/healthz >/dev/null; do
                tries=$((tries + 1)); [ $tries -lt 60 ] || { cat /tmp/caddy.log >&2; exit 1; }; sleep 0.5
            done
            echo "cacert = /root/.local/share/caddy/pki/authorities/local/root.crt" >/root/.curlrc ;;
    esac
done </root/lines.sh

printf '\n# what the page promises\n'
is() { [ "$1" = "$2" ] || { printf 'relay page: %s\n  is:     %s\n  wanted: %s\n' "$3" "$1" "$2" >&2; exit 1; }; }
is "$(pos-app-relay list | grep -c 'front.*waiting: 1')" 1 "the callback waits in PostgreSQL's mailbox"
is "$(setpriv --reuid=postgres --regid=postgres --init-groups psql -qAt -c 'SELECT count(*) FROM mail' pos-app-relay)" 1 "it is in PostgreSQL"
is "$(python3 -c "import sqlite3; print(*sqlite3.connect('/var/lib/pos-app-relay/relay/relay.sqlite3').execute('SELECT count(*) FROM tills').fetchone())")" 0 "the file that served before PostgreSQL was chosen has no till"
is "$(readlink /opt/pos-app-relay/current)" "0.1.0-$(git -C /root/till rev-parse --short HEAD~1)" "the version before is in use again"
is "$(ls -d /opt/pos-app-relay/*/ | grep -c /0)" 2 "this version and the one before"
is "$(curl -fsS https://relay.example.org/healthz)" '{"ok":true}' "healthz through Caddy"
is "$(curl -s -o /dev/null -w '%{http_code}' https://relay.example.org/metrics)" 404 "metrics are not for strangers"
is "$(curl -fsS http://127.0.0.1:8300/metrics | grep -c '^relay_tills_waiting 0')" 1 "metrics for this machine"
is "$(ls -l /etc/pos-app-relay.env | cut -c1-10)" "-rw-------" "settings are root's alone"
is "$(setpriv --reuid=nobody --regid=nogroup --clear-groups pos-app-relay list 2>&1 | grep -c 'sudo pos-app-relay list')" 1 "who is not root is told"
systemctl stop pos-app-relay
sh packaging/relay/server.sh remove
is "$(ls /opt /usr/local/bin | grep -c pos-app-relay || true)" 0 "the program is gone"
[ -e /etc/pos-app-relay.env ] || { echo "relay page: the settings went with the program" >&2; exit 1; }
systemctl stop caddy
systemctl stop postgresql
printf '\nrelay page: %d lines went through, from nothing to a first callback\n' "$(wc -l </root/lines.sh)"
TRIAL
in_root bookworm 'bash /root/all.sh'
