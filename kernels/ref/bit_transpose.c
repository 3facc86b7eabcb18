/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kernels/rows_sift.h"

ks_k_bit_transpose_fn ks_bit_transpose_ref;

void ks_bit_transpose_ref(uint64_t *out, const uint64_t *in, size_t rows, size_t columns) {
    const size_t in_words = (columns + 63) / 64, out_words = (rows + 63) / 64;
    memset(out, 0, columns * out_words * 8);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            out[c * out_words + r / 64] |= (in[r * in_words + c / 64] >> c % 64 & 1) << r % 64;
}
