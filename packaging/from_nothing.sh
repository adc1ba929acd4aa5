#!/usr/bin/env bash
# Tries the README's two commands, in its order, on machines that have never seen the program:
#   in a root made from nothing (Debian 12 with git, make and python3) a clean clone, `make run` first, `make setup`
#   again, which must be silent, then `make test`; and in one of Debian 13, for its newer Python, `make test-fast`.
# Where such a root may not be made, both commands run in a fresh clone with an environment of its own, and it says so.
# What is committed is what is tried. Roots lie in a folder of their own and go with it; nothing else is touched.
set -euo pipefail
cd "$(dirname "$0")/.."
CHECKOUT=$PWD
WORK=$(mktemp -d)
STARTED=$SECONDS
say() { printf '\nfrom nothing, after %d s: %s\n' $((SECONDS - STARTED)) "$*"; }
loudly() { printf '\n%s\n' "$(printf '!%.0s' {1..100})" "$@" "$(printf '!%.0s' {1..100})" >&2; }
trap 'rm -rf --one-file-system "$WORK"' EXIT

# The machine's way to the network, for the root as well: proxies, and a certificate that it trusts.
NETWORK=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_EXTRA_INDEX_URL; do
    [ -z "${!name:-}" ] || NETWORK+=("$name=${!name}")
done
CERTIFICATES=${PIP_CERT:-${SSL_CERT_FILE:-${REQUESTS_CA_BUNDLE:-}}}

may_make_roots() {
    [ "$(id -u)" = 0 ] && unshare --mount --pid --fork true 2>/dev/null || return 1
    command -v debootstrap >/dev/null 2>&1 && return 0
    apt-get update -qq >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null 2>&1
}

# make_root SUITE: a minimal Debian and a clean clone in it.
make_root() {
    local root=$WORK/$1
    debootstrap --variant=minbase --include=git,make,python3 "$1" "$root" >"$WORK/$1.log" 2>&1 || {
        tail -5 "$WORK/$1.log" >&2
        return 1
    }
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    [ -z "$CERTIFICATES" ] || cp "$CERTIFICATES" "$root/etc/certificates-of-the-machine.pem"
    git clone --quiet "$CHECKOUT" "$root/root/till"
}

# in_root SUITE COMMAND: runs it in the clone there. Mounts and processes are in namespaces that end with it.
in_root() {
    local root=$WORK/$1 certificates=()
    [ -z "$CERTIFICATES" ] || certificates=(PIP_CERT=/etc/certificates-of-the-machine.pem)
    ROOT=$root unshare --mount --pid --fork --kill-child bash -c '
        mount -t proc proc "$ROOT/proc" && mount --rbind /dev "$ROOT/dev" && mount --bind /sys "$ROOT/sys" || exit 1
        exec chroot "$ROOT" env -i "$@"' - \
        HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 CI=true \
        "${NETWORK[@]}" "${certificates[@]}" sh -euc "cd /root/till; $2" </dev/null
}

BOTH_COMMANDS='
make run
said=$(make setup 2>&1)
[ -z "$said" ] || { printf "make setup is not silent the second time:\n%s\n" "$said"; exit 1; }
make test'

if ! may_make_roots || ! make_root bookworm; then
    loudly "THIS RUN PROVES LESS: no root could be made from nothing here (needs root, debootstrap, namespaces)." \
        "Both commands run in a fresh clone instead. A system package that this machine happens to have is not missed," \
        "and Debian 13 is not tried."
    git clone --quiet "$CHECKOUT" "$WORK/till"
    mkdir "$WORK/home"
    (cd "$WORK/till" && env -u MAKEFLAGS -u MAKELEVEL -u VIRTUAL_ENV -u DISPLAY -u WAYLAND_DISPLAY HOME="$WORK/home" \
        sh -euc "$BOTH_COMMANDS" </dev/null)
    say "done, in a fresh clone alone"
    exit 0
fi
say "Debian 12 with git, make and python3: make run, make setup, make test"
in_root bookworm "$BOTH_COMMANDS"
rm -rf --one-file-system "${WORK:?}/bookworm"
say "Debian 13: make test-fast"
make_root trixie
in_root trixie 'make test-fast'
say "done"
