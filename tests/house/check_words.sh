# Nothing is left undone in the sources, each says under which licence it stands, and none speaks of a place where it was made.
. "$(dirname "$0")/checks.sh"
# shellcheck disable=SC2046
{
    grep -nE '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b|not implemented|placeholder' \
        $(sources include kernels ldpc pipeline host bench tests) cmake/* CMakeLists.txt Makefile >>"$offences"
    for file in $(sources include kernels ldpc pipeline host bench tests); do
        head -1 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || offence "$file: no SPDX line at its head"
    done
}
verdict
