/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sift.h"

ks_k_states_split_fn ks_states_split_ref;

void ks_states_split_ref(uint64_t *basis, uint64_t *bit, uint64_t *low, uint64_t *high,
                         const ks_state *states, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i % 64 == 0)
            basis[i / 64] = bit[i / 64] = low[i / 64] = high[i / 64] = 0;
        unsigned intensity = (unsigned)states[i] >> KS_STATE_INTENSITY_SHIFT & 3;
        bit[i / 64] |= (uint64_t)((states[i] & KS_STATE_BIT) != 0) << i % 64;
        basis[i / 64] |= (uint64_t)((states[i] & KS_STATE_BASIS) != 0) << i % 64;
        low[i / 64] |= (uint64_t)(intensity & 1) << i % 64;
        high[i / 64] |= (uint64_t)(intensity >> 1) << i % 64;
    }
}
