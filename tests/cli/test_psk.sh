# Pre-shared keys and pools: made privately, never replaced, never shown.
. "$(dirname "$0")/checks.sh"
psk=$directory/link.psk
pool=$directory/link.pool

expect 0 "$program" psk new "$psk"
says "$out" '^[0-9a-f]\{32\}$'
cp "$out" "$directory/fingerprint"
[ "$(stat -c '%a %s' "$psk")" = "600 4096" ] || complain "mode or size of the key: $(stat -c '%a %s' "$psk")"
cp "$psk" "$directory/copy"

expect 1 "$program" psk new "$psk"
says "$err" 'exists and is not replaced'
silent "$out"
cmp -s "$psk" "$directory/copy" || complain "psk new changed an existing file"

expect 0 "$program" psk show "$psk"
cmp -s "$out" "$directory/fingerprint" || complain "another fingerprint"
expect 0 "$program" psk show --json "$psk"
says "$out" '^{"fingerprint":"[0-9a-f]\{32\}"}$'

expect 0 "$program" psk pool "$psk" "$pool"
cmp -s "$out" "$directory/fingerprint" || complain "the pool's fingerprint is another"
[ "$(stat -c %a "$pool")" = 600 ] || complain "mode of the pool: $(stat -c %a "$pool")"

# The key has served: nothing of it is left, and no second pool comes of what is.
says "$psk" '^Keystill: this pre-shared key has made its pool and is erased'
[ "$(tr -d '\000' <"$psk" | wc -c)" -lt 100 ] || complain "the key is still there"
[ "$(stat -c '%a %s' "$psk")" = "600 4096" ] || complain "mode or size of the erased key: $(stat -c '%a %s' "$psk")"
expect 4 "$program" psk pool "$psk" "$directory/second"
says "$err" 'has made its pool and is erased'
[ ! -e "$directory/second" ] || complain "a second pool"
expect 4 "$program" psk show "$psk"
cp "$directory/copy" "$psk"
expect 1 "$program" psk pool "$psk" "$pool"
cmp -s "$psk" "$directory/copy" || complain "the key is erased although its pool was not made"
chmod 400 "$psk"
expect 0 "$program" psk show "$psk"
chmod 600 "$psk"

chmod 644 "$psk"
expect 4 "$program" psk show "$psk"
says "$err" 'mode 644'
chmod 600 "$psk"
ln -s "$psk" "$directory/link"
expect 4 "$program" psk show "$directory/link"
says "$err" 'symbolic link'
head -c 4096 /dev/zero >"$directory/zeros"
chmod 600 "$directory/zeros"
expect 3 "$program" psk pool "$directory/zeros" "$directory/other"
[ ! -e "$directory/other" ] || complain "a pool from a key of zeros"
head -c 100 "$psk" >"$directory/short"
chmod 600 "$directory/short"
expect 3 "$program" psk show "$directory/short"
says "$err" '4096 expected'
expect 1 "$program" psk show "$directory/nothing"
expect 2 "$program" psk
expect 2 "$program" psk shwo "$psk"
says "$err" 'nearest: show'
expect 2 "$program" psk new
[ -z "$(find "$directory" -name '*.part')" ] || complain "half-written files: $(ls "$directory")"
finish
