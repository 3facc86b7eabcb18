/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sift.h"

ks_k_bit_expand_fn ks_bit_expand_ref;

size_t ks_bit_expand_ref(uint64_t *dst, const uint64_t *src, const uint64_t *mask, size_t n) {
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 64 == 0)
            dst[i / 64] = 0;
        if (!(mask[i / 64] >> i % 64 & 1))
            continue;
        dst[i / 64] |= (src[used / 64] >> used % 64 & 1) << i % 64;
        used++;
    }
    return used;
}
