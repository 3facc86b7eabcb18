# Who may know whom (CONTRIBUTING.md): a file includes only what its room may see.
. "$(dirname "$0")/checks.sh"

# room ALLOWED FILE...: every project header that a file includes must match the extended expression ALLOWED.
room() {
    allowed=$1
    shift
    for file in "$@"; do
        [ -f "$file" ] || continue
        sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p; s/^ *# *include *<\(keystill\/[^>]*\)>.*/\1/p' "$file" |
            grep -vE "^($allowed)" | while read -r header; do
            offence "$file: must not include $header"
        done
    done
}

public='keystill/'
facts='keystill/(status|event|secret|random)\.h'
# shellcheck disable=SC2046 # file names have no blanks
{
    room "$public" $(sources include)
    room "kernels/|$facts" $(sources kernels | grep -v '^kernels/ref/')
    room 'kernels/[a-z_0-9]*\.(h|def)|kernels/ref/|kernels/gpu/port\.h' $(sources kernels/ref)
    room "ldpc/|kernels/|pipeline/status\.h|$facts" $(sources ldpc)
    room "pipeline/|ldpc/|kernels/|$public" $(sources pipeline)
    room "host/(certificates|[a-bd-z][a-z]*)/|host/[a-z_]*\.h|pipeline/|ldpc/|kernels/|generated|$public" \
        $(sources host | grep -v '^host/cli/')
    room "host/cli/|host/cli\.h|$public" host/cli/cmd_alice.c host/cli/cmd_bob.c host/cli/cmd_link.c host/cli/cmd_distil.c \
        host/cli/cmd_keys.c
    room "$public" $(sources tests/embed)
}

# What touches the world belongs to host.
for file in $(sources kernels ldpc pipeline); do
    grep -nE '# *include *<(fcntl|dirent|poll|netdb|termios|syslog|signal|netinet/.*|arpa/.*|sys/(socket|stat|un|file|ioctl|wait)|CL/.*|cuda.*)\.h>' \
        "$file" | while read -r line; do offence "$file:$line: only host touches the world"; done
done
verdict
