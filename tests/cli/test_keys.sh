# keystill keys: status, take, follow, wipe; refusals, closed outputs, Ctrl-C. Needs RING_FEED, which fills a ring.
. "$(dirname "$0")/checks.sh"
ring=cli-$$
trap '"$program" keys wipe --ring "$ring" --yes --remove 2>/dev/null; rm -rf "$directory"' EXIT

feed() {
    "$RING_FEED" "$ring" "$1" >/dev/null || complain "ring_feed failed"
}

expect 2 "$program" keys
expect 0 "$program" keys --help
says "$out" 'follow'
expect 2 "$program" keys staus
says "$err" 'status'
expect 2 "$program" keys status
expect 2 "$program" keys status --ring a/b
expect 1 "$program" keys status --ring "$ring"
says "$err" 'no ring named'

feed 6
expect 0 "$program" keys status --ring "$ring"
says "$out" '6 ready of 32 bytes'
says "$out" 'TEST ONLY'
expect 0 "$program" keys status --ring "$ring" --json
says "$out" '"confirmed":6,'
says "$out" '"writer_alive":false'
says "$out" '"test_only":true'

expect 0 "$program" keys take --ring "$ring"
says "$out" '^00000000-0000-0000-0000-000000000000 0000000000000000000000000000000000000000000000000000000000000000$'
says "$err" 'NOT SECRET'
expect 0 "$program" keys take --ring "$ring" --id 03000000-0000-0000-0000-000000000000 --format base64 -q
says "$out" '^03000000-0000-0000-0000-000000000000 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=$'
silent "$err"
expect 1 "$program" keys take --ring "$ring" --id 03000000-0000-0000-0000-000000000000
silent "$out"
expect 2 "$program" keys take --ring "$ring" --id 3
expect 2 "$program" keys take --ring "$ring" --format hexx
expect 2 "$program" keys take --ring "$ring" 0
expect 2 "$program" keys take --ring "$ring" 1 2
expect 0 "$program" keys take --ring "$ring" --json
says "$out" '^{"key_ID":"01000000-0000-0000-0000-000000000000","key":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}$'
expect 0 "$program" keys take --ring "$ring" --format raw
[ "$(wc -c <"$out")" -eq 32 ] || complain "raw key has $(wc -c <"$out") bytes"
expect 1 "$program" keys take --ring "$ring" 9
[ "$(wc -l <"$out")" -eq 2 ] || complain "not the two keys that were left"
says "$err" 'only 2 of 9'

# A closed output costs no key when it is known beforehand.
feed 5
{ sleep 0.3; "$program" keys take --ring "$ring" 5 2>"$err"; echo $? >"$directory/code"; } | true
[ "$(cat "$directory/code")" -eq 6 ] || complain "exit code $(cat "$directory/code") for a closed output"
expect 0 "$program" keys status --ring "$ring"
says "$out" '5 ready'

# A device that takes nothing: the key is lost, and named.
"$program" keys take --ring "$ring" >/dev/full 2>"$err"
[ $? -eq 1 ] || complain "a full device was not noticed"
says "$err" 'key 00000000-0000-0000-0000-000000000000 was taken'

expect 0 "$program" keys follow --ring "$ring" --count 2
[ "$(wc -l <"$out")" -eq 2 ] || complain "follow --count 2 gave $(wc -l <"$out") keys"

# Ctrl-C (TERM here: background jobs ignore INT) ends with 130, everything printed.
"$program" keys follow --ring "$ring" >"$out" 2>"$err" &
follower=$!
sleep 0.5
kill -TERM "$follower"
wait "$follower"
code=$?
[ "$code" -eq 130 ] || complain "exit code $code after a signal"
[ "$(wc -l <"$out")" -eq 2 ] || complain "follow gave $(wc -l <"$out") keys"

feed 4
expect 2 "$program" keys wipe --ring "$ring"
expect 0 "$program" keys wipe --ring "$ring" --yes
says "$err" '4 keys wiped'
expect 1 "$program" keys take --ring "$ring"

# A living writer keeps its ring.
mkfifo "$directory/hold"
"$RING_FEED" "$ring" 1 hold <"$directory/hold" >"$directory/ready" &
exec 9>"$directory/hold"
while ! grep -q ready "$directory/ready"; do sleep 0.05; done
expect 1 "$program" keys wipe --ring "$ring" --yes --remove
says "$err" 'living writer'
expect 0 "$program" keys status --ring "$ring" --json
says "$out" '"writer_alive":true'
exec 9>&-
wait
expect 0 "$program" keys wipe --ring "$ring" --yes --remove
expect 1 "$program" keys status --ring "$ring"
finish
