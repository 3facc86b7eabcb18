/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_ldpc.h"

size_t ks_ldpc_state_bytes(uint32_t columns, uint32_t rows, uint32_t edges, uint32_t z) {
    size_t soft = (size_t)columns * (z + KS_LDPC_PAD), checks = (size_t)rows * z * 3,
           sign = (size_t)edges * (z / 8);
    return soft + checks + sign + (size_t)KS_LDPC_ROW_EDGES_MAX * 64 + 64;
}

size_t ks_ldpc_exact_bytes(uint32_t columns, uint32_t edges, uint32_t z) {
    size_t soft = (size_t)columns * (z + KS_LDPC_PAD / 2) * 2, message = (size_t)edges * z * 2;
    return soft + (size_t)KS_LDPC_ROW_EDGES_MAX * 3 * 64 + message;
}
