# Sourced by tests/cli/test_*.sh: expect EXIT COMMAND... runs a command, keeps its output in $out and $err, checks the code.
program=$1
directory=$(mktemp -d)
out=$directory/.out
err=$directory/.err
failures=0
trap 'rm -rf "$directory"' EXIT
trap 'exit 1' INT TERM

complain() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

expect() {
    wanted=$1
    shift
    "$@" >"$out" 2>"$err" </dev/null
    code=$?
    if [ "$code" -ne "$wanted" ]; then
        complain "exit code $code instead of $wanted: $*"
        head -5 "$err" >&2
    fi
}

# says FILE PATTERN: the file has a line that matches.
says() {
    grep -q -e "$2" "$1" || { complain "no '$2' in:"; head -5 "$1" >&2; }
}

# silent FILE: the file is empty.
silent() {
    [ ! -s "$1" ] || { complain "not silent:"; head -5 "$1" >&2; }
}

finish() {
    [ "$failures" -eq 0 ] || exit 1
    exit 0
}
