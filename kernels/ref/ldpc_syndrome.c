/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernels.h"

#include <string.h>

ks_k_ldpc_syndrome_fn ks_ldpc_syndrome_ref;

void ks_ldpc_syndrome_ref(uint64_t *syndrome, const uint64_t *frame, const ks_ldpc_lists *by_column) {
    uint32_t z = by_column->z;
    memset(syndrome, 0, (size_t)by_column->rows * z / 8);
    for (uint32_t c = 0; c < by_column->columns; c++)
        for (uint32_t e = by_column->first[c]; e < by_column->first[c + 1]; e++)
            for (uint32_t i = 0; i < z; i++) {
                size_t bit = (size_t)c * z + (i + by_column->edges[e].shift) % z;
                size_t check = (size_t)by_column->edges[e].node * z + i;
                syndrome[check / 64] ^= (frame[bit / 64] >> bit % 64 & 1) << check % 64;
            }
}
