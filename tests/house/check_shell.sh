# Shell scripts are clean.
. "$(dirname "$0")/checks.sh"
command -v shellcheck >/dev/null 2>&1 || skip "no shellcheck"
find . -name '*.sh' -not -path './build*' | sort | while read -r script; do
    # SC1091: sourced files are checked by themselves; SC2154, SC2034: names that they define or use.
    shellcheck -S warning -s sh -e SC1091,SC2154,SC2034 "$script" >&2 || offence "$script: see above"
done
verdict
