# The audit log as an operator meets it: written by both ends, verified, damaged, cut off, taken up again.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"
simulate ptu
distil() {
    # shellcheck disable=SC2086 # options are lists
    "$program" distil --events events.ptu --states states $common $tags "$@"
}

# Both ends: every event of a link, in a chain that holds, without a bit of a key.
new_psk
pair "--audit alice.log" "--audit bob.log"
codes 0 0
for side in alice bob; do
    expect 0 "$program" audit verify "$side.log"
    says "$out" "^$side.log: [0-9]* records, whole, head [0-9a-f]\{64\}$"
    for event in start self-test configuration session block keys session-end stop; do
        says "$side.log" "\"event\":\"$event\""
    done
    says "$side.log" '"event":"block".*"outcome":"key".*"phase_error":0\.0.*"epsilon":[0-9.]*e-1.*"first_key":"[0-9a-f-]*"'
    says "$side.log" '"event":"block".*"test_only":true'
    take "$tag-$side" "$side.keys"
    [ -s "$side.keys" ] || complain "no keys at $side"
    cut -d' ' -f2 "$side.keys" >secrets
    for file in "$side.log" "$side.out" "$side.err"; do
        grep -qiFf secrets "$file" && complain "a key is in $file"
        # Nor the first half of one in hexadecimal, whatever form the key has here.
        head -3 secrets | while read -r key; do
            hex=$(printf %s "$key" | base64 -d 2>/dev/null | od -An -vtx1 | tr -d ' \n' | cut -c1-32)
            [ ${#hex} -eq 32 ] && grep -qi "$hex" "$file" && echo "$file" >>leaks
        done
    done
    first=$(head -1 "$side.keys" | cut -d' ' -f1)
    [ -n "$first" ] || complain "no identifier"
done
remove_rings
[ ! -e leaks ] || complain "key bits are in $(sort -u leaks | tr '\n' ' ')"

# The second run goes on with the chain and says nothing about a configuration that is the same.
new_psk
pair "--audit alice.log" "--audit bob.log"
codes 0 0
expect 0 "$program" audit verify --json alice.log
says "$out" '"whole":true'
[ "$(grep -c '"event":"configuration"' alice.log)" -eq 1 ] || complain "a configuration that did not change was written again"
remove_rings
expect 0 distil --audit log
expect 0 distil --audit log --qber-limit 0.1
[ "$(grep -c '"event":"configuration"' log)" -eq 2 ] || complain "a change of the configuration is not in the log"
expect 4 distil --audit log --qber-limit 0.001
says log "\"event\":\"abort\".*QBER of the test basis is"

# Damage is named by line, offset and reason.
head=$("$program" audit verify --json log | sed 's/.*"head":"\([0-9a-f]*\)".*/\1/')
expect 0 "$program" audit verify log --head "$head" --records 3
sed '4s/"epoch":1/"epoch":2/' log >altered
expect 3 "$program" audit verify altered
says "$err" "altered: line 4, offset $(head -3 log | wc -c): the record was altered"
sed 4d log >deleted
expect 3 "$program" audit verify deleted
says "$err" 'line 4, offset [0-9]*: records before this one are missing'
awk 'NR == 4 { held = $0; next } { print } NR == 5 { print held }' log >moved
expect 3 "$program" audit verify moved
says "$err" 'line 4, .*missing'
sed '$d' log >shortened
expect 0 "$program" audit verify shortened
expect 3 "$program" audit verify shortened --head "$head"
says "$err" 'cut off or written anew'
expect 3 "$program" audit verify shortened --records "$(wc -l <log)"
expect 3 "$program" audit verify states
expect 0 "$program" audit verify - </dev/null
expect 2 "$program" audit verify
expect 2 "$program" audit verify log --head abc
expect 2 "$program" audit
expect 1 "$program" audit verify no-such-file
expect 3 distil --audit altered
says "$err" 'line 4'

# A crash inside of a record: said, cut off, gone on from there.
cp log torn
printf '{"n":%s,"time":"20' "$(wc -l <log)" >>torn
chmod 600 torn
expect 3 "$program" audit verify torn
says "$err" 'without an end of line'
expect 0 distil --audit torn
says "$err" 'torn by a crash'
says torn '"event":"start".*"torn_bytes_cut_off":1[0-9]*'
expect 0 "$program" audit verify torn --head "$head"

# A disk that is full, before the first block and in the middle: the link stops, and what is in the log is whole.
for size in 3 7 9; do
    rm -f full
    # shellcheck disable=SC2086 # options are lists
    expect 1 sh -c 'trap "" XFSZ; ulimit -f $0; exec "$@"' $size "$program" distil --events events.ptu --states states $common $tags \
        --audit full
    cat "$out" >>"$err"
    says "$err" 'audit log: full: write:'
    expect 0 "$program" audit verify full
    grep -q '"event":"stop"' full && complain "a stop on a full disk"
done
finish
