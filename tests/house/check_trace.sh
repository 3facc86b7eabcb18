# The table of docs/security.md that leads from each statement of the proof to the code and to its test names only functions
# and tests that exist.
. "$(dirname "$0")/checks.sh"
document=docs/security.md

# FILE.c:FUNCTION between backquotes: the file defines the function.
grep -oE '`[a-z]+(/[a-z_0-9]+)+\.c:[a-z_0-9]+`' "$document" | tr -d '`' | sort -u | while IFS=: read -r file function; do
    grep -qE "^[a-z].*[ *]$function\(" "$file" 2>/dev/null || offence "$document: $file defines no $function"
done

# test_FILE:TEST: the test program has that test.
grep -oE '`test_[a-z_0-9]+:[a-z_0-9]+`' "$document" | tr -d '`' | sort -u | while IFS=: read -r file name; do
    grep -qE "^Test\([a-z_]+, ${name}[,)]" "tests/unit/$file.c" "tests/certificates/$file.c" 2>/dev/null ||
        offence "$document: no $file.c has a test $name"
done

# Programs named by themselves.
grep -oE '`(test|fuzz)_[a-z_0-9]+`' "$document" | tr -d '`' | sort -u | while read -r program; do
    [ -e "tests/unit/$program.c" ] || [ -e "tests/certificates/$program.c" ] || [ -e "tests/fuzz/$program.c" ] || offence "$document: no test program $program"
done

[ "$(grep -cE '^\| .*`[a-z]+/[a-z_]+\.c:' "$document")" -ge 30 ] || offence "$document: the table is not what this check reads"
verdict
