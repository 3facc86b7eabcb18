/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sift.h"

ks_k_bit_xor_count_fn ks_bit_xor_count_ref;

uint64_t ks_bit_xor_count_ref(const uint64_t *a, const uint64_t *b, size_t n) {
    uint64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((a[i / 64] >> i % 64) ^ (b[i / 64] >> i % 64)) & 1;
    return count;
}
