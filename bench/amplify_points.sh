#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rows of `keystill bench amplify` behind the tables and the plot of docs/amplification.md: powers of two at every
# instruction set, sizes between them, one thread and two. Five minutes.
#
#     bench/amplify_points.sh [PROGRAM [SECONDS]] > bench/results/amplify.jsonl
#     python3 bench/amplify_tables.py bench/results/amplify.jsonl
set -eu
program=${1:-build/keystill}
seconds=${2:-1}

rows() { # bits, instruction set, threads
    "$program" bench amplify --json -q --seconds "$seconds" --bits "$1" --isa "$2" --threads "$3"
}
has() {
    "$program" bench amplify -q --seconds 0 --bits 1 --isa "$1" >/dev/null 2>&1
}

for isa in generic avx2 avx512 avx512icl; do
    has $isa || continue
    for log in 12 14 16 18 20 22 23 24 26; do
        rows $((1 << log)) $isa 1
    done
done
for isa in avx512 avx512icl; do
    has $isa || continue
    for log in 18 20 22 24 26; do
        rows $((1 << log)) $isa 2
    done
    for log in 17 20 21 22 23; do
        [ $log -eq 20 ] || [ $log -eq 22 ] || [ $log -eq 23 ] || rows $((1 << log)) $isa 1
        rows $(((1 << log) + 16)) $isa 1
        rows $((5 << (log - 2))) $isa 1
        rows $((3 << (log - 1))) $isa 1
        rows $((7 << (log - 2))) $isa 1
    done
done
