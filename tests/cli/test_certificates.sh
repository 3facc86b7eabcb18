# A pool by certificates, once; from then on only distilled keys. Needs the openssl program.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"
command -v openssl >/dev/null 2>&1 || finish
simulate ptu

# self_signed NAME: NAME.pem and NAME.key.
self_signed() {
    (umask 077 && openssl req -x509 -newkey ed25519 -nodes -keyout "$1.key" -out "$1.pem" -subj "/CN=$1" -days 30 2>openssl.err) ||
        complain "openssl: $(cat openssl.err)"
}
self_signed alice
self_signed bob
self_signed mallory

# both ALICE_OPTIONS BOB_OPTIONS: both ends with pools by certificates.
both() {
    rm -f socket
    # shellcheck disable=SC2086 # options are lists
    {
        timeout 60 "$program" alice --states states --connect unix:socket --connect-timeout 5 --peer-timeout 3 --pool a.pool \
            --ring "$tag-alice" $common $1 >alice.out 2>alice.err </dev/null &
        alice_pid=$!
        timeout 60 "$program" bob --events events.ptu --listen unix:socket --connect-timeout 5 --peer-timeout 3 --pool b.pool \
            --ring "$tag-bob" $common $tags $2 >bob.out 2>bob.err </dev/null
        bob_code=$?
    }
    wait "$alice_pid"
    alice_code=$?
}
alice="--certificate alice.pem --private-key alice.key --peer-certificate bob.pem"
bob="--certificate bob.pem --private-key bob.key --peer-certificate alice.pem"

# No pool, and nobody asked for one. A build without OpenSSL says that instead.
# shellcheck disable=SC2086
"$program" alice --states states --connect unix:x --pool a.pool --ring "$tag-alice" $common $alice >"$out" 2>"$err"
code=$?
if grep -q 'built without OpenSSL 3' "$err"; then
    [ "$code" -eq 1 ] || complain "exit code $code without OpenSSL"
    finish
fi
[ "$code" -eq 4 ] || complain "exit code $code without a pool"
says "$err" 'no authentication pool a.pool; --new-pool at both ends makes one by certificates'

# Once by certificates, then without them, and then with them named but not used.
both "$alice --new-pool" "$bob --new-pool"
codes 0 0
says alice.err 'by certificates (Ed25519)'
says bob.err 'the pool is made; the certificates have served'
[ "$(stat -c %a a.pool)" = 600 ] || complain "mode of the pool: $(stat -c %a a.pool)"
cp a.pool before
both "" ""
codes 0 0
both "$alice" "$bob"
codes 0 0
take "$tag-alice" alice.keys
take "$tag-bob" bob.keys
cmp -s alice.keys bob.keys || complain "the keys of the two ends differ"
[ "$(wc -l <alice.keys)" -gt 500 ] || complain "hardly any keys"
dd if=a.pool bs=16 skip=1 count=1 2>/dev/null >now
dd if=before bs=16 skip=1 count=1 2>/dev/null | cmp -s - now || complain "another pool"

# A pool that owes nothing to certificates: from keys of the rings, the same at both ends.
both "" ""
codes 0 0
expect 2 "$program" psk distil distilled
expect 1 "$program" psk distil --ring "$tag-nothing" distilled
expect 0 "$program" psk distil --ring "$tag-alice" distilled.alice
cp "$out" fingerprint
expect 0 "$program" psk distil --ring "$tag-bob" distilled.bob
cmp -s "$out" fingerprint || complain "other distilled keys at the other end"
both "--psk distilled.alice --new-pool" "--psk distilled.bob --new-pool"
codes 0 0
take "$tag-alice" alice.keys
take "$tag-bob" bob.keys
cmp -s alice.keys bob.keys || complain "keys that were made into a pool are still there"
expect 1 "$program" psk distil --ring "$tag-alice" distilled.again
says "$err" 'holds 0 keys, 128 are needed'
[ ! -e distilled.again ] || complain "a pre-shared key of no keys"
dd if=a.pool bs=16 skip=1 count=1 2>/dev/null >now

# One end alone asks for a new pool: both stop and say why, and the old pool is untouched.
both "$alice --new-pool" "$bob"
codes 4 4
says alice.err 'goes on with the pool it has'
says bob.out 'wants to make a new pool with certificates'
both "" ""
codes 0 0
both "$alice" "$bob --new-pool"
codes 4 4
# Both ask: another pool.
both "$alice --new-pool" "$bob --new-pool"
codes 0 0
dd if=a.pool bs=16 skip=1 count=1 2>/dev/null | cmp -s - now && complain "the same pool again"

# Somebody else.
both "$alice --new-pool" "--certificate mallory.pem --private-key mallory.key --peer-certificate alice.pem --new-pool"
codes 4 4
says alice.err 'not the one that is expected'
says bob.err 'it does not accept our certificate'
both "" ""
codes 0 0

# By an authority and a name.
openssl genpkey -algorithm ed25519 -out ca.key 2>/dev/null
openssl req -x509 -new -key ca.key -out ca.pem -subj "/CN=authority" -days 30 2>/dev/null
for end in alice bob; do
    openssl req -new -key "$end.key" -subj "/CN=$end.example" -out "$end.csr" 2>/dev/null
    openssl x509 -req -in "$end.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out "$end.signed" 2>/dev/null
done
both "--certificate alice.signed --private-key alice.key --peer-ca ca.pem --peer-name bob.example --new-pool" \
    "--certificate bob.signed --private-key bob.key --peer-ca ca.pem --peer-name alice.example --new-pool"
codes 0 0
both "--certificate alice.signed --private-key alice.key --peer-ca ca.pem --peer-name carol.example --new-pool" \
    "--certificate bob.signed --private-key bob.key --peer-ca ca.pem --peer-name alice.example --new-pool"
codes 4 4
says alice.err 'not for carol.example'

# Another configuration is named before a pool is made.
rm -f a.pool b.pool
both "$alice --new-pool --qber-limit 0.1" "$bob --new-pool"
codes 3 3
says bob.err 'configurations differ: QBER limit'
[ ! -e a.pool ] && [ ! -e b.pool ] || complain "a pool although the configurations differ"

# Files.
chmod 644 alice.key
# shellcheck disable=SC2086
{
    expect 4 "$program" alice --states states --connect unix:x --pool a.pool --ring "$tag-alice" $common $alice --new-pool
    says "$err" 'mode 644'
    chmod 600 alice.key
    echo nonsense >broken.pem
    expect 3 "$program" alice --states states --connect unix:x --pool a.pool --ring "$tag-alice" $common \
        --certificate broken.pem --private-key alice.key --peer-certificate bob.pem --new-pool
    says "$err" 'broken.pem holds no certificate'
    expect 2 "$program" alice --states states --connect unix:x --pool a.pool --ring "$tag-alice" $common --certificate alice.pem
    expect 2 "$program" alice --states states --connect unix:x --pool a.pool --ring "$tag-alice" $common \
        --certificate alice.pem --private-key alice.key --peer-ca ca.pem
    says "$err" "the peer's name is needed"
    expect 2 "$program" alice --states states --connect unix:x --ring "$tag-alice" $common $alice --new-pool
    says "$err" 'need --pool FILE'
    expect 2 "$program" alice --states states --connect unix:x --psk psk --ring "$tag-alice" $common $alice
    says "$err" 'not from both'
}

# Ctrl-C while the peer is waited for.
# shellcheck disable=SC2086
"$program" bob --events events.ptu --listen unix:other --pool b.pool --ring "$tag-bob" $common $tags $bob --new-pool \
    >bob.out 2>bob.err </dev/null &
bob_pid=$!
sleep 0.5
kill -INT "$bob_pid"
wait "$bob_pid"
[ $? -eq 130 ] || complain "bob is not interrupted in the bootstrap"
[ ! -e b.pool ] || complain "an interrupted bootstrap left a pool"
finish
