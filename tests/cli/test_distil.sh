# keystill distil: every format that the simulator writes, and malformed input.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"

# distil EXIT FORMAT [OPTION...]
distil() {
    wanted=$1
    format=$2
    shift 2
    # shellcheck disable=SC2086 # options are lists
    expect "$wanted" "$program" distil --events "events.$format" --format "$format" --states states $common "$@"
}

for format in ptu swabian csv qutag qutag-raw pq-t2-raw; do
    simulate "$format"
    # shellcheck disable=SC2086
    distil 0 "$format" $tags --output keys
    says "$out" '^distil: ok'
    says "$out" '^  blocks .* 2 with key, 0 aborted'
    [ "$(wc -c <keys)" -gt 5000 ] || complain "$format: hardly any keys"
    rm -f "events.$format" keys
done
simulate slots
distil 0 slots --clock 100M --lanes H=0,V=1,D=2,A=3
says "$out" '2 with key'

# Keys on standard output: nothing else is there.
simulate ptu
# shellcheck disable=SC2086
distil 0 ptu $tags --output -
[ "$(wc -c <"$out")" -gt 5000 ] || complain "hardly any keys on standard output"
grep -aq '^distil: ' "$out" && complain "the report is among the keys"
says "$err" '^distil: ok'
# shellcheck disable=SC2086
distil 2 ptu $tags --output - --json

# Packed states and a pattern serve as well as a seed.
simulate ptu
"$program" simulate -q --preset metro-10km --mu 0.5 --probability 1 --distance 0 --receiver-loss 0 --alice-test-basis 0.3 \
    --bob-test-basis 0.3 --pulses 2000000 --events events.ptu --states packed
# shellcheck disable=SC2086
expect 0 "$program" distil --events events.ptu --states packed $common $tags
# shellcheck disable=SC2086
"$program" simulate -q --preset metro-10km --mu 0.5 --probability 1 --distance 0 --receiver-loss 0 --alice-test-basis 0.3 \
    --bob-test-basis 0.3 --pulses 2000000 --events events.ptu --states-pattern pattern
# shellcheck disable=SC2002,SC2086 # a pipe is what is tested
cat events.ptu | "$program" distil --events - --states pattern $common $tags >"$out" 2>"$err" || complain "distil from a pipe"
says "$out" 'TEST ONLY'

# One JSON object a line; a configuration file serves both.
simulate ptu
cat >keystill.ini <<END
[distil]
clock = 100M
markers = 4000
gate = 1000 ; ps
dead-time = 9000
delays = V=310,A=310
intensities = single
basis-choice = active
efficiency-mismatch = 0
dark-mismatch = 0
dark-probability = 1e-6
block = 900k
END
expect 0 "$program" distil --config keystill.ini --events events.ptu --states states --json
says "$out" '"event":"block"'
says "$out" '"event":"input"'
says "$out" '"event":"report".*"status":"ok"'

# Not Alice's states: half of all bits differ, which is no key and a security abort.
simulate ptu --seed 2
cp states other-states
simulate ptu
# shellcheck disable=SC2086
expect 4 "$program" distil --events events.ptu --states other-states $common $tags

# Malformed input: what was good before it is used, the place is named, exit code 3.
head -c 2000001 events.ptu >events.cut
# shellcheck disable=SC2086
{
    expect 3 "$program" distil --events events.cut --states states $common $tags --output keys
    says "$err" 'byte 2000000'
    says "$out" '1 with key'
    [ -s keys ] || complain "keys from before the end of a cut file are lost"
    expect 3 "$program" distil --events events.ptu --format swabian --states states $common $tags
    says "$err" 'Swabian'
    expect 3 "$program" distil --events events.ptu --states events.ptu $common $tags
    says "$err" 'expected QST1'
    : >empty
    expect 3 "$program" distil --events empty --states states $common $tags
    expect 3 "$program" distil --events events.ptu --states empty $common $tags
    head -c 100 states >states.cut
    expect 3 "$program" distil --events events.ptu --states states.cut $common $tags
    says "$err" 'offset 80'
    head -c 300000 packed >packed.cut
    expect 3 "$program" distil --events events.ptu --states packed.cut $common $tags
    head -c 1000000 events.ptu >events.bad
    head -c 300000 /dev/urandom >>events.bad
    "$program" distil --events events.bad --states states $common $tags >"$out" 2>"$err"
    [ $? -le 3 ] || complain "noise in a file is not an error of the program"
    says "$err" 'impossible records'
}

# Usage: what the proof needs has no defaults.
expect 2 "$program" distil --states states
# shellcheck disable=SC2086
{
    expect 2 "$program" distil --events events.ptu --states states $common
    says "$err" 'clock is mandatory'
    expect 2 "$program" distil --events events.ptu --states states $tags --basis-choice active
    says "$err" 'efficiency-mismatch is mandatory'
    expect 2 "$program" distil --events events.ptu --states states $tags --efficiency-mismatch 0
    says "$err" 'basis-choice is mandatory'
    expect 2 "$program" distil --events events.ptu --states states $common $tags --lanes H=1,H=1
    expect 2 "$program" distil --events events.ptu --states states $common $tags --lanes X=1
    expect 2 "$program" distil --events events.ptu --states states $common $tags --clock 100M
    expect 2 "$program" distil --events events.ptu --states states $common $tags --qber-limit 0.9
    expect 1 "$program" distil --events no-such-file --states states $common $tags
}

# An output that takes nothing, and one on a full disk: nothing half-written stays.
if [ -e /dev/full ]; then
    # shellcheck disable=SC2086
    expect 6 "$program" distil --events events.ptu --states states $common $tags --output /dev/full
fi
mkdir disk
if mount -t tmpfs -o size=8k none disk 2>/dev/null; then
    # shellcheck disable=SC2086
    expect 6 "$program" distil --events events.ptu --states states $common $tags --output disk/keys
    [ -z "$(ls disk)" ] || complain "something half-written stays on a full disk"
    umount disk
fi
finish
