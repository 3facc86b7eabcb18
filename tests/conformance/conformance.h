/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance of kernel variants with their oracles. A case draws inputs from its seed (odd sizes, edge
 * values), runs both, compares everything written, sentinels before and after the outputs included. */
#ifndef KS_TESTS_CONFORMANCE_H
#define KS_TESTS_CONFORMANCE_H

#include "kernels/kernels.h"

/* 0 when variant and oracle agree; otherwise prints what differs to stderr and returns 1. `variant` and
 * `oracle` are of the row's function type. */
#define KS_KERNEL(name, unit, bytes, ops)                                                                    \
    int ks_conformance_##name(ks_k_##name##_fn *variant, ks_k_##name##_fn *oracle, uint64_t seed);
#define KS_VARIANT(name, isa)
#include "kernels/list.def"
#undef KS_KERNEL
#undef KS_VARIANT

/* Not 0: a few small sizes are enough, where each takes long (--small). */
extern int ks_conformance_small;
/* For rows that work together: the function of another row where the variant under test comes from, NULL when
 * there is none. */
ks_any_fn *ks_conformance_partner(const char *row);
/* Its instruction-set level; KS_ISA_ref for devices. */
ks_isa ks_conformance_isa(void);

/* SplitMix64: every test's generator. */
static inline uint64_t ks_test_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

#endif
