# oclgrind.sh DRIVER CONFORMANCE PLUGIN AMPLIFY: kernels in Oclgrind's interpreter, which reports data races and accesses out of
# bounds; small sizes, one thread (Oclgrind allows no more). With KS_LONG=1 a batch of amplification too, which takes minutes.
# 77: it is not installed.
set -eu
icd=
for folder in /usr/lib /usr/lib64 /usr/local/lib /usr/lib/*-linux-gnu; do
    for file in "$folder/oclgrind/liboclgrind-rt-icd.so" "$folder/liboclgrind-rt-icd.so"; do
        [ ! -f "$file" ] || icd=$file
    done
done
[ -n "$icd" ] || { echo "skipped: no Oclgrind"; exit 77; }
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
echo "$icd" >"$directory/oclgrind.icd"
# Optimised code has rotations that its interpreter does not know.
export OCL_ICD_VENDORS="$directory/" OCLGRIND_DATA_RACES=1 OCLGRIND_BUILD_OPTIONS=-cl-opt-disable \
    OCLGRIND_LOG="$directory/log"

# clean COMMAND...: it succeeds, on Oclgrind, and nothing is reported.
clean() {
    "$@" >"$directory/out" || { cat "$directory/out"; cat "$OCLGRIND_LOG"; exit 1; }
    cat "$directory/out"
    grep -q 'Oclgrind' "$directory/out" || { echo "ran on another device"; exit 1; }
    [ ! -s "$OCLGRIND_LOG" ] || { cat "$OCLGRIND_LOG"; exit 1; }
}
clean "$1" --small
clean "$2" --small --plugin "$3" all 1
[ -z "${KS_LONG:-}" ] || clean "$4" --small "$3"
