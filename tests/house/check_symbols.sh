# Names: every global of the libraries begins with ks_, and the shared libraries export what the public headers declare, the
# private interface between the two, and nothing else.
. "$(dirname "$0")/checks.sh"
command -v nm >/dev/null 2>&1 || skip "no nm"

for library in libkeystill.a libkeystill-host.a; do
    nm -A -g --defined-only "$build_directory/$library" 2>/dev/null | awk '{print $1, $NF}' |
        grep -vE ' (ks_|__(asan|odr_asan|tsan|ubsan)|\.|_)' | while read -r place name; do
        offence "$place global name $name has no ks_ prefix"
    done
done

# exports LIBRARY: names with their version.
exports() {
    nm -D --defined-only "$build_directory/$1" | awk '$2 != "A" {print $3}' | sort
}
for library in libkeystill.so libkeystill-host.so; do
    exports "$library" | grep -v '^ks_' | while read -r name; do offence "$library exports $name"; done
    exports "$library" | grep '@@KEYSTILL_0$' | sed 's/@.*//' | while read -r name; do
        grep -qE "\\b$name\\(|\\b$name;" include/keystill/*.h || offence "$library exports $name, which no public header declares"
    done
    objdump -p "$build_directory/$library" 2>/dev/null | grep -q 'SONAME.*\.so\.[0-9]' || offence "$library has no versioned SONAME"
done

# A plugin exports one name, misses none of its host's, and needs no driver to be loaded; the libraries need none either.
for plugin in "$build_directory"/plugins/*.so; do
    [ -f "$plugin" ] || continue
    [ "$(exports "plugins/${plugin##*/}")" = ks_plugin_get ] || offence "$plugin exports more or less than ks_plugin_get"
    nm -D -u "$plugin" | awk '$2 ~ /^ks_/ {print $2}' | while read -r name; do offence "$plugin misses $name"; done
done
for library in "$build_directory"/plugins/*.so "$build_directory"/libkeystill.so "$build_directory"/libkeystill-host.so; do
    objdump -p "$library" 2>/dev/null | sed -n 's/ *NEEDED *//p' | grep -E '^lib(OpenCL|cuda|nv)' |
        while read -r name; do offence "$library needs $name"; done
done

# Every function that a header promises is there.
every=$( (echo ks_plugin_get; exports libkeystill.so; exports libkeystill-host.so) | sed 's/@.*//')
sed -n '/^KS_API/{:more /[;{]/!{N;b more};s/\n/ /g;p}' include/keystill/*.h |
    grep -oE '\bks_[a-z0-9_]+\(' | sort -u | tr -d '(' | while read -r name; do
    echo "$every" | grep -qx "$name" || offence "$name is declared and not exported"
done
verdict
