/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sift.h"

ks_k_bit_compress_fn ks_bit_compress_ref;

size_t ks_bit_compress_ref(uint64_t *dst, const uint64_t *src, const uint64_t *mask, size_t n) {
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(mask[i / 64] >> i % 64 & 1))
            continue;
        uint64_t bit = src[i / 64] >> i % 64 & 1;
        uint64_t place = UINT64_C(1) << k % 64;
        dst[k / 64] = bit ? dst[k / 64] | place : dst[k / 64] & ~place;
        k++;
    }
    for (size_t i = k; i % 64; i++)
        dst[i / 64] &= ~(UINT64_C(1) << i % 64);
    return k;
}
