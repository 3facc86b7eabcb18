# --code FILE: sessions that reconcile by a code of another program, which here is one of ours, exported.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"
simulate ptu
"$program" codes export s348-10 --log2n 14 -o code.pchk
"$program" codes export code.pchk --format alist -o code.alist
"$program" codes export code.pchk --format qc --z 64 -o code.qc

# Both ends in one process; by a configuration file too.
# shellcheck disable=SC2086
{
    expect 0 "$program" distil --events events.ptu --states states $common $tags --code code.pchk --output keys
    says "$out" '^  blocks .* 2 with key, 0 aborted'
    says "$out" '; 1[0-9] frames, 0 dropped'
    says "$err" 'keys, alike at both ends'
    [ "$(wc -c <keys)" -gt 5000 ] || complain "hardly any keys"
}
cat >keystill.ini <<END
code = code.qc
intensities = single
basis-choice = active
efficiency-mismatch = 0
dark-mismatch = 0
dark-probability = 1e-6
block = 900k
END
# shellcheck disable=SC2086
expect 0 "$program" distil --config keystill.ini --events events.ptu --states states $tags --json
says "$out" '"event":"report".*"status":"ok".*"frames":1[0-9],"frames_dropped":0'

# Two processes that have the same matrix in different files.
new_psk
pair "--code code.pchk --audit alice.audit" "--code code.alist"
codes 0 0
says bob.out '2 with key'
take "$tag-alice" alice.keys
take "$tag-bob" bob.keys
cmp -s alice.keys bob.keys || complain "the keys of the two ends differ"
[ "$(wc -l <alice.keys)" -gt 300 ] || complain "hardly any keys"
digest=$("$program" codes import code.qc | sed -n 's/^SHA-256 *//p')
[ "${#digest}" -eq 64 ] || complain "codes import tells no digest"
says alice.audit "\"code\":\"$digest\""

# Different codes; a code at one end alone.
"$program" codes export s348-9 --log2n 14 -o other.pchk
new_psk
remove_rings
pair "--code code.pchk" "--code other.pchk"
codes 3 3
says bob.out 'configurations differ: code is [0-9a-f]*\.\.\. here, '
new_psk
remove_rings
pair "" "--code code.pchk"
codes 3 3
says alice.out 'configurations differ: code is that of the family here'

# The demonstration.
bright="--mu 0.5 --probability 1 --distance 0 --receiver-loss 0 --alice-test-basis 0.3 --bob-test-basis 0.3"
TMPDIR=$directory
export TMPDIR
# shellcheck disable=SC2086
expect 0 "$program" link $bright --pulses 3000000 --block 1M --code code.alist
says "$out" '^IDENTICAL: '
says "$out" ', efficiency [3-9]' # the code is meant for four times as many errors

# A code that is too weak for the error rate is refused for each block, and nothing is published.
"$program" codes export k038-2 --log2n 16 -o weak.pchk
# shellcheck disable=SC2086
{
    expect 1 "$program" distil --events events.ptu --states states $common $tags --code weak.pchk --json
    says "$out" '"event":"block".*"outcome":"nothing".*"cause":"code too weak".*"frames_dropped":0'
    says "$err" 'block 0: nothing: the code.s syndrome has 2560 bits, 1\.[0-9]* % of errors need [0-9]* at least'

    # Files that are damaged, absent, or hold what serves no session.
    head -c 1000 code.pchk >cut.pchk
    printf '7 3\n3 4\n1 1 1 2 2 2 3\n4 4 4\n1\n2\n3\n1 2\n1 3\n2 3\n1 2 3\n1 4 5 7\n2 4 6 7\n3 5 6 7\n' >hamming.alist
    "$program" codes import hamming.alist >"$out" || complain "this was to be a code"
    expect 3 "$program" distil --events events.ptu --states states $common $tags --code cut.pchk
    says "$err" 'cut.pchk: '
    expect 1 "$program" distil --events events.ptu --states states $common $tags --code missing.pchk
    expect 2 "$program" distil --events events.ptu --states states $common $tags --code hamming.alist
    says "$err" '3 rows and 7 columns'
}
finish
