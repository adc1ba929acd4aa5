# Sourced: machines that have never seen the program, made from nothing by debootstrap, in namespaces that end with them.
# Whoever sources this has set WORK, a folder of its own that goes when it ends.

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

# make_root SUITE CHECKOUT: a minimal Debian with git, make and python3, and a clean clone in it.
make_root() {
    local root=$WORK/$1
    debootstrap --variant=minbase --include=git,make,python3 "$1" "$root" >"$WORK/$1.log" 2>&1 || {
        tail -5 "$WORK/$1.log" >&2
        return 1
    }
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    [ -z "$CERTIFICATES" ] || cp "$CERTIFICATES" "$root/etc/certificates-of-the-machine.pem"
    git clone --quiet "$2" "$root/root/till"
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
