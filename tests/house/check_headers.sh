# Every public header compiles alone, as C17 and as C++17, with warnings as errors.
. "$(dirname "$0")/checks.sh"
compiler=${CC:-cc}
cxx=${CXX:-c++}
command -v "$cxx" >/dev/null 2>&1 || skip "no C++ compiler"
for header in include/keystill/*.h; do
    printf '#include <keystill/%s>\n#include <keystill/%s>\n' "$(basename "$header")" "$(basename "$header")" |
        "$compiler" -std=c17 -Wall -Wextra -Wpedantic -Wconversion -Wstrict-prototypes -Werror -Iinclude -fsyntax-only -x c - ||
        offence "$header does not compile as C17"
    printf '#include <keystill/%s>\n' "$(basename "$header")" |
        "$cxx" -std=c++17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c++ - ||
        offence "$header does not compile as C++17"
done
verdict
