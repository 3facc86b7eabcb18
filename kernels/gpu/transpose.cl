/* SPDX-License-Identifier: Apache-2.0 */
/* Row bit_transpose. A group of 64 items takes a tile of 64 by 64 bits: item r loads a word of row r, item c gathers column c. */
#include "kernels/gpu/port.h"

KS_KERNEL_FN(ks_gpu_transpose)
(KS_GLOBAL ks_u64 *out, KS_GLOBAL const ks_u64 *in, ks_u32 rows, ks_u64 columns) {
    KS_LOCAL ks_u64 tile[64];
    ks_u64 in_words = (columns + 63) / 64, out_words = (rows + 63) / 64;
    ks_u32 item = KS_ITEM(), row = KS_GROUP_Y() * 64 + item;
    ks_u64 column = (ks_u64)KS_GROUP() * 64 + item;
    tile[item] = row < rows ? in[row * in_words + KS_GROUP()] : 0;
    KS_BARRIER();
    ks_u64 word = 0;
    for (ks_u32 r = 0; r < 64; r++)
        word |= (tile[r] >> item & 1) << r;
    if (column < columns)
        out[column * out_words + KS_GROUP_Y()] = word;
}
