# Planning: rates fall with distance, end somewhere, and need the detector facts.
. "$(dirname "$0")/checks.sh"

expect 2 "$program" plan
says "$err" 'have no defaults'
set -- --efficiency-mismatch 0 --dark-mismatch 0 --no-random-swap
expect 0 "$program" plan "$@" --from 0 --to 300 --step 100 --json
[ "$(wc -l <"$out")" -eq 4 ] || complain "four distances expected"
sed -n 's/.*"bits":\([0-9]*\),.*/\1/p' "$out" |
    awk 'NR > 1 && $1 > last { bad = 1 } NR == 1 && $1 < 1000000 { bad = 1 } { last = $1 } END { exit bad || last != 0 || NR != 4 }' ||
    complain "rates do not fall to nothing: $(cat "$out")"
expect 0 "$program" plan "$@" --decoys 1 --from 20 --to 20
says "$out" '^ *20\.0  *[0-9.]*e-0'
# Worse detectors never give more.
one=$("$program" plan "$@" --from 50 --to 50 --json | sed 's/.*"bits":\([0-9]*\).*/\1/')
two=$("$program" plan --efficiency-mismatch 0.02 --dark-mismatch 0 --no-random-swap --from 50 --to 50 --json | sed 's/.*"bits":\([0-9]*\).*/\1/')
[ "$two" -lt "$one" ] || complain "mismatch of 2 % gives $two bits, none $one"
expect 2 "$program" plan "$@" --decoys 3
expect 2 "$program" plan "$@" --step 0
finish
