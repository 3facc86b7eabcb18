# The libraries never print, exit, abort, read the environment or install signal handlers; the core opens nothing either.
. "$(dirname "$0")/checks.sh"
command -v nm >/dev/null 2>&1 || skip "no nm"
if nm -u "$build_directory/libkeystill.a" 2>/dev/null | grep -qE '__(asan|tsan|ubsan)_'; then
    skip "a sanitizer build calls what it likes"
fi

never='v?f?printf|__v?f?printf_chk|puts|fputs|putc|fputc|putchar|fwrite|perror|stdout|stderr|exit|_exit|_Exit|quick_exit|abort|__assert_fail|getenv|secure_getenv|signal|sigaction|system|popen|rand|srand|strtok|gets|atexit|fork'
world='open(at)?(64)?|fopen(64)?|read|write|pread.*|pwrite.*|close|socket|connect|bind|accept4?|send.*|recv.*|poll|select|fcntl(64)?|ioctl|shm_open|fsync|unlink|rename|stat|fstat|getrandom|time|gettimeofday|sleep|usleep|nanosleep'

# calls LIBRARY FORBIDDEN
calls() {
    nm -A -u "$build_directory/$1" 2>/dev/null | awk '{print $1, $NF}' | sed 's/@.*//' | grep -E " ($2)\$" |
        while read -r place name; do offence "${place%:}: calls $name"; done
}
calls libkeystill.a "$never|$world"
# Loaders and searchers of plugins may look at nothing but what they are given.
calls libkeystill-host.a "$never"
verdict
