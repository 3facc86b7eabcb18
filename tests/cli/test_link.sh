# keystill link: the demonstration, and that it leaves nothing behind.
. "$(dirname "$0")/checks.sh"
TMPDIR=$directory
export TMPDIR

nothing_left() {
    [ -z "$(ls -d "$directory"/keystill-link-* 2>/dev/null)" ] || complain "temporary files stay"
    # shellcheck disable=SC2012
    for ring in /dev/shm/keystill-link-*; do
        [ -e "$ring" ] || continue
        owner=${ring#/dev/shm/keystill-link-}
        owner=${owner%-*}
        kill -0 "$owner" 2>/dev/null || complain "the ring $ring stays"
    done
}

bright="--mu 0.5 --probability 1 --distance 0 --receiver-loss 0 --alice-test-basis 0.3 --bob-test-basis 0.3"
for format in ptu swabian; do
    # shellcheck disable=SC2086
    expect 0 "$program" link $bright --pulses 3000000 --block 1M --format "$format"
    says "$out" '^alice: ok'
    says "$out" '^bob: ok'
    says "$out" '^IDENTICAL: '
    says "$out" 'x real time'
    nothing_left
done
# shellcheck disable=SC2086
expect 0 "$program" link $bright --pulses 3000000 --block 1M --json
says "$out" '"event":"link".*"identical":true'

# Eve on the links that gave keys above: no key, a security abort, and no verdict of identity.
for attack in intercept intercept:0.6 bright; do
    # shellcheck disable=SC2086
    expect 4 "$program" link $bright --pulses 3000000 --block 1M --attack "$attack"
    says "$out" 'NOT IDENTICAL: 0 keys alike'
    nothing_left
done
expect 2 "$program" link --attack nobody
expect 2 "$program" link --attack pns:2
expect 2 "$program" link --attack pns --passive

expect 2 "$program" link --preset no-such-link
expect 2 "$program" link --no-such-option

# Ctrl-C in the middle.
"$program" link --preset metro-10km --seconds 100 >"$out" 2>"$err" </dev/null &
pid=$!
sleep 2
kill -INT "$pid"
wait "$pid"
[ $? -eq 130 ] || complain "an interrupted demonstration does not return 130"
nothing_left

# The terminal goes; an end that hangs does not keep a second signal from cleaning up.
"$program" link --preset metro-10km --seconds 100 >"$out" 2>"$err" </dev/null &
pid=$!
sleep 1
for child in $(ps -o pid= --ppid "$pid"); do kill -STOP "$child"; done
kill -HUP "$pid"
sleep 2.2
kill -TERM "$pid"
sleep 2.2
kill -TERM "$pid" 2>/dev/null # when the test itself runs with hangups ignored
wait "$pid"
[ $? -eq 130 ] || complain "a demonstration that is hung up on does not return 130"
nothing_left
finish
