#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# keystill amplify: known answers, orders of seeds and bits, refusals. Argument 1: the program.
set -eu
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
expect_code() {
    wanted=$1
    shift
    code=0
    "$@" >out.txt 2>err.txt || code=$?
    [ "$code" -eq "$wanted" ] || fail "exit code $code, expected $wanted: $*"
}

# x = 1101 (bits 0, 1, 3), T is 2 x 2 (modified, n = 4, m = 2), s = 011: T = [s0 s2; s1 s0] = [0 1; 1 0].
# T (1 1) = (1 1); identity part x2 x3 = (0 1); y = (1 0).
printf '\013' >key.lsb
printf '\006' >seed.lsb
"$program" amplify --input key.lsb --seed seed.lsb --bits 4 --output-bits 2 --output y.lsb -q
[ "$(od -An -tu1 y.lsb | tr -d ' ')" = 1 ] || fail "modified, lsb"

# The same bits with the most significant bit first, and seeds in the two other orders.
printf '\320' >key.msb
printf '\140' >seed.msb
"$program" amplify -i key.msb -s seed.msb -n 4 -m 2 -w msb -q >y.msb
[ "$(od -An -tu1 y.msb | tr -d ' ')" = 128 ] || fail "modified, msb"
printf '\005' >seed.column # t1 t0 t-1 = s1 s0 s2 = 1 0 1
printf '\005' >seed.row    # t-1 t0 t1 = s2 s0 s1 = 1 0 1
for order in column row; do
    "$program" amplify -i key.lsb -s seed.$order -n 4 -m 2 --seed-order $order -q >y
    cmp -s y y.lsb || fail "seed order $order"
done

# nicoboss: bit i in little-endian 32-bit word i / 32 at 31 - i % 32; output as msb.
printf '\000\000\000\320' >key.nico
printf '\000\000\000\140' >seed.nico
"$program" amplify -i key.nico -s seed.nico -n 4 -m 2 -w nicoboss -q >y.nico
cmp -s y.nico y.msb || fail "nicoboss"

# Longer: input from a pipe, threads and instruction sets agree; a hash by parts of two files is the same.
head -c 40000 /dev/zero | tr '\000' '\252' >key
head -c 40000 /dev/zero | tr '\000' '\145' >seed
"$program" amplify -i key -s seed -m 150000 -q >one
"$program" amplify -i - -s seed -n 320000 -m 150000 --threads 3 -q <key >three
cmp -s one three || fail "threads"
"$program" amplify -i key -s seed -m 150000 --isa generic -q >generic
cmp -s one generic || fail "generic"
[ "$(wc -c <one)" -eq 18750 ] || fail "size of output"

expect_code 3 "$program" amplify -i key -s seed -n 320001 -m 5 -o never
grep -q 'ends at byte 40000' err.txt || fail "message of a short input"
[ ! -e never ] || fail "output of a failed run"
expect_code 3 "$program" amplify -i key -s seed -m 150000 --form standard
expect_code 2 "$program" amplify -i key -s seed -m 320001
expect_code 2 "$program" amplify -i key -s seed
expect_code 2 "$program" amplify -i key -s seed -m 10 --form other
expect_code 2 "$program" amplify -i - -s - -n 10 -m 10
expect_code 2 "$program" amplify -i key -s seed -m 10 --threads 0
expect_code 1 "$program" amplify -i missing -s seed -m 10
expect_code 0 "$program" bench amplify --bits 20000 --seconds 0.01 --json
grep -q '"seed": *"cached"' out.txt || fail "row of the benchmark"
expect_code 0 "$program" bench amplify --bits 20000 --blocks 3 --seconds 0.01 --backend cpu:0 --json
grep -q '"backend":"cpu".*"blocks":3,"seed":"fresh","transfers":"included",.*"verified":true' out.txt || fail "row of jobs"
expect_code 2 "$program" bench amplify --backend nonsense
expect_code 2 "$program" bench amplify --backend opencl --form standard
expect_code 2 "$program" bench amplify --blocks 100000
echo ok
