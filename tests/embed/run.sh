# run.sh SOURCE BUILD: installs into a folder of its own, then builds and runs consumers in C and C++, by pkg-config and by
# find_package, against the shared and the static libraries. 77: this machine lacks a tool.
set -eu
source=$1
build=$2
for tool in c++ pkg-config cmake; do
    command -v "$tool" >/dev/null 2>&1 || { echo "skipped: no $tool"; exit 77; }
done
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
prefix=$directory/installed

DESTDIR='' cmake --install "$build" --prefix "$prefix" >"$directory/install.log" || { cat "$directory/install.log"; exit 1; }
pc=$(dirname "$(find "$prefix" -name keystill.pc)")
export PKG_CONFIG_PATH="$pc" PKG_CONFIG_LIBDIR="$pc"
libraries=$(pkg-config --variable=libdir keystill)

# Headers and libraries from the installation only; strict enough for a careful vendor.
for source_file in "$source"/tests/embed/*.c; do
    # shellcheck disable=SC2046,SC2086 # flags are words
    cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror "$source_file" -o "$directory/by-pc" ${LDFLAGS:-} \
        $(pkg-config --cflags --libs keystill-host) -Wl,-rpath,"$libraries"
    "$directory/by-pc"
done
for source_file in "$source"/tests/embed/*.cc; do
    # shellcheck disable=SC2046,SC2086
    c++ -std=c++17 -Wall -Wextra -Werror "$source_file" -o "$directory/by-pc" ${LDFLAGS:-} \
        $(pkg-config --cflags --libs keystill-host) -Wl,-rpath,"$libraries"
    "$directory/by-pc" "embed-pc-$$"
done

cmake -S "$source/tests/embed" -B "$directory/consumer" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_FLAGS=-D_GNU_SOURCE >"$directory/cmake.log" || { cat "$directory/cmake.log"; exit 1; }
cmake --build "$directory/consumer" >"$directory/cmake.log" || { cat "$directory/cmake.log"; exit 1; }
for program in "$directory"/consumer/*_c "$directory"/consumer/*_cc "$directory"/consumer/*_static; do
    "$program" "embed-cmake-$$"
done
