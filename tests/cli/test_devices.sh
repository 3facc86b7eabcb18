# keystill devices, selftest and --backend: what is there, what is not, and keys from a device.
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/session.sh"
HOME=$PWD
export HOME
unset XDG_CACHE_HOME XDG_CONFIG_HOME KEYSTILL_BACKEND KEYSTILL_PLUGINS

# A folder without plugins: the processor is there all the same.
mkdir empty writable
KEYSTILL_PLUGINS=$PWD/empty
export KEYSTILL_PLUGINS
expect 0 "$program" devices
says "$out" '^cpu '
says "$out" 'self-test passed'
says "$out" '^cuda *unusable: '
expect 0 "$program" devices --json
says "$out" '"backend":"cpu","index":0,"usable":true'
expect 0 "$program" selftest
says "$out" '^cpu generic *passed'
KEYSTILL_PLUGINS=relative expect 2 "$program" devices

# Something that is no plugin, and a folder that anybody may write to.
echo 'not an object' >empty/keystill-opencl.so
expect 0 "$program" devices
says "$out" '^opencl *unusable: '
chmod 777 writable
KEYSTILL_PLUGINS=$PWD/writable expect 0 "$program" devices
says "$out" '^opencl *unusable: '

simulate ptu
# with EXIT CHOICE
with() {
    wanted=$1
    shift
    # shellcheck disable=SC2086 # options are lists
    expect "$wanted" "$program" distil --events events.ptu --format ptu --states states $common $tags --output keys "$@"
}
with 2 --backend nonsense
says "$err" 'backend'
with 2 --backend cpu,
with 2 --backend cpu:x
with 2 --backend cpu,cpu
with 5 --backend opencl:63
with 0 --backend cpu
KEYSTILL_BACKEND=nonsense with 2

# The tuning file: written, read, refused when damaged.
mkdir -p .config/keystill
printf 'cpu\t0\tdecode\tfast\tx\n' >.config/keystill/devices
with 3
says "$err" 'line 1'
expect 0 "$program" devices --tune
says .config/keystill/devices '^cpu	0	decode	'
with 0
expect 1 "$program" devices --tune --tuning /nowhere/devices

# Keys from whatever OpenCL device is there, beside the processor.
unset KEYSTILL_PLUGINS
if "$program" devices --json | grep '"backend":"opencl"' | grep -q '"usable":true'; then
    with 0 --backend opencl,cpu
    [ "$(wc -c <keys)" -gt 5000 ] || complain "hardly any keys with a device and the processor"
    "$program" codes export s348-10 --log2n 14 -o code.pchk
    expect 0 "$program" codes measure code.pchk --qber 0.03 --frames 70 --json
    sed 's/"throughput.*//; s/"cpu"/"opencl"/' "$out" >measured
    expect 0 "$program" codes measure code.pchk --qber 0.03 --frames 70 --json --backend opencl
    sed 's/"throughput.*//' "$out" | cmp -s - measured || complain "another decoder: $(cat "$out")"
    with 0 --backend opencl --code code.pchk
    [ "$(wc -c <keys)" -gt 5000 ] || complain "hardly any keys by an imported code"
    expect 0 "$program" bench ldpc --backend opencl --log2n 14 --qber 0.02 --frames 8 --json
    says "$out" '"backend":"opencl","device":"opencl:0 .*"fer":0,.*"undetected":0,.*"verified":true'
    expect 0 "$program" bench amplify --backend opencl --bits 70000 --blocks 8 --seconds 0.01 --json
    says "$out" '"backend":"opencl","device":"opencl:0 .*"blocks":8,"seed":"fresh","transfers":"included",.*"verified":true'
fi
finish
