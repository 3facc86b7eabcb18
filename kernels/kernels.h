/* SPDX-License-Identifier: Apache-2.0 */
/* The table of CPU kernels and its dispatch. Variants of a row agree bit for bit with its oracle. */
#ifndef KS_KERNELS_KERNELS_H
#define KS_KERNELS_KERNELS_H

#include "kernels/isa.h"
#include "kernels/rows_tags.h"
#include "kernels/rows_sift.h"
#include "kernels/rows_ldpc.h"
#include "kernels/rows_sparse.h"
#include "kernels/rows_hash.h"
#include "kernels/rows_random.h"
#include "kernels/rows_toeplitz.h"

/* One function pointer a row. */
typedef struct ks_kernels {
    ks_isa isa;
#define KS_KERNEL(name, unit, bytes, ops) ks_k_##name##_fn *name;
#define KS_VARIANT(name, isa)
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT
} ks_kernels;

/* The best variant of every row at or below `isa`, which must not exceed ks_isa_detect(). Tables are constant
 * after the first call; thread-safe. */
const ks_kernels *ks_kernels_at(ks_isa isa);

/* The table in force: ks_isa_detect(), or what ks_kernels_force chose. Exported from the shared library for
 * libkeystill-host alone. */
__attribute__((visibility("default"))) const ks_kernels *ks_kernels_get(void);

/* Chooses a level for the process ("generic", "avx2", ...; NULL: the best). 0 on success, -1 for an unknown
 * name, -2 when this machine does not have it. Call before work starts. */
int ks_kernels_force(const char *isa_name);

/* The rows, for those that iterate: name, unit, cost, and the pointer of each variant (NULL where a level has
 * none). */
typedef void ks_any_fn(void);
typedef struct ks_kernel_row {
    const char *name, *unit;
    double bytes, ops;
    ks_any_fn *variants[KS_ISA_COUNT];
} ks_kernel_row;

const ks_kernel_row *ks_kernel_rows(void);
int ks_kernel_row_count(void);

#endif
