#!/bin/sh
# Installs what building and testing need, where it is missing. Debian and its relatives; elsewhere it says what is needed.
set -eu
packages="gcc g++ libc6-dev make cmake pkg-config libcriterion-dev libinih-dev libjansson-dev"
# For certificates and TLS OpenSSL, and its program for the tests. For the OpenCL plugin and its tests a device on the
# processor, a checker of kernels, a compiler to lint them. Everything builds and passes without them, with those tests skipped.
optional="libssl-dev openssl opencl-headers ocl-icd-libopencl1 pocl-opencl-icd oclgrind clang"

# missing PACKAGE...: those that are not installed.
missing() {
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf ' %s' "$package"
    done
}
# shellcheck disable=SC2086 # lists
{
    needed=$(missing $packages)
    wanted=$(missing $optional)
}
[ -n "$needed$wanted" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    [ -z "$wanted" ] || echo "setup: for certificates, TLS, the OpenCL plugin and their tests:$wanted" >&2
    [ -n "$needed" ] || exit 0
    echo "setup: install these yourself:$needed" >&2
    exit 1
fi

# install PACKAGE...
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
echo "setup: installing$needed$wanted"
DEBIAN_FRONTEND=noninteractive apt-get update -qq || [ -z "$needed" ]
# shellcheck disable=SC2086 # lists
{
    [ -z "$needed" ] || install $needed
    for package in $wanted; do
        install "$package" 2>/dev/null || echo "setup: going on without $package" >&2
    done
}
