# Whoever connects to a listening end and is no peer: silence, well-framed garbage, another version; and a peer that hangs.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"
command -v bash >/dev/null 2>&1 || finish # its /dev/tcp is the stranger
simulate ptu
port=$((12000 + ($$ + 7000) % 20000))

# listen OPTIONS: bob at $port in the background, leaves $bob_pid.
listen() {
    # shellcheck disable=SC2086 # options are a list
    {
        timeout 60 "$program" bob --events events.ptu --listen "tcp:127.0.0.1:$port" --psk psk --ring "$tag-bob" --peer-timeout 2 \
            $common $tags $1 >bob.out 2>bob.err </dev/null &
    }
    bob_pid=$!
}

# stranger BYTES SECONDS: connects, says this (a format of printf), stays for so long.
stranger() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        bash -c "exec 3<>/dev/tcp/127.0.0.1/$port && printf '$1' >&3 && sleep $2" 2>/dev/null && return
        sleep 0.2
    done
    complain "nobody listens at $port"
}

# A frame of 40 bytes: the header of a greeting from Alice in the version that is given, and one of noise.
greeting() {
    printf '\\x28\\0\\0\\0KSM1\\x%02x\\1\\0\\0' "$1"
    printf '\\0%.0s' 1 2 3 4 5 6 7 8 9 10 11 12
    printf '\\xff\\xff\\xff\\xff'
    printf '\\0%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
}
noise='\x0a\0\0\0abcdefghij'

# alone CODE WORD BYTES SECONDS: a stranger ends an end that does not reconnect.
alone() {
    new_psk
    listen ""
    stranger "$3" "$4"
    wait "$bob_pid"
    code=$?
    [ "$code" -eq "$1" ] || complain "bob returned $code instead of $1: $2"
    says bob.out "$2"
    remove_rings
}
alone 3 'the peer speaks protocol version 2, this end 1' "$(greeting 2)" 0.2
alone 3 'message of 10 bytes' "$noise" 0.2
alone 1 'did not greet\|no sign of life' '' 4

# With --reconnect they are dropped one after the other, and the peer still finds an open ear.
new_psk
listen "--reconnect 20"
stranger '' 0.1
stranger "$noise" 0.2
stranger "$(greeting 2)" 0.2
stranger '' 2.5
# shellcheck disable=SC2086
timeout 60 "$program" alice --states states --connect "tcp:127.0.0.1:$port" --psk psk --ring "$tag-alice" $common \
    >alice.out 2>alice.err </dev/null
alice_code=$?
wait "$bob_pid"
bob_code=$?
codes 0 0
says bob.err 'no peer: message of 10 bytes'
says bob.err 'no peer: .*protocol version 2'
says bob.err 'no peer: .*\(did not greet\|no sign of life\)'
take "$tag-alice" alice.keys
take "$tag-bob" bob.keys
cmp -s alice.keys bob.keys || complain "the keys of the two ends differ"
remove_rings

# A peer that hangs while its connection stands is dead after --peer-timeout.
new_psk
rm -f fifo
mkfifo fifo
(cat events.ptu; sleep 60) >fifo &
feeder=$!
# shellcheck disable=SC2086
{
    timeout 60 "$program" bob --events fifo --listen "tcp:127.0.0.1:$port" --psk psk --ring "$tag-bob" --peer-timeout 2 \
        $common $tags >bob.out 2>bob.err </dev/null &
    bob_pid=$!
    "$program" alice --states states --connect "tcp:127.0.0.1:$port" --psk psk --ring "$tag-alice" $common \
        >alice.out 2>alice.err </dev/null &
    alice_pid=$!
}
sleep 1.5
kill -STOP "$alice_pid"
wait "$bob_pid"
bob_code=$?
kill -CONT "$alice_pid"
wait "$alice_pid"
alice_code=$?
kill "$feeder" 2>/dev/null
wait "$feeder" 2>/dev/null
[ "$bob_code" -eq 1 ] || complain "bob returned $bob_code when alice hung"
says bob.out 'no sign of life for 2000 ms'
[ "$alice_code" -ne 0 ] || complain "alice found nothing wrong after she hung"

# A time-out below the signs of life is refused.
# shellcheck disable=SC2086
expect 2 "$program" alice --states states --connect unix:x --peer-timeout 1 --psk psk --ring "$tag-alice" $common
finish
