/* SPDX-License-Identifier: Apache-2.0 */
/* conformance [ROW|all [SEED]]: runs every variant of every row (or of one) that this machine can run against its oracle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/conformance.h"

typedef int case_fn(ks_any_fn *variant, ks_any_fn *oracle, uint64_t seed);

#define KS_KERNEL(name, unit, bytes, ops)                                                                              \
    static int run_##name(ks_any_fn *variant, ks_any_fn *oracle, uint64_t seed)                                        \
    {                                                                                                                  \
        return ks_conformance_##name((ks_k_##name##_fn *)variant, (ks_k_##name##_fn *)oracle, seed);                   \
    }
#define KS_VARIANT(name, isa)
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT

static case_fn *const cases[] = {
#define KS_KERNEL(name, unit, bytes, ops) run_##name,
#define KS_VARIANT(name, isa)
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT
    NULL};

int main(int argc, char **argv)
{
    const char *only = argc > 1 && strcmp(argv[1], "all") != 0 ? argv[1] : NULL;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    uint64_t last = argc > 2 ? first : 12;
    int passed = 0, failed = 0, unsupported = 0;
    for (int r = 0; r < ks_kernel_row_count(); r++) {
        const ks_kernel_row *row = &ks_kernel_rows()[r];
        if (only && strcmp(only, row->name) != 0)
            continue;
        for (int isa = KS_ISA_generic; isa < KS_ISA_COUNT; isa++) {
            if (!row->variants[isa])
                continue;
            if (isa > (int)ks_isa_detect()) {
                printf("%-24s %-10s unsupported on this machine\n", row->name, ks_isa_name((ks_isa)isa));
                unsupported++;
                continue;
            }
            int bad = 0;
            for (uint64_t seed = first; seed <= last && !bad; seed++)
                if (cases[r](row->variants[isa], row->variants[KS_ISA_ref], seed)) {
                    bad = 1;
                    printf("%-24s %-10s FAILED, seed %llu\n", row->name, ks_isa_name((ks_isa)isa),
                           (unsigned long long)seed);
                }
            if (!bad)
                printf("%-24s %-10s ok\n", row->name, ks_isa_name((ks_isa)isa));
            passed += !bad;
            failed += bad;
        }
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, unsupported);
    return failed != 0;
}
