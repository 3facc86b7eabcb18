/* SPDX-License-Identifier: Apache-2.0 */
/* Schoolbook, a bit at a time: coefficient i of the middle product is the sum of key_j band_(64 key_words + i
 * - j). */
#include "kernels/rows_toeplitz.h"

static unsigned bit(const uint64_t *words, size_t i) {
    return (unsigned)(words[i / 64] >> i % 64 & 1);
}

ks_k_toeplitz_direct_fn ks_toeplitz_direct_ref;

void ks_toeplitz_direct_ref(uint64_t *out, size_t out_words, const uint64_t *key, size_t key_words,
                            const uint64_t *band) {
    for (size_t w = 0; w < out_words; w++)
        out[w] = 0;
    for (size_t i = 0; i < 64 * out_words; i++) {
        unsigned sum = 0;
        for (size_t j = 0; j < 64 * key_words; j++)
            sum ^= bit(key, j) & bit(band, 64 * key_words + i - j);
        out[i / 64] |= (uint64_t)sum << i % 64;
    }
}
