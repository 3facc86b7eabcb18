# keystill alice and keystill bob as processes.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"
simulate ptu

# Both hold the same keys; a second run with the pools goes on.
new_psk
pair "" ""
codes 0 0
says alice.out '^alice: ok'
says bob.out '2 with key'
pair "--pool psk.alice.pool" "--pool psk.bob.pool --json"
codes 0 0
says bob.out '"event":"report".*"status":"ok"'
take "$tag-alice" alice.keys
take "$tag-bob" bob.keys
cmp -s alice.keys bob.keys || complain "the keys of the two ends differ"
[ "$(wc -l <alice.keys)" -gt 300 ] || complain "hardly any keys"

# Over TCP, Alice first, from a pipe.
port=$((12000 + $$ % 20000))
new_psk
# shellcheck disable=SC2086
{
    timeout 60 "$program" alice --states - --listen "tcp:127.0.0.1:$port" --psk psk --ring "$tag-alice" $common <states \
        >alice.out 2>alice.err &
    alice_pid=$!
    timeout 60 "$program" bob --events - --connect "tcp:localhost:$port" --psk psk --ring "$tag-bob" $common $tags \
        <events.ptu >bob.out 2>bob.err
    bob_code=$?
    wait "$alice_pid"
    alice_code=$?
}
codes 0 0

# Another configuration, another link, another secret.
pair "--qber-limit 0.1" ""
codes 3 3
says bob.out 'configurations differ: QBER limit'
pair "" "--link elsewhere"
[ "$bob_code" -eq 1 ] || complain "a ring of another link is taken"
says bob.err 'belongs to another link'
remove_rings
pair "" "--link elsewhere"
codes 3 3
says bob.out 'another link'
new_psk
mv psk.alice.pool mine.pool
new_psk
pair "--pool mine.pool" ""
[ "$alice_code" -ne 0 ] && [ "$bob_code" -ne 0 ] || complain "pools of different secrets go together"

# A full ring: the input waits, nothing is overwritten, and goes on when keys are taken.
remove_rings
new_psk
rm -f socket
# shellcheck disable=SC2086
{
    timeout 60 "$program" alice --states states --connect unix:socket --psk psk --ring "$tag-alice" --ring-slots 40 $common \
        >alice.out 2>alice.err </dev/null &
    alice_pid=$!
    timeout 60 "$program" bob --events events.ptu --listen unix:socket --psk psk --ring "$tag-bob" --ring-slots 30 $common $tags \
        >bob.out 2>bob.err </dev/null &
    bob_pid=$!
}
: >alice.all
: >bob.all
while kill -0 "$alice_pid" 2>/dev/null || kill -0 "$bob_pid" 2>/dev/null; do
    "$program" keys take 100 --ring "$tag-alice" >>alice.all 2>/dev/null
    "$program" keys take 100 --ring "$tag-bob" >>bob.all 2>/dev/null
    sleep 0.05
done
wait "$alice_pid"
alice_code=$?
wait "$bob_pid"
bob_code=$?
codes 0 0
"$program" keys take 100 --ring "$tag-alice" >>alice.all 2>/dev/null
"$program" keys take 100 --ring "$tag-bob" >>bob.all 2>/dev/null
sort alice.all >alice.keys
sort bob.all >bob.keys
cmp -s alice.keys bob.keys || complain "keys were lost in full rings"
[ "$(wc -l <alice.keys)" -gt 100 ] || complain "hardly any keys through full rings"
remove_rings

# A reader of the output that goes away.
new_psk
rm -f socket
# shellcheck disable=SC2086
{
    timeout 60 "$program" alice --states states --connect unix:socket --connect-timeout 3 --psk psk --ring "$tag-alice" $common \
        >alice.out 2>alice.err </dev/null &
    alice_pid=$!
    {
        timeout 60 "$program" bob --events events.ptu --listen unix:socket --psk psk --ring "$tag-bob" --json $common $tags \
            2>bob.err </dev/null
        echo $? >bob.code
    } | head -n 1 >bob.out
    wait "$alice_pid"
}
[ "$(cat bob.code)" -eq 6 ] || complain "bob returned $(cat bob.code) when its output was closed"
remove_rings

# wait_for FILE: until it exists.
wait_for() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        [ -e "$1" ] && return 0
        sleep 0.1
    done
    complain "$1 does not appear"
}

# start_slow: Bob's input does not end, so that both are in the middle of it.
start_slow() {
    new_psk
    rm -f socket fifo
    mkfifo fifo
    # shellcheck disable=SC2086
    {
        (cat events.ptu; sleep 60) >fifo &
        feeder=$!
        timeout 60 "$program" bob --events fifo --listen unix:socket --psk psk --ring "$tag-bob" $common $tags \
            >bob.out 2>bob.err </dev/null &
        bob_pid=$!
        wait_for socket
        timeout 60 "$program" alice --states states --connect unix:socket --psk psk --ring "$tag-alice" $common \
            >alice.out 2>alice.err </dev/null &
        alice_pid=$!
    }
    sleep 1
}

# end_slow: collects both.
end_slow() {
    wait "$alice_pid"
    alice_code=$?
    wait "$bob_pid"
    bob_code=$?
    kill "$feeder" 2>/dev/null
    wait "$feeder" 2>/dev/null
}

# Ctrl-C in the middle: a clean stop with exit code 130, no half-written file, the keys of finished blocks in the rings.
start_slow
kill -INT "$bob_pid"
end_slow
[ "$bob_code" -eq 130 ] || complain "bob returned $bob_code on Ctrl-C"
says bob.out '^bob: interrupted'
ls ./*.part >/dev/null 2>&1 && complain "half-written files stay"
take "$tag-alice" alice.keys
take "$tag-bob" bob.keys
[ -s bob.keys ] || complain "no keys of finished blocks"
comm -12 alice.keys bob.keys >common.keys
cmp -s common.keys bob.keys || complain "an interrupted link left keys that differ"

# Ctrl-C while waiting for the peer.
new_psk
# shellcheck disable=SC2086
timeout 60 "$program" bob --events events.ptu --listen unix:socket --psk psk --ring "$tag-bob" $common $tags \
    >bob.out 2>bob.err </dev/null &
bob_pid=$!
wait_for socket
kill -INT "$bob_pid"
wait "$bob_pid"
[ $? -eq 130 ] || complain "bob is not interrupted while it waits"
[ -e socket ] && complain "the socket file stays"

# Ctrl-C while waiting for states.
rm -f fifo
mkfifo fifo
sleep 60 >fifo &
feeder=$!
# shellcheck disable=SC2086
"$program" alice --states - --connect unix:socket --psk psk --ring "$tag-alice" $common <fifo >alice.out 2>alice.err &
alice_pid=$!
sleep 0.5
kill -INT "$alice_pid"
wait "$alice_pid"
[ $? -eq 130 ] || complain "alice is not interrupted while it waits for states"
kill "$feeder" 2>/dev/null
wait "$feeder" 2>/dev/null

# A peer that dies, and one that comes back.
start_slow
kill -KILL "$(ps -o pid= --ppid "$alice_pid" 2>/dev/null || echo "$alice_pid")" 2>/dev/null
end_slow
[ "$bob_code" -eq 1 ] || complain "bob returned $bob_code when alice died"
says bob.out 'closed the connection\|broke the connection'

# A connection that breaks: both wait for each other, and go on at the next block.
if command -v ss >/dev/null 2>&1; then
    new_psk
    remove_rings
    # shellcheck disable=SC2086
    {
        timeout 60 "$program" alice --states states --listen "tcp:127.0.0.1:$port" --reconnect 10 --psk psk \
            --ring "$tag-alice" $common >alice.out 2>alice.err </dev/null &
        alice_pid=$!
        (head -c 1200000 events.ptu; sleep 2; tail -c +1200001 events.ptu) |
            timeout 60 "$program" bob --events - --connect "tcp:127.0.0.1:$port" --reconnect 10 --psk psk \
                --ring "$tag-bob" $common $tags >bob.out 2>bob.err &
        bob_pid=$!
    }
    sleep 1
    ss -K dport = "$port" >/dev/null 2>&1
    wait "$alice_pid"
    alice_code=$?
    wait "$bob_pid"
    bob_code=$?
    codes 0 0
    take "$tag-alice" alice.keys
    take "$tag-bob" bob.keys
    cmp -s alice.keys bob.keys || complain "a broken connection left keys that differ"
    remove_rings
fi

# A peer that speaks something else.
if command -v bash >/dev/null 2>&1; then
    new_psk
    # shellcheck disable=SC2086
    timeout 60 "$program" bob --events events.ptu --listen "tcp:127.0.0.1:$port" --psk psk --ring "$tag-bob" $common $tags \
        >bob.out 2>bob.err </dev/null &
    bob_pid=$!
    for _ in $(seq 50); do
        sleep 0.2
        bash -c "exec 3<>/dev/tcp/127.0.0.1/$port || exit 1; printf 'GET / HTTP/1.1\r\n\r\n' >&3; sleep 0.5" 2>/dev/null && break
    done
    wait "$bob_pid"
    [ $? -eq 3 ] || complain "a peer that speaks HTTP is malformed input"
    says bob.out 'this is no Keystill peer'
fi

# Nobody there.
# shellcheck disable=SC2086
expect 1 "$program" alice --states states --connect unix:nowhere --connect-timeout 0.2 --psk psk --ring "$tag-alice" $common
says "$out" 'nobody answers'

# Usage.
# shellcheck disable=SC2086
{
    expect 2 "$program" alice --states states --psk psk --ring "$tag-alice" $common
    expect 2 "$program" alice --states states --connect nonsense --connect-timeout 1 --psk psk --ring "$tag-alice" $common
    expect 2 "$program" alice --states states --connect unix:x --psk psk $common
    expect 2 "$program" alice --states states --connect unix:x --ring "$tag-alice" $common
    expect 2 "$program" alice --connect unix:x --psk psk --ring "$tag-alice" $common
    expect 2 "$program" alice --states states --clock 99M --connect unix:x --psk psk --ring "$tag-alice" $common
    expect 2 "$program" bob --events events.ptu --listen unix:x --connect unix:y --psk psk --ring "$tag-bob" $common $tags
    head -c 100 /dev/urandom >short
    chmod 600 short
    expect 3 "$program" alice --states states --connect unix:x --psk short --ring "$tag-alice" $common
}
finish
