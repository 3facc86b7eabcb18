# TLS around the connection: both ends by their certificates, strangers outside. Needs the openssl program.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"
command -v openssl >/dev/null 2>&1 || finish
simulate ptu
for end in alice bob mallory; do
    (umask 077 && openssl req -x509 -newkey ed25519 -nodes -keyout "$end.key" -out "$end.pem" -subj "/CN=$end" -days 30 2>openssl.err) ||
        complain "openssl: $(cat openssl.err)"
done
alice="--certificate alice.pem --private-key alice.key --peer-certificate bob.pem"
bob="--certificate bob.pem --private-key bob.key --peer-certificate alice.pem"
port=$((12000 + ($$ + 11000) % 20000))
new_psk
# shellcheck disable=SC2086
"$program" alice --states states --connect unix:x --connect-timeout 0.1 --psk psk --ring "$tag-alice" $common $alice --tls >"$out" 2>"$err"
grep -q 'built without OpenSSL 3' "$err" && finish

# both ALICE_OPTIONS BOB_OPTIONS: over TCP.
both() {
    # shellcheck disable=SC2086 # options are lists
    {
        timeout 60 "$program" alice --states states --connect "tcp:127.0.0.1:$port" --connect-timeout 10 --peer-timeout 4 \
            --ring "$tag-alice" $common $1 >alice.out 2>alice.err </dev/null &
        alice_pid=$!
        timeout 60 "$program" bob --events events.ptu --listen "tcp:127.0.0.1:$port" --connect-timeout 10 --peer-timeout 4 \
            --ring "$tag-bob" $common $tags $2 >bob.out 2>bob.err </dev/null
        bob_code=$?
    }
    wait "$alice_pid"
    alice_code=$?
}

# With a pre-shared key the certificates serve TLS alone.
both "--psk psk $alice --tls" "--psk psk $bob --tls"
codes 0 0
take "$tag-alice" alice.keys
take "$tag-bob" bob.keys
cmp -s alice.keys bob.keys || complain "the keys of the two ends differ"
[ "$(wc -l <alice.keys)" -gt 100 ] || complain "hardly any keys"
# The pool too by certificates, inside.
both "--pool a.pool --new-pool $alice --tls" "--pool b.pool --new-pool $bob --tls"
codes 0 0

# One end without TLS; somebody else.
both "--psk psk" "--psk psk $bob --tls"
[ "$alice_code" -ne 0 ] || complain "alice went on without TLS"
[ "$bob_code" -eq 3 ] || complain "bob returned $bob_code to a peer without TLS"
both "--psk psk $alice --tls" "--psk psk --certificate mallory.pem --private-key mallory.key --peer-certificate alice.pem --tls"
[ "$alice_code" -eq 4 ] || complain "alice returned $alice_code to somebody else"
says alice.out 'not the one that is expected'
[ "$bob_code" -ne 0 ] || complain "bob found nothing wrong"

# A listening end with --reconnect drops who cannot shake hands.
# shellcheck disable=SC2086
{
    timeout 60 "$program" bob --events events.ptu --listen "tcp:127.0.0.1:$port" --reconnect 20 --peer-timeout 4 --psk psk \
        --ring "$tag-bob" $common $tags $bob --tls >bob.out 2>bob.err </dev/null &
    bob_pid=$!
    timeout 60 "$program" alice --states states --connect "tcp:127.0.0.1:$port" --connect-timeout 10 --psk psk --ring "$tag-alice" \
        $common --certificate mallory.pem --private-key mallory.key --peer-certificate bob.pem --tls >alice.out 2>alice.err </dev/null
    alice_code=$?
    [ "$alice_code" -eq 4 ] || complain "alice returned $alice_code when she was refused"
    timeout 60 "$program" alice --states states --connect "tcp:127.0.0.1:$port" --connect-timeout 10 --psk psk --ring "$tag-alice" \
        $common $alice --tls >alice.out 2>alice.err </dev/null
    alice_code=$?
}
wait "$bob_pid"
bob_code=$?
codes 0 0
says bob.err 'no peer: TLS: the peer.s certificate is not the one that is expected'

# shellcheck disable=SC2086
expect 2 "$program" alice --states states --connect unix:x --psk psk --ring "$tag-alice" $common --tls
finish
