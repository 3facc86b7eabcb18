/* SPDX-License-Identifier: Apache-2.0 */
/* The definition, a bit at a time: y_i = sum over j of s[(i - j) mod S] x_j, S = c + m - 1. */
#include "kernels/rows_toeplitz.h"

static unsigned bit(const uint64_t *words, size_t i) {
    return (unsigned)(words[i / 64] >> i % 64 & 1);
}

ks_k_toeplitz_apply_fn ks_toeplitz_apply_ref;

void ks_toeplitz_apply_ref(const ks_toeplitz_shape *shape, uint64_t *out, const uint64_t *key,
                           const void *prepared, void *work, const ks_workers *workers) {
    (void)work;
    (void)workers;
    const uint64_t *seed = prepared;
    const size_t m = shape->m, c = shape->c, s = c + m - 1;
    for (size_t w = 0; w < (m + 63) / 64; w++)
        out[w] = 0;
    for (size_t i = 0; i < m; i++) {
        unsigned y = 0;
        for (size_t j = 0; j < c; j++)
            y ^= bit(seed, i >= j ? i - j : i + s - j) & bit(key, j);
        out[i / 64] |= (uint64_t)y << i % 64;
    }
}
