#!/bin/bash
# Stands in for systemctl in the trial of docs/relay.md: starts what a unit says, as its user, with its settings.
set -eu
words=()
for word in "$@"; do case $word in --*) ;; *) words+=("$word") ;; esac; done
verb=${words[0]} name=${words[1]:-}
name=${name%.service}

stop() {
    [ -e "/run/$1.pid" ] || return 0
    kill "$(cat "/run/$1.pid")" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$(cat "/run/$1.pid")" 2>/dev/null || break; sleep 0.1; done
    rm -f "/run/$1.pid"
}

start() {
    stop "$1"
    case $1 in
        postgresql*) pg_lsclusters -h | while read -r version cluster _; do pg_ctlcluster --skip-systemctl-redirect "$version" "$cluster" "$verb" || true; done; return ;;
        caddy) HOME=/root setsid caddy run --config /etc/caddy/Caddyfile >/tmp/caddy.log 2>&1 & ;;
        pos-app-relay)
            unit=/etc/systemd/system/pos-app-relay.service
            settings=$(sed -n 's/^EnvironmentFile=-\{0,1\}//p' "$unit") user=$(sed -n 's/^User=//p' "$unit")
            given=()
            while IFS= read -r line; do case $line in [A-Z]*=*) given+=("$line") ;; esac; done <"$settings"
            read -ra command <<<"$(sed -n 's/^ExecStart=//p' "$unit")"
            setsid setpriv --reuid="$user" --regid="$user" --init-groups \
                env -i PATH=/usr/bin:/bin "$(sed -n 's/^Environment=//p' "$unit")" "${given[@]}" "${command[@]}" >/tmp/relay.log 2>&1 & ;;
        *) return ;;
    esac
    echo $! >"/run/$1.pid"
}

case $verb in
    start | restart | reload) start "$name" ;;
    stop) case $name in postgresql*) pg_ctlcluster --skip-systemctl-redirect 15 main stop ;; *) stop "$name" ;; esac ;;
    disable) stop "$name" ;;
esac
