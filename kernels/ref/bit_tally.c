/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sift.h"

ks_k_bit_tally_fn ks_bit_tally_ref;

void ks_bit_tally_ref(uint64_t counts[4], const uint64_t *mask, const uint64_t *low, const uint64_t *high,
                      size_t n) {
    for (int k = 0; k < 4; k++)
        counts[k] = 0;
    for (size_t i = 0; i < n; i++)
        if (mask[i / 64] >> i % 64 & 1)
            counts[(low[i / 64] >> i % 64 & 1) + 2 * (high[i / 64] >> i % 64 & 1)]++;
}
