# Planning: rates fall with distance, end somewhere, and need the detector facts.
. "$(dirname "$0")/checks.sh"
cd "$directory" || exit 1

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

# near KM FIELD VALUES...: column FIELD of the row at KM is within 2 % of the value.
near() {
    awk -v km="$1" -v column="$2" -v wanted="$3" '$1 == km { d = $column / wanted - 1; if (d < 0) d = -d; ok = d < 0.02 }
        END { exit !ok }' "$out" || complain "at $1 km column $2 is not $3: $(grep "^ *$1 " "$out")"
}

# Lim et al. 2014, Fig. 1, re-optimised by an independent program: blocks of 10^5 .. 10^9 sifted bits (columns 2 .. 6).
expect 0 "$program" plan "$@" --proofs lim2014 --sifted 1e5,1e6,1e7,1e8,1e9 --secrecy-a-bit 1e-15 --efficiency 0.1 --dark 6e-7 \
    --misalignment 5e-3 --afterpulse 0.04 --from 0 --to 160 --step 20
for point in 0.0/2/1.74e-3 60.0/2/1.02e-4 100.0/2/1.29e-5 0.0/3/3.83e-3 60.0/3/2.28e-4 100.0/3/3.17e-5 160.0/3/3.1e-7 \
    0.0/4/6.02e-3 60.0/4/3.61e-4 100.0/4/5.21e-5 160.0/4/1.04e-6 0.0/5/7.97e-3 100.0/5/7.08e-5 160.0/5/1.92e-6 \
    0.0/6/9.54e-3 60.0/6/5.78e-4 100.0/6/8.64e-5 160.0/6/2.79e-6; do
    # shellcheck disable=SC2046 # three words
    near $(echo "$point" | tr / ' ')
done
says "$out" '^ *160\.0 *- '

# Rusca et al. 2018, detectors of 50 %, 1 dB a kilometre: bits a second at 1 GHz and 40, 50, 60 dB (dead time is nothing there).
expect 0 "$program" plan "$@" --decoys 1 --proofs rusca2018 --sifted 1e5,1e7 --attenuation 1 --efficiency 0.5 --dark 5e-9 \
    --epsilon 1e-9 --from 40 --to 60 --step 5
for point in 40.0/2/2.3e-6 50.0/2/1.86e-7 40.0/3/5.8e-6 50.0/3/5.25e-7 60.0/3/1.7e-8; do
    # shellcheck disable=SC2046 # three words
    near $(echo "$point" | tr / ' ')
done

# Side by side, as objects and as a drawing.
expect 0 "$program" plan "$@" --proofs keystill,lim2014,tupkary2024 --pulses 1e9,1e10 --from 0 --to 100 --step 50 --plot plot.svg --json
[ "$(wc -l <"$out")" -eq 18 ] || complain "three distances of six curves expected"
says "$out" '"km":50,"proof":"tupkary2024","bits":[1-9][0-9]*,.*"pulses":1e+10'
[ "$(grep -c '<polyline' plot.svg)" -eq 6 ] || complain "six curves expected"
[ "$(grep -o '<circle' plot.svg | wc -l)" -eq 18 ] || complain "eighteen points expected"
tail -n 1 plot.svg >last
says last '^</svg>$'
if command -v xmllint >/dev/null; then expect 0 xmllint --noout plot.svg; fi
expect 1 "$program" plan "$@" --to 0 --plot no-such-folder/plot.svg
expect 2 "$program" plan "$@" --proofs rusca2018
says "$err" 'no proof for 2 decoys'
expect 2 "$program" plan "$@" --pulses 1e10,many
expect 2 "$program" plan "$@" --pulses ""
expect 2 "$program" plan "$@" --pulses 1e4,1e5,1e6,1e7,1e8 --proofs keystill,lim2014,tupkary2024
expect 2 "$program" plan "$@" --decoys 3
expect 2 "$program" plan "$@" --step 0
finish
