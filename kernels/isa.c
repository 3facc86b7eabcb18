/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/isa.h"

#include <stddef.h>
#include <string.h>

static const char *const names[KS_ISA_COUNT] = {"ref", "generic", "avx2", "avx512", "avx512icl"};

const char *ks_isa_name(ks_isa isa) {
    return isa < KS_ISA_COUNT ? names[isa] : "unknown";
}

int ks_isa_parse(const char *name) {
    for (int i = 0; i < KS_ISA_COUNT; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

#if defined(__x86_64__)
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("popcnt");
}

static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static int has_avx512icl(void) {
    return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
           __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("gfni") &&
           __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx512vpopcntdq");
}

ks_isa ks_isa_detect(void) {
    if (!has_avx2())
        return KS_ISA_generic;
    if (!has_avx512())
        return KS_ISA_avx2;
    return has_avx512icl() ? KS_ISA_avx512icl : KS_ISA_avx512;
}
#else
ks_isa ks_isa_detect(void) {
    return KS_ISA_generic;
}
#endif
