# --seed-batch: blocks share seeds; both ends must agree on it.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"
simulate ptu
# shellcheck disable=SC2086
expect 0 "$program" distil --events events.ptu --states states $common $tags --seed-batch 2 --output keys --json
says "$out" '"event":"report".*"status":"ok"'
says "$out" '"event":"report".*"limiting_stage":"[a-z]*"'
[ "$(wc -c <keys)" -gt 5000 ] || complain "hardly any keys"
# shellcheck disable=SC2086
expect 2 "$program" distil --events events.ptu --states states $common $tags --seed-batch 65
says "$err" '1 to 64'
new_psk
pair "--seed-batch 2" "--seed-batch 2"
codes 0 0
take "$tag-alice" alice.keys
take "$tag-bob" bob.keys
cmp -s alice.keys bob.keys || complain "the keys of the two ends differ"
[ "$(wc -l <alice.keys)" -gt 300 ] || complain "hardly any keys"
new_psk
remove_rings
pair "--seed-batch 2" ""
codes 3 3
says bob.out 'configurations differ: blocks of a seed is 1 here, 2 at the peer'
finish
