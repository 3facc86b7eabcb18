# Sourced after checks.sh by the tests of sessions: a small simulated link and how its ends are called.
cd "$directory" || exit 1
tag=test-$$

# simulate FORMAT [OPTION...]: 20 ms of a bright link without decoys into events.FORMAT and states.
simulate() {
    format=$1
    shift
    "$program" simulate -q --preset metro-10km --mu 0.5 --probability 1 --distance 0 --receiver-loss 0 \
        --alice-test-basis 0.3 --bob-test-basis 0.3 --pulses 2000000 --format "$format" \
        --events "events.$format" --states-seed states "$@"
}

# What both ends state alike, and how Bob reads.
common="--intensities single --basis-choice active --efficiency-mismatch 0 --dark-mismatch 0 --dark-probability 1e-6 --block 900k"
tags="--clock 100M --markers 4000 --gate 1000 --dead-time 9000 --delays V=310,A=310"

# A pre-shared key of which each end has had a copy: the pools psk.alice.pool and psk.bob.pool, and psk, which is erased.
new_psk() {
    rm -f psk psk.*.pool
    (umask 077 && head -c 4096 /dev/urandom >psk && cp psk psk.copy)
    "$program" psk pool -q psk psk.alice.pool >/dev/null
    "$program" psk pool -q psk.copy psk.bob.pool >/dev/null
    rm -f psk.copy
}

# pair ALICE_OPTIONS BOB_OPTIONS: both ends over a Unix socket; leaves $alice_code, $bob_code and {alice,bob}.{out,err}.
pair() {
    rm -f socket
    # shellcheck disable=SC2086 # options are lists
    {
        timeout 60 "$program" alice --states states --connect unix:socket --connect-timeout 3 --psk psk --ring "$tag-alice" $common $1 \
            >alice.out 2>alice.err </dev/null &
        alice_pid=$!
        timeout 60 "$program" bob --events events.ptu --listen unix:socket --psk psk --ring "$tag-bob" $common $tags $2 \
            >bob.out 2>bob.err </dev/null
        bob_code=$?
    }
    wait "$alice_pid"
    alice_code=$?
}

# codes ALICE BOB: what the ends of the last pair must have returned.
codes() {
    [ "$alice_code" -eq "$1" ] || { complain "alice returned $alice_code instead of $1"; tail -n 3 alice.out alice.err >&2; }
    [ "$bob_code" -eq "$2" ] || { complain "bob returned $bob_code instead of $2"; tail -n 3 bob.out bob.err >&2; }
}

# take RING FILE: all keys of a ring, sorted by identifier.
take() {
    "$program" keys take 100000 --ring "$1" 2>/dev/null | sort >"$2"
}

remove_rings() {
    rm -f "/dev/shm/keystill-$tag-alice" "/dev/shm/keystill-$tag-bob"
}
trap 'remove_rings; rm -rf "$directory"' EXIT
