# What holds for every command: help, version, suggestions, exit codes, standard output and error kept apart.
. "$(dirname "$0")/checks.sh"

expect 0 "$program" --help
says "$out" 'Usage: keystill COMMAND'
silent "$err"

expect 0 "$program" --version
says "$out" '^keystill [0-9]*\.[0-9]*\.[0-9]*'

expect 2 "$program"
silent "$out"
says "$err" 'Usage:'

expect 2 "$program" bensh
silent "$out"
says "$err" "did you mean 'bench'"
expect 2 "$program" frobnicate-everything
says "$err" 'keystill --help'

expect 0 "$program" bench --help
says "$out" 'Usage: keystill bench NAME'
expect 2 "$program" bench
expect 2 "$program" bench no-such-benchmark
says "$err" 'unknown benchmark'

# Every command of the list explains itself on standard output and refuses an unknown option on standard error.
for command in $("$program" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z0-9]*\) .*/\1/p'); do
    expect 0 "$program" "$command" --help
    says "$out" "^Usage: keystill $command"
    silent "$err"
    [ "$command" = bench ] && continue
    expect 2 "$program" "$command" --no-such-option-at-all
    silent "$out"
    says "$err" "keystill $command: unknown option"
done

# A closed standard output is an error of its own.
if [ -e /dev/full ]; then
    "$program" --help >/dev/full 2>"$err"
    [ $? -eq 6 ] || complain "a full output is not exit code 6"
fi
finish
