#!/bin/sh
# Installs what building and testing need, where it is missing. Debian and its relatives; elsewhere it says what is needed.
set -eu
packages="gcc g++ libc6-dev make cmake pkg-config libcriterion-dev libinih-dev libjansson-dev"
missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: install these yourself:$missing" >&2
    exit 1
fi
echo "setup: installing$missing"
DEBIAN_FRONTEND=noninteractive apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
