# The pre-shared key of each end makes its pool once. A pool that is lost does not come again from the same key; another key
# takes the place of a pool only when that is said.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"
simulate ptu

new_end() { # each end has a copy of a key in KEY.alice and KEY.bob
    (umask 077 && head -c 4096 /dev/urandom >"$1.alice" && cp "$1.alice" "$1.bob")
}
new_end first
pair_with() {
    rm -f socket
    # shellcheck disable=SC2086 # options are lists
    {
        timeout 60 "$program" alice --states states --connect unix:socket --connect-timeout 3 --ring "$tag-alice" $common $1 \
            >alice.out 2>alice.err </dev/null &
        alice_pid=$!
        timeout 60 "$program" bob --events events.ptu --listen unix:socket --ring "$tag-bob" $common $tags $2 \
            >bob.out 2>bob.err </dev/null
        bob_code=$?
    }
    wait "$alice_pid"
    alice_code=$?
}
cp first.alice kept
pair_with "--psk first.alice" "--psk first.bob"
codes 0 0
says first.alice '^Keystill: this pre-shared key has made its pool and is erased'
says alice.err 'has served and is erased'
pair_with "--psk first.alice" "--psk first.bob"
codes 0 0
mv first.alice.alice.pool lost
# shellcheck disable=SC2086
expect 4 "$program" alice --states states --connect unix:x --psk first.alice --ring "$tag-alice" $common
says "$err" 'has made its pool and is erased'
mv lost first.alice.alice.pool
cp kept first.alice # as after a crash between the pool and the erasure: made good
pair_with "--psk first.alice" "--psk first.bob"
codes 0 0
says first.alice '^Keystill: this pre-shared key has made its pool and is erased'
cp kept first.alice
# shellcheck disable=SC2086
{
    expect 4 "$program" alice --states states --connect unix:x --psk first.alice --new-pool --ring "$tag-alice" $common
    says "$err" 'was made from first.alice itself'
    new_end second
    expect 4 "$program" alice --states states --connect unix:x --psk second.alice --pool first.alice.alice.pool --ring "$tag-alice" $common
    says "$err" 'another key than the pool was made from (--new-pool replaces the pool)'
    expect 2 "$program" alice --states states --connect unix:x --pool first.alice.alice.pool --new-pool --ring "$tag-alice" $common
}
pair_with "--psk second.alice --pool first.alice.alice.pool --new-pool" "--psk second.bob --pool first.bob.bob.pool --new-pool"
codes 0 0

# A pool from a backup is refused, by both ends; put right again it serves.
cp first.bob.bob.pool backup
pair_with "--psk second.alice --pool first.alice.alice.pool" "--psk second.bob --pool first.bob.bob.pool"
codes 0 0
cp first.bob.bob.pool good
cp backup first.bob.bob.pool
pair_with "--psk second.alice --pool first.alice.alice.pool" "--psk second.bob --pool first.bob.bob.pool"
codes 4 4
says alice.out 'restored from a copy'
says bob.out 'restored from a copy'
cp good first.bob.bob.pool
pair_with "--psk second.alice --pool first.alice.alice.pool" "--psk second.bob --pool first.bob.bob.pool"
codes 0 0
finish
