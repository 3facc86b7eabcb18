/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles of 64 by 64 bits, each transposed by exchanging its halves, quarters, ... (Warren, Hacker's Delight,
 * 7-3). */
#include "kernels/rows_sift.h"

ks_k_bit_transpose_fn ks_bit_transpose_generic;

static void transpose_tile(uint64_t tile[64]) {
    uint64_t mask = UINT64_C(0x00000000ffffffff);
    for (unsigned half = 32; half; half /= 2, mask ^= mask << half)
        for (unsigned r = 0; r < 64; r = (r + half + 1) & ~half) {
            uint64_t moved = (tile[r] >> half ^ tile[r + half]) & mask;
            tile[r + half] ^= moved;
            tile[r] ^= moved << half;
        }
}

void ks_bit_transpose_generic(uint64_t *out, const uint64_t *in, size_t rows, size_t columns) {
    const size_t in_words = (columns + 63) / 64, out_words = (rows + 63) / 64;
    for (size_t rw = 0; rw < out_words; rw++)
        for (size_t cw = 0; cw < in_words; cw++) {
            uint64_t tile[64];
            const size_t high = rows - 64 * rw < 64 ? rows - 64 * rw : 64;
            const size_t wide = columns - 64 * cw < 64 ? columns - 64 * cw : 64;
            for (size_t r = 0; r < 64; r++)
                tile[r] = r < high ? in[(64 * rw + r) * in_words + cw] : 0;
            transpose_tile(tile);
            for (size_t c = 0; c < wide; c++)
                out[(64 * cw + c) * out_words + rw] = tile[c];
        }
}
