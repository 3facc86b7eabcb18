#!/bin/sh
# keystill codes and keystill bench ldpc.
set -eu
keystill=$1
fail() { echo "test_codes: $*" >&2; exit 1; }
exits() { # CODE COMMAND...
    want=$1; shift
    set +e; "$@" >/dev/null 2>&1; got=$?; set -e
    [ "$got" = "$want" ] || fail "exit $got instead of $want: $*"
}

lines=$("$keystill" codes list --json | grep -c '"code":"[ks][0-9]*".*"threshold_efficiency":1\.[0-9]*')
[ "$lines" -ge 20 ] || fail "codes list names $lines codes"
name=$("$keystill" codes list | sed -n '$p' | cut -d' ' -f1)
"$keystill" codes show "$name-1" | grep -q "^merges     1 of" || fail "codes show $name-1"
rows=$("$keystill" codes show --exponents --log2n 16 "$name-1" | grep -c '^[0-9]*: ')
base=$("$keystill" codes show "$name-1" | sed -n 's/^base *\([0-9]*\) rows.*/\1/p')
[ "$rows" = $((base - 1)) ] || fail "$rows rows of $base after one merge"

row=$("$keystill" codes measure "$name-1" --log2n 16 --qber 0.001 --frames 3 --json)
echo "$row" | grep -q '"fer":0,.*"undetected":0,.*"verified":true' || fail "measure: $row"
row=$("$keystill" bench ldpc --log2n 14 --qber 0.03 --frames 5 --json -q)
echo "$row" | grep -q '"frames":5,.*"efficiency":1\.' || fail "bench ldpc: $row"

exits 2 "$keystill" codes
exits 0 "$keystill" codes --help
exits 2 "$keystill" codes lits
exits 2 "$keystill" codes show
exits 2 "$keystill" codes show nothing
exits 2 "$keystill" codes show "$name-999"
exits 2 "$keystill" codes show "$name-x"
exits 2 "$keystill" codes measure
exits 2 "$keystill" bench ldpc --log2n 15
exits 2 "$keystill" bench ldpc --qber 0.6
exits 2 "$keystill" bench ldpc --qber x
exits 2 "$keystill" bench ldpc --effort slow
exits 2 "$keystill" bench ldpc --rate 65000
