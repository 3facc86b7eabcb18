#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Toeplitz hashing beside gf2x, built from Debian's source with PCLMULQDQ and its transforms (the packaged library has
# neither), the same products in the same run, one thread. Rows on stdout, ratios on stderr; two minutes.
#
#     bench/gf2x.sh [PROGRAM] > bench/results/gf2x.jsonl
#
# GF2X_WORK: folder that keeps source and build for the next time. Needs apt-get, gcc, make and the network once.
set -eu
program=${1:-build/keystill}
here=$(cd "$(dirname "$0")" && pwd)
work=${GF2X_WORK:-$(mktemp -d)}
[ -n "${GF2X_WORK:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"

if [ ! -e "$work/lib/libgf2x-fft.a" ]; then
    echo "deb-src http://deb.debian.org/debian bookworm main" >"$work/sources.list"
    apt() {
        (cd "$work" && apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
            -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" "$@" >&2)
    }
    apt update
    apt source --download-only gf2x
    mkdir -p "$work/source"
    tar -xzf "$work"/gf2x_*.orig.tar.gz -C "$work/source" --strip-components=1
    (cd "$work/source" && CFLAGS="-O3 -march=native" ./configure --enable-fft-interface --disable-shared --enable-static \
        --prefix="$work" >"$work/configure.log" && grep -q "hwdir=.*pclmul" "$work/configure.log" &&
        make -j2 >"$work/make.log" 2>&1 && make install >>"$work/make.log" 2>&1) ||
        { echo "gf2x.sh: gf2x does not build with PCLMULQDQ: $work" >&2 && exit 1; }
fi
gcc -O2 -w -I"$work/include" "$here/compare/gf2x_hash.c" "$work/lib/libgf2x-fft.a" "$work/lib/libgf2x.a" \
    -o "$work/gf2x_hash"

rows=$work/rows.jsonl
: >"$rows"
for bits in 1048576 8388608 67108864; do
    for isa in avx2 avx512 avx512icl; do
        "$program" bench amplify --bits $bits --seconds 1.5 --isa $isa --json >>"$rows" 2>/dev/null || true
    done
    "$work/gf2x_hash" 1.5 $bits >>"$rows"
done
cat "$rows"
python3 - "$rows" >&2 <<'EOF'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
for bits in sorted({r["input_bits"] for r in rows}):
    for seed in ("fresh", "cached"):
        here = [r for r in rows if r["input_bits"] == bits and r["seed"] == seed]
        base = max(r["throughput_mbps"] for r in here if r["bench"] == "gf2x")
        print("%9d bits, %6s seed: gf2x %.0f Mbit/s" % (bits, seed, base), end="")
        for r in here:
            if r["bench"] == "amplify":
                print(", %s %.0f = %.1f x" % (r["isa"], r["throughput_mbps"], r["throughput_mbps"] / base), end="")
        print()
EOF
