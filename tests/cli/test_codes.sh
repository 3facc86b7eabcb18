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

# Jobs of a device give the counts that the threads give.
counts() { # OPTION...
    "$keystill" bench ldpc --log2n 14 --qber 0.02 --frames 64 --seed 3 --json -q "$@" |
        sed 's/.*"frames":\(.*\),"rounds_mean":\([^,]*\),.*/\1 \2/; s/"seconds.*//; s/"retry_[a-z_]*":[^,]*,//g'
}
[ "$(counts)" = "$(counts --backend cpu:0 --batch 16)" ] || fail "bench ldpc: $(counts) but by jobs $(counts --backend cpu:0 --batch 16)"
counts | grep -q '"first_fer":0\.' || fail "no frame was tried again: $(counts)"
exits 2 "$keystill" bench ldpc --backend nonsense
exits 2 "$keystill" bench ldpc --backend opencl:x
exits 2 "$keystill" bench ldpc --backend opencl --decoders exact
exits 2 "$keystill" bench ldpc --batch 0

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

# Codes of other programs.
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
small=$("$keystill" codes list | sed -n 's/^\(s[0-9]*\) .*/\1/p' | tail -1)
"$keystill" codes export "$small" --log2n 14 -o "$directory/a.pchk"
for format in alist alist-rows "alist --no-pad" "qc --z 64"; do
    # shellcheck disable=SC2086
    "$keystill" codes export "$directory/a.pchk" --format $format -o "$directory/b.txt"
    "$keystill" codes export - <"$directory/b.txt" | cmp - "$directory/a.pchk" || fail "$format does not come back"
done
rows=$("$keystill" codes import --json "$directory/a.pchk" | sed -n 's/.*"rows":\([0-9]*\).*"rank":\1,.*/\1/p')
[ -n "$rows" ] || fail "codes import: $("$keystill" codes import --json "$directory/a.pchk")"
measured() { "$keystill" codes measure "$directory/a.pchk" --qber 0.02 --frames 70 --json "$@" | sed 's/"throughput.*//'; }
[ "$(measured)" = "$(measured --backend cpu:0)" ] || fail "codes measure: $(measured) but by jobs $(measured --backend cpu:0)"
exits 2 "$keystill" codes measure "$directory/a.pchk" --qber 0.02 --backend cpu:x
printf '0,1\n2,3\n' >"$directory/pairs.csv"
"$keystill" codes import --pairs "$directory/pairs.csv" --merges 1 "$directory/a.pchk" | grep -q "^matrix     $((rows - 1)) rows" || fail "merges"
head -c 1000 "$directory/a.pchk" >"$directory/cut.pchk"
exits 3 "$keystill" codes import "$directory/cut.pchk"
exits 3 "$keystill" codes import --gen "$directory/a.pchk" "$directory/a.pchk"
exits 3 "$keystill" codes export --format qc --z 128 "$directory/a.pchk"
exits 2 "$keystill" codes import --merges 1 "$directory/a.pchk"
exits 2 "$keystill" codes import --from nothing "$directory/a.pchk"
exits 2 "$keystill" codes export --format qc "$directory/a.pchk"
exits 2 "$keystill" codes export nothing
exits 1 "$keystill" codes import "$directory/missing.pchk"

# Words through the decoder of any matrix: a code word (zeros) and a coset of the Hamming code, as text and packed.
printf '3 7\n4 3\n4 4 4\n1 1 1 2 2 2 3\n1 4 5 7\n2 4 6 7\n3 5 6 7\n1\n2\n3\n1 2\n1 3\n2 3\n1 2 3\n' >"$directory/hamming.alist"
printf '0000001\n0000\n000\n' >"$directory/received"
"$keystill" codes decode --code "$directory/hamming.alist" --bsc 0.05 --received "$directory/received" -o "$directory/decoded" -q
[ "$(cat "$directory/decoded")" = "$(printf '0000000\n0000000')" ] || fail "codes decode: $(cat "$directory/decoded")"
printf '111\n' >"$directory/syndrome"
printf '0000000\n' | "$keystill" codes decode --code "$directory/hamming.alist" --bsc 0.05 --received - \
    --syndrome "$directory/syndrome" -q | grep -qx 0000001 || fail "coset"
"$keystill" codes export "$small" --log2n 14 -o "$directory/a.pchk"
head -c 4096 /dev/zero >"$directory/word"
printf '\3\0\0\0\1' | dd of="$directory/word" bs=1 seek=99 conv=notrunc 2>/dev/null
"$keystill" codes decode --code "$directory/a.pchk" --bsc 0.01 --packed --received "$directory/word" -o "$directory/zeros" -q
head -c 4096 /dev/zero | cmp - "$directory/zeros" || fail "packed words"
row=$("$keystill" codes measure "$directory/a.pchk" --qber 0.005 --frames 64 --json)
echo "$row" | grep -q '"frames":64,"failed":0,"fer":0,"undetected":0,"efficiency":[0-9.]*' || fail "measure of a file: $row"
exits 1 "$keystill" codes decode --code "$directory/a.pchk" --bsc 0.01 --packed --received "$directory/a.pchk.missing"
printf '000000x\n' >"$directory/received"
exits 3 "$keystill" codes decode --code "$directory/hamming.alist" --bsc 0.05 --received "$directory/received"
exits 3 "$keystill" codes decode --code "$directory/hamming.alist" --bsc 0.05 --packed --received "$directory/word" \
    --syndrome "$directory/syndrome"
exits 2 "$keystill" codes decode --code "$directory/hamming.alist" --received "$directory/received"
