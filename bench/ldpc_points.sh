#!/bin/sh
# Efficiency, failures and speed of reconciliation at the points of docs/reconciliation.md, one JSON row a line.
#   sh bench/ldpc_points.sh KEYSTILL [FRAMES [SECONDS]] > rows.jsonl
set -eu
keystill=$1
frames=${2:-2000}
seconds=${3:-60}
for effort in efficient balanced fast; do
    "$keystill" bench ldpc --json -q --effort "$effort" --log2n 18 --frames "$frames" --seconds "$seconds" \
        --qber 0.003,0.005,0.01,0.02,0.03,0.05,0.08,0.11
done
for log2n in 14 16 20; do
    "$keystill" bench ldpc --json -q --effort balanced --log2n "$log2n" --frames "$frames" --seconds "$seconds" \
        --qber 0.01,0.02,0.03,0.05,0.08,0.11
done
