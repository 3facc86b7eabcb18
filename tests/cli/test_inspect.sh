# keystill inspect: what it finds in small files of several formats, in real ones where there are any, and in broken ones.
. "$(dirname "$0")/checks.sh"

# json FIELD VALUE: the JSON report holds "FIELD":VALUE.
json() {
    grep -q -e "\"$1\":$2[,}]" "$out" || { complain "no \"$1\":$2 in:"; cut -c 1-600 "$out" >&2; }
}

csv=$directory/tags.csv
printf '# made by hand\n100,1\n200,2\n1100,1\n1100,3\n900,2\nnonsense\n5000000,1\n' >"$csv"
expect 0 "$program" inspect --format csv "$csv"
silent "$err"
says "$out" 'csv, time tags'
says "$out" 'back-steps 1, beyond the reorder window 1, bad records 1'
says "$out" '^  *1  *3  '
says "$out" '1+3  2'
says "$out" 'arrivals over'

expect 0 "$program" inspect --json --format csv --channels H=1,V=2 --window 0 "$csv"
json format '"csv"'
json events 5
json backsteps 1
json unknown_channel 1
json bad_records 1
json name '"V"'
json coincidences '\[\]'

expect 0 "$program" inspect --json --format csv --period 1000 --unit 1/256ns "$csv"
json folded true
json denominator 256000000000
printf '1.5 1\n2.5 1\n' >"$directory/decimal.csv"
expect 0 "$program" inspect --json --format csv --unit 1ns "$directory/decimal.csv"
json span_seconds 1e-9

# The same stream from standard input.
"$program" inspect --json --format csv - <"$csv" >"$out" 2>"$err" || complain 'inspect -'
json events 6

# Detector patterns: two of four detectors in one word.
printf '00000000000fa003\n00000000001f4001\n' >"$directory/patterns"
expect 0 "$program" inspect --format s15-a2 "$directory/patterns"
says "$out" '1+2  1'

# A 16-byte tag, a gap of 258 missed events, a tag, and the first half of one more.
swabian=$directory/tags.swabian
{
    printf '\000\000\000\000\001\000\000\000\100\000\000\000\000\000\000\000'
    printf '\004\000\002\001\000\000\000\000\100\000\000\000\000\000\000\000'
    printf '\000\000\000\000\376\377\377\377\200\000\000\000\000\000\000\000'
    printf '\000\000\000\000\001\000\000\000'
} >"$swabian"
expect 3 "$program" inspect --json --format swabian "$swabian"
says "$err" 'tags.swabian: byte 48: expected a 16-byte Swabian tag'
json events 2
json gaps 1
json missed 258
json channel -2
says "$out" '"error":"byte 48'

# T3: two photons, one overflow of 1024 sync periods between them; arrivals are folded at the sync.
t3=$directory/tags.t3
printf '\011\104\000\004\001\000\000\376\012\104\000\004' >"$t3"
expect 0 "$program" inspect --json --format pq-t3-raw --unit 12.5ns "$t3"
json kind '"sync"'
json folded true
json overflows 1
json span_seconds 1.28125e-5
expect 0 "$program" inspect --format pq-t3-raw --unit 12.5ns "$t3"
says "$out" 'within the period of 12.5 ns'

expect 3 "$program" inspect "$csv"
silent "$out"
says "$err" 'tags.csv: byte 0: expected the magic .* found 23 20 6d 61 64 65 20 62'
expect 3 "$program" inspect --format ptu "$csv"
says "$err" 'PQTTTR'
expect 2 "$program" inspect
expect 2 "$program" inspect --format ttbin "$csv"
says "$err" "unknown format 'ttbin'"
expect 2 "$program" inspect --unit parsec "$csv"
expect 2 "$program" inspect --channels 1,two "$csv"
says "$err" "found 'two'"
expect 2 "$program" inspect --format pq-t3-raw "$csv"
says "$err" 'sync period'
expect 1 "$program" inspect "$directory/absent"
says "$err" 'absent'

if [ -f "$KS_DATA/hydraharp_t2.ptu" ]; then
    expect 0 "$program" inspect --json "$KS_DATA/hydraharp_t2.ptu"
    json data_offset 4392
    json records 435319
    json events 305565
    json overflows 129754
    json span_seconds 4.999940497998
    json device '"HydraHarp 400"'
fi
if [ -f "$KS_DATA/qutag_80mhz.qutag" ]; then
    expect 0 "$program" inspect --json --reorder 1000000 "$KS_DATA/qutag_80mhz.qutag"
    json events 267801
    json backsteps 173
    json late 0
fi
finish
