# Sourced by tests/house/check_*.sh SOURCE BUILD: the rules of the house that no compiler checks.
source_directory=$1
build_directory=$2
offences=$(mktemp)
trap 'rm -f "$offences"' EXIT
cd "$source_directory" || exit 1

# offence TEXT...
offence() {
    echo "$*" >>"$offences"
}

# sources FOLDER...: the C files below these folders that the repository holds or will hold.
sources() {
    find "$@" -name '*.[ch]' -o -name '*.inc' -o -name '*.cl' -o -name '*.cu' -o -name '*.def' | sort
}

# skip REASON: this machine cannot check it.
skip() {
    echo "skipped: $*"
    exit 77
}

verdict() {
    [ -s "$offences" ] || exit 0
    cat "$offences" >&2
    exit 1
}
