/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Declare every oracle and every variant. Levels above generic exist on x86-64 only. */
#define KS_KERNEL(name, unit, bytes, ops) ks_k_##name##_fn ks_##name##_ref;
#define KS_VARIANT(name, isa)             ks_k_##name##_fn ks_##name##_##isa;
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT

enum {
#define KS_KERNEL(name, unit, bytes, ops) ROW_##name,
#define KS_VARIANT(name, isa)
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT
    ROW_COUNT
};

static ks_kernel_row rows[ROW_COUNT + 1];
static ks_kernels tables[KS_ISA_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int in_force = -1;

#if defined(__x86_64__)
#define COMPILED(isa) 1
#else
#define COMPILED(isa) ((isa) <= KS_ISA_generic)
#endif

static void fill(void) {
#define KS_KERNEL(row, unit_text, bytes_cost, ops_cost)                                                      \
    rows[ROW_##row] =                                                                                        \
        (ks_kernel_row){.name = #row, .unit = (unit_text), .bytes = (bytes_cost), .ops = (ops_cost)};        \
    rows[ROW_##row].variants[KS_ISA_ref] = (ks_any_fn *)ks_##row##_ref;
#if defined(__x86_64__)
#define KS_VARIANT(row, isa) rows[ROW_##row].variants[KS_ISA_##isa] = (ks_any_fn *)ks_##row##_##isa;
#else
#define KS_VARIANT(row, isa)                                                                                 \
    if (COMPILED(KS_ISA_##isa))                                                                              \
        rows[ROW_##row].variants[KS_ISA_##isa] = (ks_any_fn *)ks_##row##_##isa;
#endif
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT

    for (int level = 0; level < KS_ISA_COUNT; level++) {
        tables[level].isa = (ks_isa)level;
#define KS_KERNEL(row, unit, bytes, ops)                                                                     \
    for (int i = 0; i <= level; i++)                                                                         \
        if (rows[ROW_##row].variants[i])                                                                     \
            tables[level].row = (ks_k_##row##_fn *)rows[ROW_##row].variants[i];
#define KS_VARIANT(name, isa)
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT
    }
}

const ks_kernels *ks_kernels_at(ks_isa isa) {
    (void)pthread_once(&once, fill);
    return &tables[isa < KS_ISA_COUNT ? isa : KS_ISA_ref];
}

const ks_kernels *ks_kernels_get(void) {
    int level = atomic_load_explicit(&in_force, memory_order_relaxed);
    if (level < 0) {
        level = (int)ks_isa_detect();
        atomic_store_explicit(&in_force, level, memory_order_relaxed);
    }
    return ks_kernels_at((ks_isa)level);
}

int ks_kernels_force(const char *isa_name) {
    int level = isa_name ? ks_isa_parse(isa_name) : (int)ks_isa_detect();
    if (level < 0)
        return -1;
    if (level > (int)ks_isa_detect())
        return -2;
    atomic_store_explicit(&in_force, level, memory_order_relaxed);
    return 0;
}

const ks_kernel_row *ks_kernel_rows(void) {
    (void)pthread_once(&once, fill);
    return rows;
}

int ks_kernel_row_count(void) {
    return ROW_COUNT;
}
