#!/bin/sh
# run.sh SOURCE BUILD SECONDS [NAME...]: builds the fuzz targets with libFuzzer and sanitizers and runs each for SECONDS.
# Corpora grow in BUILD/corpus/NAME; a finding stays in BUILD.
set -eu
source=$(cd "$1" && pwd)
seconds=$3
mkdir -p "$2"
build=$(cd "$2" && pwd)
shift 3
for clang in ${CLANG:-clang clang-16 clang-15 clang-14}; do
    command -v "$clang" >/dev/null 2>&1 && break
    clang=
done
[ -n "$clang" ] || { echo "fuzzing needs clang" >&2; exit 1; }
cmake -S "$source" -B "$build" -DCMAKE_C_COMPILER="$clang" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DKS_SANITIZE=address,undefined -DCMAKE_C_FLAGS=-fsanitize=fuzzer-no-link >/dev/null
cmake --build "$build" --target keystill_static keystill_host_static -j 2
for file in "$source"/tests/fuzz/fuzz_*.c; do
    name=$(basename "$file" .c)
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    mkdir -p "$build/corpus/$name"
    seeds="$source/tests/fuzz/corpus/${name#fuzz_}"
    [ -d "$seeds" ] || seeds=
    # A target that needs more than the libraries says so: "/* links: FILE.c ... -lNAME */".
    more=$(cd "$source" && for word in $(sed -n 's|^/\* links: \(.*\) \*/$|\1|p' "$file"); do
        case $word in -*) echo "$word" ;; *) echo "$source/$word" ;; esac
    done)
    # shellcheck disable=SC2086
    "$clang" -std=gnu17 -g -O1 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -I"$source/include" -I"$source" "$file" $more \
        -o "$build/$name" "$build/libkeystill-host.a" "$build/libkeystill.a" -lm -pthread
    (cd "$build" && "./$name" -max_total_time="$seconds" -print_final_stats=1 "corpus/$name" ${seeds:+"$seeds"})
done
