# Every GPU kernel is OpenCL C 1.2 without a warning, but for those of a language that has no static constants; strict about
# conversions, since other compilers of that language are.
. "$(dirname "$0")/checks.sh"
command -v clang >/dev/null 2>&1 || skip "no clang"
for kernel in kernels/gpu/*.cl tests/devices/kernels/gpu/*.cl; do
    clang -x cl -cl-std=CL1.2 -Xclang -finclude-default-header -I. -fsyntax-only -Werror \
        -Weverything -Wno-missing-variable-declarations -Wno-unused-macros -Wno-missing-prototypes -Wno-declaration-after-statement -Wno-conditional-uninitialized "$kernel" >&2 ||
        offence "$kernel: see above"
done
verdict
