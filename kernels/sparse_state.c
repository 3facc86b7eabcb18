/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/rows_sparse.h"

size_t ks_sparse_state_bytes(uint32_t columns, uint32_t rows, uint32_t ones) {
    const size_t lanes = KS_SPARSE_FRAMES;
    return columns * (lanes + 8) + rows * (3 * lanes + 8) + (size_t)ones * 8 + KS_LDPC_ROW_EDGES_MAX * lanes +
           64;
}
