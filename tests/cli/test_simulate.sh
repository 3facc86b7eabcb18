# keystill simulate: reproducible files of every kind, states in three forms that mean the same, refusals.
. "$(dirname "$0")/checks.sh"
cd "$directory" || exit 1
small="--pulses 300000 --clock 100M --preset metro-10km"

same() {
    cmp -s "$1" "$2" || complain "$1 and $2 differ"
}

expect 0 "$program" simulate --help
says "$out" '--missed-markers P'
says "$out" '--states-seed FILE'

expect 0 "$program" simulate --list-presets
for preset in metro-10km metro-50km kiwi-80M-apd padova-50M unige-2.5G-snspd rusca-ref ustc-625M toshiba-1G-sdapd \
    sat-100M gys geneva-2.5G; do
    says "$out" "^$preset: "
done
says "$out" 'assumed'
says "$out" 'memory: '

# The report goes to standard error; without outputs nothing else happens.
expect 0 "$program" simulate $small
silent "$out"
says "$err" '300000 pulses'
says "$err" 'expected without dead time: QBER 1.0'
expect 0 "$program" simulate $small -q
silent "$err"
expect 0 "$program" simulate $small --json
says "$out" '"pulses":300000'
says "$out" '"expected_qber_key":0.0100'

# Every format is written whole and the same for the same seed, whatever the threads; another seed differs.
for format in ptu pq-t2-raw swabian qutag qutag-raw csv slots; do
    expect 0 "$program" simulate $small --events a.$format --format $format --seed 7
    expect 0 "$program" simulate $small --events b.$format --format $format --seed 7 --sim-threads 2
    same a.$format b.$format
    [ -s a.$format ] || complain "a.$format is empty"
    expect 0 "$program" simulate $small --events c.$format --format $format --seed 8
    cmp -s a.$format c.$format && complain "$format: another seed gives the same events"
done
expect 0 "$program" simulate $small --events - --format csv --seed 7
same a.csv "$out"

# S-Fifteen has four inputs: detectors only.
expect 1 "$program" simulate $small --events d.s15 --format s15-a1
[ ! -e d.s15 ] || complain "a refused output stays"
expect 0 "$program" simulate $small --events d.s15 --format s15-a1 --marker-slots 0
[ -s d.s15 ] || complain "d.s15 is empty"

# States: packed, as a seed, and read back give the same events.
expect 0 "$program" simulate $small --states p.qst --states-seed s.qss --truth t.csv --events e.csv --format csv
[ "$(wc -c <p.qst)" -eq $((64 + 48 + 150000)) ] || complain "p.qst has $(wc -c <p.qst) bytes"
[ "$(wc -c <s.qss)" -eq $((64 + 48 + 32)) ] || complain "s.qss has $(wc -c <s.qss) bytes"
says t.csv '^time,lane,slot,origin,known$'
says t.csv ',0,marker,0$'
[ "$(wc -l <t.csv)" -eq "$(wc -l <e.csv)" ] || complain "truth and events differ in number"
for form in p.qst s.qss; do
    expect 0 "$program" simulate $small --from-states $form --events f.csv --format csv --states g.qst
    same e.csv f.csv
    same p.qst g.qst
done

# A pattern repeats.
expect 0 "$program" simulate $small --states-pattern pattern.qsp --pattern-slots 1000 --states p.qst --events h.csv --format csv
[ "$(wc -c <pattern.qsp)" -eq $((64 + 48 + 500)) ] || complain "pattern.qsp has $(wc -c <pattern.qsp) bytes"
tail -c +113 p.qst | head -c 500 >first
tail -c +613 p.qst | head -c 500 >second
same first second
expect 0 "$program" simulate $small --from-states pattern.qsp --events i.csv --format csv
same h.csv i.csv

# Refusals.
expect 2 "$program" simulate --preset no-such
says "$err" 'list-presets'
expect 2 "$program" simulate --format no-such
expect 2 "$program" simulate $small --seconds 1
expect 2 "$program" simulate $small --efficiency 1.5
says "$err" 'efficiency: expected 0 to 1'
expect 2 "$program" simulate $small --mu 0.5,0.1
says "$err" 'give --probability'
expect 0 "$program" simulate $small --mu 0.5,0.1 --probability 0.6,0.4
expect 2 "$program" simulate $small --events - --states -
expect 2 "$program" simulate $small stray
head -c 100 p.qst >cut.qst
expect 3 "$program" simulate $small --from-states cut.qst
says "$err" 'cut.qst'
expect 1 "$program" simulate $small --from-states missing.qst
expect 1 "$program" simulate $small --events no/such/folder

# Real time is kept; a reader that leaves ends it.
start=$(date +%s%N)
expect 0 "$program" simulate --preset metro-50km --seconds 0.4 --loss 20 --realtime
[ $(($(date +%s%N) - start)) -ge 390000000 ] || complain "faster than real time"
("$program" simulate --seconds 60 --events - --format csv 2>"$err"; echo $? >code) | head -1 >/dev/null
[ "$(cat code)" = 6 ] || complain "exit code $(cat code) for a closed output"
finish
