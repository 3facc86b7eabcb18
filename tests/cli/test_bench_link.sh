# keystill bench link: a row whose keys were compared, and its filters.
. "$(dirname "$0")/checks.sh"
expect 0 "$program" bench link --preset metro-10km --seconds 0.4 --block 40M --threads 2 --json
says "$out" '"bench":"link","backend":"cpu"'
says "$out" '"verified":true'
for field in preset pulses detections sifted_bits qber phase_error efficiency leak_bits secret_bits secret_mbps sifted_mbps \
    realtime_factor epsilon stages limiting_stage seed_bytes device isa threads commit compiler seconds; do
    says "$out" "\"$field\":"
done
expect 2 "$program" bench link --preset no-such-link
expect 2 "$program" bench link --seconds 0
expect 2 "$program" bench link --threads 0
expect 1 "$program" bench link --preset metro-10km --seconds 0.05 --threads 2
says "$err" 'no keys'
finish
