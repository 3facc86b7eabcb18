#!/bin/sh
# Efficiency, failures and speed of reconciliation at the points of docs/reconciliation.md, one JSON row a line; some twenty
# minutes on two cores. Then: python3 bench/plot_ldpc.py rows.jsonl > docs/reconciliation.svg
#   sh bench/ldpc_points.sh KEYSTILL [THREADS [FRAMES [SECONDS]]] > rows.jsonl
set -eu
keystill=$1
threads=${2:-$(nproc)}
frames=${3:-2000}
seconds=${4:-25}

# row SECONDS OPTION...
row() {
    "$keystill" bench ldpc --json -q --threads "$threads" --frames "$frames" --seconds "$@"
}

for effort in efficient balanced fast; do
    case $effort in efficient) share=1 ;; balanced) share=2 ;; fast) share=5 ;; esac
    row $((seconds / share)) --effort $effort --log2n 18 --qber 0.003,0.005,0.01,0.02,0.03,0.05,0.08,0.11
done
for effort in efficient balanced; do
    row $((seconds / 8)) --effort $effort --log2n 14 --qber 0.01,0.02,0.03,0.05,0.08,0.11
    row $((seconds / 8)) --effort $effort --log2n 16 --qber 0.01,0.02,0.03,0.05,0.08,0.11
done
row $((seconds / 4)) --effort efficient --log2n 20 --qber 0.01,0.02,0.03,0.05,0.08,0.11

# Speed at other instruction sets, one thread.
for isa in avx2 generic; do
    for effort in efficient balanced fast; do
        "$keystill" bench ldpc --json -q --isa $isa --threads 1 --frames "$frames" --seconds 2 --effort $effort --qber 0.01,0.03,0.05,0.08,0.11
    done
done

# Waterfalls of single codes, without retries, around the measured limits of both decoders.
waterfall() { # CODE[-MERGES] FAST-LIMIT
    for decoders in fast exact; do
        list=$(awk -v q="$2" -v decoders="$decoders" 'BEGIN {
            q *= decoders == "exact" ? 1.03 : 1
            for (i = -4; i < 2; i++) # standard deviations of the number of errors
                printf "%s%.5f", (i > -4 ? "," : ""), q + i * sqrt(q / 262144)
        }')
        "$keystill" codes measure "$1" --json -q --threads "$threads" --retries 0 --decoders $decoders --frames 400 \
            --seconds 1 --qber "$list"
    done
}
for code in k098-3 k221-12 k328-12 k430-16 k535-20; do
    waterfall $code "$("$keystill" codes show $code | awk '/^limit .*fast/ { sub(",", "", $2); print $2 }')"
done

# Scaling: one core and all.
if [ "$threads" -gt 1 ]; then
    threads=1
    row 3 --effort fast --log2n 18 --qber 0.05
    row 3 --effort balanced --log2n 18 --qber 0.05
fi
